"""Print the schema of a fresh database, for schema.sql. `script/golden` writes it there; a test compares the two."""

from __future__ import annotations

import sqlite3
import sys

from quiltctl.db import migrate


def dump() -> str:
    """Return every table, index, trigger and view, and the tables of moves, whose rows are part of the schema."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate.upgrade(connection)
    made = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, rootpage = 0, name"
    )
    lines = [f"PRAGMA user_version = {connection.execute('PRAGMA user_version').fetchone()[0]};"]
    lines += [f"{sql};" for (sql,) in made]
    for (table,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%moves' ORDER BY name"
    ).fetchall():
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        lines += [f"INSERT INTO {table} VALUES {row};" for row in rows]
    connection.close()
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(dump())
