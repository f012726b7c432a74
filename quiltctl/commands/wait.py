"""`quiltctl wait`: sleep until containers have ended, and print their exit codes."""

from __future__ import annotations

import sys

from quiltctl import errors
from quiltctl.commands._many import each
from quiltctl.commands._parameters import CONTAINERS, JSON, LATEST
from quiltctl.commands._references import references_of
from quiltctl.db.connection import open_to_read
from quiltctl.model.parameters import Flag, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.wait import Awaited

_ENDED = frozenset({"exited", "error"})
_STATES = {
    "configured": frozenset({"created"}),
    "created": frozenset({"created"}),
    "exited": _ENDED,
    "initialized": frozenset({"created"}),
    "paused": frozenset({"paused"}),
    "removed": frozenset({"removed"}),
    "removing": frozenset({"removed"}),
    "running": frozenset({"running"}),
    "stopped": _ENDED,
}
"""podman's words for what can be waited for, and our states."""
_UNKNOWN = -1

VERB = Verb(
    summary="Wait until containers end and print their exit codes.",
    description="Prints one code per line, in the order of the containers: 0 for one that never ran, -1 where the"
    " code is not known or something else than an end was waited for. A container that was removed after its end"
    " still answers.",
    parameters=(
        Option(
            ("--condition",),
            f"Wait for this state instead; repeatable: {', '.join(_STATES)}.",
            multiple=True,
            metavar="STATE",
        ),
        Option(("--interval", "-i"), "Accepted for podman's sake, and unused: nothing is polled.", metavar="DURATION"),
        Flag(("--ignore",), "Print -1 for containers that do not exist."),
        LATEST,
        JSON,
        CONTAINERS,
    ),
    examples=(
        ("quiltctl wait job", "its exit code, once it has ended"),
        ("quiltctl wait --condition running web", "until it runs"),
    ),
)


def command(
    paths: Paths,
    *,
    condition: list[str],
    interval: str | None,  # noqa: ARG001 (podman polls; here the kernel tells)
    ignore: bool,
    latest: bool,
    json: bool,
    containers: list[str],
) -> int:
    """Wait for each container; all are looked up first, so what is missing is told at once."""
    from quiltctl.runtime.lifecycle.wait import begin

    states = _parse_conditions(condition)
    connection = open_to_read(paths)
    begun: list[tuple[str, Awaited | None]] = []

    def take_hold(reference: str) -> None:
        try:
            begun.append((reference, begin(connection, paths, reference)))
        except errors.NotFound:
            if not ignore:
                raise
            begun.append((reference, None))

    documents = []

    def report(item: tuple[str, Awaited | None]) -> None:
        reference, awaited = item
        code = _UNKNOWN if awaited is None else _wait(connection, paths, awaited, states)
        documents.append({"Reference": reference, "Id": awaited and awaited.container_id, "ExitCode": code})
        if not json:
            sys.stdout.write(f"{code}\n")
            sys.stdout.flush()  # the next one may take days

    references = references_of(connection, containers, latest=latest, verb="wait")
    worst = max(each(references, take_hold, as_json=json), each(begun, report, as_json=json))
    if json:
        from quiltctl.ui.show import show_json

        show_json(documents, indent=2)
    return worst


def _parse_conditions(words: list[str]) -> frozenset[str]:
    """Return the states that are waited for, of words which may be several in one, separated by commas."""
    states: frozenset[str] = frozenset()
    for word in ",".join(words or ["exited"]).split(","):
        if word in {"healthy", "unhealthy"}:
            raise errors.UsageError(f"cannot wait for {word}: this version has no health checks")
        if word not in _STATES:
            raise errors.UsageError(
                f'cannot wait for "{word}": no container is ever that', hint=f"wait for one of {', '.join(_STATES)}"
            )
        states |= _STATES[word]
    return states


def _wait(connection: sqlite3.Connection, paths: Paths, awaited: Awaited, states: frozenset[str]) -> int:
    from quiltctl.runtime.lifecycle.wait import wait_for_end, wait_for_state

    if states == _ENDED:
        code = wait_for_end(connection, paths, awaited)
    else:
        container = wait_for_state(connection, paths, awaited, states)
        code = container.exit_code if container is not None and container.state in _ENDED else None
    return _UNKNOWN if code is None else code
