"""The containers a command line means: those it names, or with ``--latest`` the one that was created last."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


def references_of(connection: sqlite3.Connection, given: list[str], *, latest: bool, verb: str) -> list[str]:
    """Return the references a verb works on, never none.

    Raises:
        UsageError: there is none, or there are both.
        NotFound: --latest, and there is no container.
    """
    if not latest:
        if not given:
            raise errors.UsageError(f"{verb} needs a container", hint=f"quiltctl {verb} NAME, or quiltctl {verb} -l")
        return given
    if given:
        raise errors.UsageError("--latest and the name of a container do not go together")
    newest = containers.list_all(connection)[:1]
    if not newest:
        raise errors.NotFound("container", "--latest", hint="there is none yet; make one with: quiltctl run")
    return [newest[0].id]
