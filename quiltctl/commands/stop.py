"""`stop`: stop containers, politely first."""

from __future__ import annotations

import sys

from quiltctl.commands import _parameters as shared
from quiltctl.model.parameters import Option, Verb
from quiltctl.ui.failure import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Stop containers.",
    description=(
        "Sends each its stop signal (TERM, if nothing else was said) and, when it has not ended in time, KILL. All are "
        "signalled first and waited for together. A program that is PID 1 gets no default action for signals: run it "
        "with --init, or stop it with --time 0."
    ),
    parameters=(
        Option(
            ("--time", "-t", "--timeout"),
            "Seconds until it is killed; 0 kills at once, -1 waits for ever.",
            kind=int,
            metavar="SECONDS",
        ),
        shared.ALL,
        shared.LATEST,
        shared.IGNORE,
        shared.CIDFILE,
        shared.FILTER,
        shared.CONTAINERS,
    ),
    examples=(
        ("quiltctl stop web", "give it ten seconds"),
        ("quiltctl stop --time 0 --all", "end all that run, now"),
    ),
)


def command(
    paths: Paths,
    *,
    time: int | None,
    all: bool,
    latest: bool,
    ignore: bool,
    cidfile: list[str],
    filter: list[str],
    containers: list[str],
) -> int:
    """Stop containers and print what was given, in order."""
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write
    from quiltctl.db.containers import LIVE
    from quiltctl.runtime.lifecycle.stop import stop

    connection = open_to_write(paths)
    choice = choose(
        paths,
        connection,
        containers,
        all=all,
        latest=latest,
        filters=filter,
        cidfiles=cidfile,
        states=LIVE,
        ignore=ignore,
    )
    stop(paths, connection, [item.container for item in choice.chosen], timeout_s=time, warn=_warn)
    for item in choice.chosen:
        sys.stdout.write(f"{item.word}\n")
    for _, error in choice.missing:
        tell(error)
    return max((error.exit_code for _, error in choice.missing), default=0)


def _warn(sentence: str) -> None:
    sys.stderr.write(f"Warning: {sentence}\n")
