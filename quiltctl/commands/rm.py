"""`rm`: remove containers."""

from __future__ import annotations

import sys

from quiltctl import errors
from quiltctl.commands import _parameters as shared
from quiltctl.model.parameters import Flag, Option, Verb
from quiltctl.ui.failure import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.commands._choose import Choice
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Remove containers.",
    description="Their files and logs go with them. Ends with 1 when one does not exist, with 2 when one runs.",
    parameters=(
        Flag(("--force", "-f"), "Kill those that run; say nothing about those that do not exist."),
        Flag(("--volumes", "-v"), "Remove anonymous volumes too; this version has no volumes."),
        Flag(("--depend",), "Remove what depends on them too; in this version nothing does."),
        Option(
            ("--time", "-t"), "With --force, let each end by itself for so many seconds.", kind=int, metavar="SECONDS"
        ),
        shared.ALL,
        shared.LATEST,
        shared.IGNORE,
        shared.CIDFILE,
        shared.FILTER_LONG,
        shared.CONTAINERS,
    ),
    examples=(
        ("quiltctl rm web", "remove one that has ended"),
        ("quiltctl rm -f web db", "remove two, running or not"),
        ("quiltctl rm --filter status=exited", "remove all that have ended"),
    ),
)

_MISSING = 1
_RUNNING = 2


def command(
    paths: Paths,
    *,
    force: bool,
    volumes: bool,  # noqa: ARG001 (there is nothing to remove yet)
    depend: bool,  # noqa: ARG001 (nothing depends on a container yet)
    time: int | None,
    all: bool,
    latest: bool,
    ignore: bool,
    cidfile: list[str],
    filter: list[str],
    containers: list[str],
) -> int:
    """Remove containers and print what was given, in order; return the worst of 0, 1, 2 and 125."""
    if time is not None and not force:
        raise errors.UsageError("--time needs --force", hint="without --force nothing is ended")
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write

    connection = open_to_write(paths)
    choice = choose(
        paths,
        connection,
        containers,
        all=all,
        latest=latest,
        filters=filter,
        cidfiles=cidfile,
        ignore=ignore or force,
    )
    worst = _remove(paths, connection, choice, force=force, time_s=time)
    for _, error in choice.missing:
        tell(error)
        worst = max(worst, _MISSING if isinstance(error, errors.NotFound) else error.exit_code)
    return worst


def _remove(paths: Paths, connection: sqlite3.Connection, choice: Choice, *, force: bool, time_s: int | None) -> int:
    from quiltctl.runtime.lifecycle.remove import remove

    chosen = [item.container for item in choice.chosen]
    if time_s:
        from quiltctl.runtime.lifecycle.stop import stop

        stop(paths, connection, chosen, timeout_s=time_s, warn=lambda _: None)
    worst = 0
    removals = remove(paths, connection, chosen, force=force)
    for item, removal in zip(choice.chosen, removals, strict=True):
        if removal.refusal is not None:
            tell(removal.refusal)
            worst = max(worst, _RUNNING)
        elif removal.problem:
            tell(errors.KernelError(removal.problem, hint="it will be tried again by: quiltctl gc"))
            worst = max(worst, 125)
        else:
            sys.stdout.write(f"{item.word}\n")
    return worst
