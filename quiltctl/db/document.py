"""Columns that hold JSON, as values.

Not by SQLite's ``json_tree``: it has no integers beyond 64 bits, and turns the escaped bytes of a name that is not
UTF-8 into text that sqlite3 cannot read back.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.model import document

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any


def decode(connection: sqlite3.Connection, text: str) -> Any:
    """Return the value of a JSON text that the connection gave.

    Raises:
        StoreDamaged: it is not JSON.
    """
    try:
        return document.decode(text)
    except ValueError as error:
        path = connection.execute("PRAGMA database_list").fetchone()["file"] or "in memory"
        raise errors.StoreDamaged(
            f"the database {path} is damaged: a column holds no JSON: {error}",
            hint="restore a backup made with: quiltctl system backup",
        ) from error
