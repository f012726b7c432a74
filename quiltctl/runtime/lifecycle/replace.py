"""`--replace`: whoever has the name goes, running or not."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.runtime.lifecycle import reap, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths


def make_way(paths: Paths, connection: sqlite3.Connection, name: str) -> None:
    """Remove the container that has this name, if there is one.

    Raises:
        UsageError: no name was given.
    """
    if not name:
        raise errors.UsageError("--replace needs --name", hint="name the container that shall be replaced")
    if not containers.name_taken(connection, name):
        return
    owner = reap.reap(paths, connection, containers.find(connection, name))
    if owner is not None:
        remove.remove(paths, connection, [owner], force=True)
