"""What the whole root remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiltctl.db import meta

if TYPE_CHECKING:
    import sqlite3


def test_meta_keeps_the_last_value_put(connection: sqlite3.Connection) -> None:
    """A key holds what was put last, nothing before, and nothing once it is deleted."""
    seen = [meta.get(connection, "boot_id")]
    for value in ("one", "two"):
        meta.put(connection, "boot_id", value)
        seen.append(meta.get(connection, "boot_id"))
    meta.delete(connection, "boot_id")
    meta.delete(connection, "boot_id")
    seen.append(meta.get(connection, "boot_id"))
    assert seen == [None, "one", "two", None]
