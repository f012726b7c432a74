"""Files that are no database any more: each is said to be damaged, and none gives a traceback."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.db import cleanup, containers, meta, monitors
from quiltctl.db.connection import open_to_read, open_to_write, transaction, translated
from quiltctl.paths import Paths

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

CONTAINERS = 200
NOISE = random.Random(1).randbytes(65536)
HINT = "restore a backup made with: quiltctl system backup"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a database file with rows in it and nothing left in its log."""
    paths = Paths(str(tmp_path_factory.mktemp("whole") / "root"))
    connection = open_to_write(paths)
    with transaction(connection):
        for number in range(CONTAINERS):
            containers.insert(
                connection,
                container_id=f"{number:064x}",
                name=f"c{number}",
                image_id=None,
                image_name="busybox",
                command='["sleep", "1000"]',
                config="{}",
                auto_remove=False,
                labels={"number": str(number)},
            )
            cleanup.plan(connection, f"{number:064x}", "cgroup", f"quilt/{number}")
    connection.close()
    return Path(paths.database)


def damaged(quilt_root: Paths, content: bytes) -> Paths:
    """Put this content in the place of the database."""
    Path(quilt_root.root).mkdir()
    Path(quilt_root.database).write_bytes(content)
    return quilt_root


def use(paths: Paths) -> None:
    """Read and write what commands read and write."""
    reader = open_to_read(paths)
    with translated(paths.database):
        containers.list_all(reader)
        containers.labels_of(reader)
        monitors.list_all(reader, ended=True)
        cleanup.all_tasks(reader)
        containers.find(reader, "c7")
    writer = open_to_write(paths)
    with translated(paths.database), transaction(writer):
        found = containers.find(writer, "c9")
        containers.rename(writer, found.id, "renamed")
        containers.delete(writer, found.id, found.generation)
        meta.put(writer, "key", "value")


@pytest.mark.parametrize("opening", [open_to_read, open_to_write])
@pytest.mark.parametrize("content", [b"not a database at all\n" * 500, b"\0" * 8192, b"x", NOISE])
def test_garbage_is_said_to_be_damaged(
    quilt_root: Paths, opening: Callable[[Paths], sqlite3.Connection], content: bytes
) -> None:
    """A file that was never a database is called damaged, with the way out, and is left as it is."""
    paths = damaged(quilt_root, content)
    with pytest.raises(errors.StoreDamaged) as caught:
        use_opened(opening, paths)
    assert str(caught.value).startswith(f"the database {paths.database} is damaged: ")
    assert caught.value.hint == HINT
    assert Path(paths.database).read_bytes() == content


def use_opened(opening: Callable[[Paths], sqlite3.Connection], paths: Paths) -> None:
    """Open, and ask one question."""
    connection = opening(paths)
    with translated(paths.database):
        containers.list_all(connection)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated_file_is_said_to_be_damaged(quilt_root: Paths, whole: Path, part: float) -> None:
    """A file whose end is missing is called damaged by the first command that looks."""
    content = whole.read_bytes()
    paths = damaged(quilt_root, content[: int(len(content) * part)])
    with pytest.raises(errors.StoreDamaged):
        use(paths)


@pytest.mark.parametrize("seed", range(150))
def test_flipped_bits_never_give_a_traceback(quilt_root: Paths, whole: Path, seed: int) -> None:
    """Whatever bits are flipped, a command works, or it says in one sentence what it cannot."""
    chance = random.Random(seed)
    content = bytearray(whole.read_bytes())
    reach = len(content) if seed % 2 else 4096  # every other time in the first page, where the schema begins
    for _ in range(chance.choice([1, 4, 64])):
        content[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    paths = damaged(quilt_root, bytes(content))
    said = ""
    try:
        use(paths)
    except errors.QuiltError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize("seed", range(20))
def test_damaged_log_loses_what_is_behind_the_damage_only(quilt_root: Paths, whole: Path, seed: int) -> None:
    """The log beside the file may be garbage: then its rows are lost, and the file is as it was."""
    Path(quilt_root.root).mkdir()
    shutil.copy(whole, quilt_root.database)
    Path(f"{quilt_root.database}-wal").write_bytes(random.Random(seed).randbytes(50_000))
    assert len(containers.list_all(open_to_write(quilt_root))) == CONTAINERS
