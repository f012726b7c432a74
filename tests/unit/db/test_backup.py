"""The copy of the database: whole, closed to others, and never in the way."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import backup, meta
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHURN = """
import sys
from quiltctl.db import meta
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.paths import Paths
connection = open_to_write(Paths(sys.argv[1]))
number = 0
while True:
    with transaction(connection):
        meta.put(connection, "left", str(number))
        meta.put(connection, str(number % 2000), "x" * 500)
        meta.put(connection, "right", str(number))
    number += 1
    if number == 100:
        print("running", flush=True)
"""


@pytest.fixture
def filled(quilt_root: Paths) -> Iterator[Paths]:
    """Give a root whose database has a value in it."""
    with transaction(connection := open_to_write(quilt_root)):
        meta.put(connection, "key", "value")
    yield quilt_root
    connection.close()


def test_backup_has_the_rows_and_can_take_the_place_of_the_database(filled: Paths, tmp_path: Path) -> None:
    """Put in a new root, the copy is a database like the first: same rows, WAL mode, and it can be written."""
    restored = Paths(str(tmp_path))
    backup.write(filled, restored.database, replace=False)
    with transaction(connection := open_to_write(restored)):
        meta.put(connection, "more", "value")
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert meta.get(open_to_read(restored), "key") == "value"


def test_backup_is_closed_to_others_and_alone(filled: Paths, tmp_path: Path) -> None:
    """Only its owner may read the copy, whatever the umask, and nothing else lies beside it."""
    umask = os.umask(0)
    try:
        backup.write(filled, str(tmp_path / "copy.db"), replace=False)
    finally:
        os.umask(umask)
    assert [(p.name, oct(p.stat().st_mode & 0o777)) for p in tmp_path.iterdir()] == [("copy.db", "0o600")]


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_backup_replaces_nothing_unasked(filled: Paths, tmp_path: Path, kind: str) -> None:
    """What is there already is kept, a dangling link too, unless replacing was asked for."""
    target = tmp_path / "copy.db"
    if kind == "file":
        target.write_text("precious")
    elif kind == "link":
        target.symlink_to("/nowhere")
    else:
        target.mkdir()
    before = [(p.name, p.is_symlink(), p.is_dir()) for p in tmp_path.iterdir()]
    with pytest.raises(errors.Conflict, match="is there already"):
        backup.write(filled, str(target), replace=False)
    assert [(p.name, p.is_symlink(), p.is_dir()) for p in tmp_path.iterdir()] == before


def test_backup_replaces_when_it_is_asked_to(filled: Paths, tmp_path: Path) -> None:
    """With force the old file goes, at the moment the new one is whole."""
    (tmp_path / "copy.db").write_text("old")
    backup.write(filled, str(tmp_path / "copy.db"), replace=True)
    assert (tmp_path / "copy.db").read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("target", ["missing/copy.db", "file/copy.db", "."])
def test_backup_that_cannot_be_written_says_so_and_leaves_nothing(filled: Paths, tmp_path: Path, target: str) -> None:
    """A folder that is not there, or is none, is an error that names the target."""
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError, match=f"cannot write {tmp_path}/"):
        backup.write(filled, f"{tmp_path}/{target}", replace=True)
    assert os.listdir(tmp_path) == ["file"]


def test_backup_of_nothing_is_an_error(quilt_root: Paths, tmp_path: Path) -> None:
    """Where no database is, none is made by backing it up."""
    with pytest.raises(errors.StoreError, match="there is no database yet"):
        backup.write(quilt_root, str(tmp_path / "copy.db"), replace=False)
    assert not os.path.exists(quilt_root.root)
    assert os.listdir(tmp_path) == []


def test_backup_during_churn_is_of_one_instant(filled: Paths, tmp_path: Path) -> None:
    """While others write without a pause, every copy is whole, and what one transaction wrote is in it together."""
    churn = subprocess.Popen([sys.executable, "-c", CHURN, filled.root], stdout=subprocess.PIPE, text=True)
    assert churn.stdout is not None
    assert churn.stdout.readline() == "running\n"
    try:
        seen = [_look_at_a_copy(filled, f"{tmp_path}/{number}.db") for number in range(10)]
    finally:
        churn.kill()
        churn.communicate()
    assert {(whole, equal) for whole, equal, _ in seen} == {("ok", True)}
    assert seen[-1][2] > seen[0][2]  # the churn went on meanwhile


def _look_at_a_copy(paths: Paths, target: str) -> tuple[str, bool, int]:
    """Make a copy and return whether it is whole, whether both halves of a transaction are in it, and which."""
    backup.write(paths, target, replace=False)
    copy = sqlite3.connect(target)
    whole = copy.execute("PRAGMA integrity_check").fetchone()[0]
    values = dict(copy.execute("SELECT key, value FROM meta WHERE key IN ('left', 'right')").fetchall())
    copy.close()
    return whole, values["left"] == values["right"], int(values["left"])
