"""Making the database and bringing it up to date, with the rows that are in it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import migrate
from quiltctl.db.connection import open_to_read, open_to_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quiltctl.paths import Paths

GOLDEN = Path(__file__).parents[2] / "golden"
FIRST_ROWS = """
INSERT INTO meta VALUES ('boot_id', 'b');
INSERT INTO layers VALUES (:id, 10, 1, 1);
INSERT INTO images VALUES (:id, '{"Env":[]}', 'amd64', 10, 'a.tar', 1);
INSERT INTO image_layers VALUES (:id, 0, :id);
INSERT INTO image_names VALUES ('localhost/a:latest', :id, 1);
INSERT INTO image_sources VALUES ('/a.tar', 10, 1, 2, 3, :id);
INSERT INTO containers (id, name, image_id, image_name, command, config, created_at, changed_at)
    VALUES (:id, 'web', :id, 'a', '["true"]', '{}', 1, 1);
INSERT INTO container_labels VALUES (:id, 'k', 'v');
UPDATE containers SET state = 'starting', generation = 1, shim_pid = 2, shim_started = 3, boot_id = 'b';
UPDATE containers SET state = 'running', pid = 4, pid_started = 5, started_at = 6;
UPDATE containers SET state = 'exited', exit_code = 7, exit_reason = 'exited', finished_at = 8;
INSERT INTO networks VALUES (:id, 'n', 'quilt0', '10.42.0.0/16', '10.42.0.1', NULL, NULL, 0, '{}', 1);
INSERT INTO network_allocations VALUES (1, :id, :id, '10.42.0.2', NULL, 'm', 'v', 'eth0', '[]', 'active', 1, NULL);
INSERT INTO process_monitors VALUES (:id, 1, 2, 3, 'b', 'completed', 1, 8, 'exit');
INSERT INTO cleanup_tasks VALUES (1, :id, 'cgroup', 'quilt/a', 'failed', 2, 'busy', 1, 8);
INSERT INTO volumes VALUES ('data', 'local', 0, '{}', '{}', 1);
INSERT INTO volume_uses (volume, container_id, destination) VALUES ('data', :id, '/data');
"""
"""At least one row in each table of the first schema, as a user of the first version has them."""


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return sorted(row[0] for row in rows)


def contents(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    return {t: [tuple(row) for row in connection.execute(f"SELECT * FROM {t}")] for t in tables(connection)}


@pytest.fixture
def first_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Give a database as 0001 alone makes it, with rows in every table."""
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", migrate.MIGRATIONS[:1])
        connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate.upgrade(connection)
    for statement in FIRST_ROWS.split(";\n"):
        connection.execute(statement, {"id": "a" * 64} if ":id" in statement else {})
    yield connection
    connection.close()


def with_migration(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let the program know one migration more than it has."""
    (folder / "next.sql").write_text(script)
    here = os.path.relpath(folder / "next.sql", f"{os.path.dirname(migrate.__file__)}/migrations")
    monkeypatch.setattr(migrate, "MIGRATIONS", (*migrate.MIGRATIONS, here))
    monkeypatch.setattr(migrate, "LATEST", migrate.LATEST + 1)


def test_schema_is_as_committed() -> None:
    """A fresh database is what tests/golden/schema.sql says; where that is meant to change, run script/golden."""
    dumped = subprocess.run([sys.executable, GOLDEN / "schema.py"], check=True, capture_output=True, text=True).stdout
    assert dumped == (GOLDEN / "schema.sql").read_text(encoding="utf-8")


def test_every_migration_is_in_the_list() -> None:
    """The files in the folder are the migrations, in the order of their numbers, without a gap."""
    files = sorted(os.listdir(f"{os.path.dirname(migrate.__file__)}/migrations"))
    assert list(migrate.MIGRATIONS) == [name for name in files if name.endswith(".sql")]
    assert [int(name[:4]) for name in migrate.MIGRATIONS] == list(range(1, migrate.LATEST + 1))


def test_first_rows_are_in_every_table(first_version: sqlite3.Connection) -> None:
    """The rows that the migrations are tried with leave no table of the first schema out."""
    assert [table for table, rows in contents(first_version).items() if not rows] == []


def test_upgrade_from_the_first_version_keeps_every_row(first_version: sqlite3.Connection) -> None:
    """Whoever comes from the first version with rows in every table has them all afterwards, and the last schema."""
    before = contents(first_version)
    migrate.upgrade(first_version)
    after = contents(first_version)
    lost = {table: rows for table, rows in before.items() if len(after.get(table, [])) < len(rows)}
    assert lost == {}
    assert first_version.execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST
    assert first_version.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert first_version.execute("PRAGMA foreign_key_check").fetchall() == []
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    migrate.upgrade(fresh)
    columns = "SELECT m.name, p.name, p.type FROM sqlite_master AS m, pragma_table_info(m.name) AS p ORDER BY 1, 2"
    assert first_version.execute(columns).fetchall() == fresh.execute(columns).fetchall()
    fresh.close()


def test_upgrade_keeps_what_is_leased(first_version: sqlite3.Connection) -> None:
    """A lease of the first version is what it was, with nothing new in it, and still guards its address."""
    migrate.upgrade(first_version)
    rows = [tuple(row) for row in first_version.execute("SELECT * FROM network_allocations")]
    assert rows == [(1, "a" * 64, "a" * 64, "10.42.0.2", None, "m", "v", "eth0", "[]", "active", 1, None, None)]
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        first_version.execute("INSERT INTO network_allocations SELECT 2, network_id, 'c', ip, ip6, mac, 'w', interface,"
                              " ports, state, 1, NULL, NULL FROM network_allocations")  # fmt: skip


def test_upgrade_brings_an_older_file_up_to_date(
    quilt_root: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first command that writes after a program was upgraded upgrades the file."""
    open_to_write(quilt_root)
    with_migration(monkeypatch, tmp_path, "CREATE TABLE added (a TEXT) STRICT;\n-- a comment; with a semicolon\n")
    open_to_write(quilt_root)
    reader = open_to_read(quilt_root)
    assert "added" in tables(reader)
    assert reader.execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST


def test_upgrade_that_fails_half_way_leaves_the_file_as_it_was(
    quilt_root: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A migration happens whole or not at all."""
    connection = open_to_write(quilt_root)
    before = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
    with_migration(monkeypatch, tmp_path, "CREATE TABLE added (a TEXT) STRICT;\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        migrate.upgrade(connection)
    assert connection.execute("SELECT name, sql FROM sqlite_master").fetchall() == before
    assert connection.execute("PRAGMA user_version").fetchone()[0] == migrate.LATEST - 1


def test_upgrade_runs_a_trigger_of_many_statements(
    quilt_root: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A script is cut where statements end, not where a semicolon stands."""
    connection = open_to_write(quilt_root)
    script = "CREATE TRIGGER t AFTER INSERT ON meta\nBEGIN\n  SELECT 1;\n  SELECT ';';\nEND;\nSELECT 'a;\nb';\n"
    with_migration(monkeypatch, tmp_path, script)
    migrate.upgrade(connection)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 't'").fetchone()[0] == 1
