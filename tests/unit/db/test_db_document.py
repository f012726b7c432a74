"""Columns that hold JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.db.document import decode
from quiltctl.errors import StoreDamaged
from quiltctl.model.document import encode

if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths


def test_decode_gives_back_what_a_column_kept(connection: sqlite3.Connection) -> None:
    """Huge numbers and names that are not UTF-8 come back from SQLite as they were."""
    value = {"n": 10**30, "path": "caf\udce9", "nested": [None, True, {"": 1.5}], "nul": "a\x00b"}
    text = connection.execute("SELECT json(?)", (encode(value),)).fetchone()[0]

    assert decode(connection, text) == value


def test_decode_names_the_damaged_database(connection: sqlite3.Connection, quilt_root: Paths) -> None:
    """A column that holds something else is a damaged database, and the sentence says which."""
    with pytest.raises(StoreDamaged, match=f"^the database {quilt_root.database} is damaged: a column holds no JSON"):
        decode(connection, '{"a": ')
