"""Reading where nothing can be written: on a read-only file system, on a full disk, and without the right to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import meta
from quiltctl.db.connection import open_to_read, open_to_write, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.paths import Paths

pytestmark = pytest.mark.needs("root")

READ = """
import sys
from quiltctl.db import meta
from quiltctl.db.connection import open_to_read
from quiltctl.paths import Paths
print(meta.get(open_to_read(Paths(sys.argv[1])), "key"))
"""
WRITE_UNTIL_FULL = """
import os, sqlite3, sys
from quiltctl import errors
from quiltctl.db import meta
from quiltctl.db.connection import open_to_read, open_to_write, transaction, translated
from quiltctl.paths import Paths
paths = Paths(sys.argv[1])
connection = open_to_write(paths)
written = 0
try:
    with translated(paths.database):
        while True:
            with transaction(connection):
                meta.put(connection, str(written), "x" * 3000)
            written += 1
except errors.StoreError as error:
    print(error)
print(connection.in_transaction, written > 10)
print(connection.execute("SELECT count(*) FROM meta").fetchone()[0] == written)
print(open_to_read(paths).execute("SELECT count(*) FROM meta").fetchone()[0] == written)
sys.stdout.flush()
os._exit(0)
"""


def in_own_mounts(prepare: str, script: str, root: str) -> list[str]:
    """Run a Python script with a root, after a shell prepared mounts that nobody else sees; return the lines it says.

    ``prepare`` finds the root's folder in $1.
    """
    shell = f'set -e; mount --make-rprivate /; {prepare}; shift; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", shell, "sh", os.path.dirname(root)]
    said = subprocess.run(
        [*command, sys.executable, "-c", script, root], check=False, capture_output=True, text=True, timeout=60
    )
    return (said.stdout + said.stderr).splitlines()


def filled(paths: Paths) -> Paths:
    """Make a database with one value, and leave -wal and -shm as a command leaves them."""
    connection = open_to_write(paths)
    with transaction(connection):
        meta.put(connection, "key", "value")
    return paths


READ_ONLY = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"'


def test_read_only_file_system_with_a_log_is_read_whole(quilt_root: Paths) -> None:
    """With -wal and -shm left in place, rows that are still in the log are seen where nothing can be written."""
    filled(quilt_root)
    assert os.path.getsize(f"{quilt_root.database}-wal") > 0
    assert in_own_mounts(READ_ONLY, READ, quilt_root.root) == ["value"]


def test_read_only_file_system_without_a_log_is_read(quilt_root: Paths) -> None:
    """After a last writer closed and took -wal and -shm away, the file alone is read."""
    filled(quilt_root)
    checkpoint = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA wal_checkpoint(TRUNCATE)')"
    subprocess.run([sys.executable, "-c", checkpoint, quilt_root.database], check=True)
    for name in ("-wal", "-shm"):
        Path(f"{quilt_root.database}{name}").unlink(missing_ok=True)
    assert in_own_mounts(READ_ONLY, READ, quilt_root.root) == ["value"]


def test_read_only_file_system_with_a_log_and_no_index_is_not_guessed(quilt_root: Paths) -> None:
    """Where the log holds rows and its index is missing, the file alone would show an older state: it is refused."""
    filled(quilt_root)
    Path(f"{quilt_root.database}-shm").unlink()
    said = in_own_mounts(READ_ONLY, READ, quilt_root.root)
    assert said[-1].startswith(f"quiltctl.errors.StoreError: cannot open {quilt_root.database}: ")


def test_read_only_file_system_refuses_writers_in_words(quilt_root: Paths) -> None:
    """A writer on a read-only file system is told so, whether the database is there or not."""
    write = (
        READ.replace("open_to_read", "open_to_write").replace("meta.get(", "meta.put(").replace('"key"', '"key", "v"')
    )
    filled(quilt_root)
    there = in_own_mounts(READ_ONLY, write, quilt_root.root)[-1]
    missing = in_own_mounts(READ_ONLY, write, f"{os.path.dirname(quilt_root.root)}/none")[-1]
    assert "readonly database" in there
    assert missing.endswith("none/quilt.db: Read-only file system")


def test_full_disk_keeps_what_was_committed_and_lets_readers_read(quilt_root: Paths) -> None:
    """When the disk is full a writer is told, the transaction is over, and every row committed before is read."""
    Path(quilt_root.root).mkdir()
    tmpfs = 'mount -t tmpfs -o size=1m quilt-full "$1/root"'
    assert in_own_mounts(tmpfs, WRITE_UNTIL_FULL, quilt_root.root) == [
        f"cannot write {quilt_root.database}: no space left on device",
        "False True",
        "True",
        "True",
    ]


def test_full_disk_without_a_log_is_read(quilt_root: Paths) -> None:
    """A database whose -wal and -shm were taken away is read on a disk that has no room to make them again."""
    made = filled(quilt_root)
    copy = made.database + ".kept"
    script = "import sqlite3,sys; a=sqlite3.connect(sys.argv[1]); a.backup(sqlite3.connect(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", script, made.database, copy], check=True)
    prepare = (
        'cp "$1/root/quilt.db.kept" "$1/kept"; mount -t tmpfs -o size=300k quilt-full "$1/root";'
        ' mv "$1/kept" "$1/root/quilt.db"; dd if=/dev/zero of="$1/root/filler" bs=1k 2>/dev/null || true'
    )
    assert in_own_mounts(prepare, READ, made.root) == ["value"]


@pytest.mark.parametrize("opening", [open_to_read, open_to_write])
def test_root_of_somebody_else_is_refused_in_words(
    quilt_root: Paths, opening: Callable[[Paths], sqlite3.Connection]
) -> None:
    """A user who may not look into the root is told so, by readers and writers, with the way out."""
    filled(quilt_root)
    os.chmod(os.path.dirname(quilt_root.root), 0o711)  # noqa: S103 (what is refused shall be the root, not what is above)
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            opening(quilt_root)
        except errors.StoreError as error:
            os.write(write_fd, f"{error}; {error.hint}".encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    hint = "run as root, or choose a directory of your own with --root"
    assert said == f"cannot open the database {quilt_root.database}: Permission denied; {hint}"
