"""`run PATH`: imported once, found again without being read, imported anew when it changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import images
from quiltctl.errors import ImageError, NotFound
from quiltctl.runtime.fingerprint import fingerprint
from quiltctl.runtime.lifecycle.find_image import find_image, image_for_run
from quiltctl.runtime.lifecycle.import_image import import_image

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from quiltctl.paths import Paths

pytestmark = pytest.mark.needs("root", "busybox")
HEAVY = {"typing", "re", "enum", "dataclasses", "pathlib", "json", "inspect", "subprocess", "typer", "rich"}
HEAVY |= {"psutil", "asyncio", "shutil", "tempfile", "logging", "signal", "socket", "tarfile", "hashlib", "ctypes"}


@pytest.fixture
def run(quilt_root: Paths, database: sqlite3.Connection) -> Callable[[Path | str], tuple[str, bool]]:
    """Give a function that finds the image for a word and returns its id, and whether the source was read."""

    def find(word: Path | str) -> tuple[str, bool]:
        read: list[int] = []
        return image_for_run(quilt_root, database, str(word), advance=read.append).id, bool(read)

    return find


def test_image_for_run_reads_an_archive_once(
    run: Callable[[Path | str], tuple[str, bool]], database: sqlite3.Connection, rootfs_tar: Path, tmp_path: Path
) -> None:
    """It is found again by another way to the same file, and named after the file."""
    link = tmp_path / "link"
    link.symlink_to(rootfs_tar)
    first, again, by_link = run(rootfs_tar), run(rootfs_tar), run(link)
    assert (first[1], again, by_link) == (True, (first[0], False), (first[0], False))
    assert images.names_of(database, first[0]) == ["localhost/busybox:latest"]


def test_image_for_run_reads_an_archive_that_changed(
    run: Callable[[Path | str], tuple[str, bool]], database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path
) -> None:
    """Other content of the same length is another image, which takes the name over; a mere touch is the same image."""
    archive = tmp_path / "app.tar"
    archive.write_bytes(rootfs.archive_of({"name": "f", "content": b"one"}))
    first = run(archive)
    os.utime(archive)
    touched = run(archive)
    archive.write_bytes(rootfs.archive_of({"name": "f", "content": b"two"}))
    changed = run(archive)
    assert (touched, changed[1]) == ((first[0], True), True)
    assert changed[0] != first[0]
    assert images.all_names(database) == {changed[0]: ["localhost/app:latest"]}


def test_image_for_run_notices_every_change_in_a_folder(
    run: Callable[[Path | str], tuple[str, bool]], rootfs: ModuleType, tmp_path: Path
) -> None:
    """The folder's own times tell of nothing further below, so all of it is looked at; unchanged it is not read."""
    tree = rootfs.busybox_tree(tmp_path / "My Tree")
    seen = [run(tree)]
    inside = tree / "var/tmp/x"
    for change in (
        lambda: None,
        lambda: inside.write_bytes(b"a"),
        lambda: None,
        lambda: inside.write_bytes(b"b"),
        lambda: inside.chmod(0o600),
        inside.unlink,
        lambda: tree.chmod(0o711),
        lambda: None,
    ):
        change()
        seen.append(run(tree))
    assert [read for _, read in seen] == [True, False, True, False, True, True, True, True, False]
    assert len({image_id for image_id, _ in seen}) == 6


def test_image_for_run_imports_again_what_was_removed(
    run: Callable[[Path | str], tuple[str, bool]], database: sqlite3.Connection, rootfs_tar: Path
) -> None:
    """What a path became is forgotten with the image."""
    image_id, _ = run(rootfs_tar)
    images.delete(database, image_id)
    assert run(rootfs_tar) == (image_id, True)


def test_image_for_run_takes_only_words_with_a_path_in_front_for_paths(
    run: Callable[[Path | str], tuple[str, bool]], rootfs_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of that name in the working directory does not make a name a path."""
    monkeypatch.chdir(rootfs_tar.parent)
    with pytest.raises(NotFound):
        run(rootfs_tar.name)
    assert run(f"./{rootfs_tar.name}")[1]
    assert run("busybox")[1] is False


@pytest.mark.parametrize("word", ["/nowhere/a.tar", "./missing", "../missing/x", "/etc/passwd/x"])
def test_image_for_run_of_a_missing_path_is_not_found(run: Callable[[Path | str], tuple[str, bool]], word: str) -> None:
    """The word stands in the error as it was given."""
    with pytest.raises(NotFound, match=f'no such image: "{word}"'):
        run(word)


def test_image_for_run_of_no_archive_is_an_image_error(
    run: Callable[[Path | str], tuple[str, bool]], database: sqlite3.Connection, tmp_path: Path
) -> None:
    """And nothing is remembered of it."""
    (tmp_path / "note.txt").write_text("no archive")
    for _ in range(2):
        with pytest.raises(ImageError, match="it is not a tar archive"):
            run(tmp_path / "note.txt")
    assert database.execute("SELECT count(*) FROM image_sources").fetchone()[0] == 0


def test_image_for_run_remembers_no_archive_that_changed_meanwhile(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path, tmp_path: Path
) -> None:
    """What was read may be neither the old nor the new state: the next run reads again."""
    archive = tmp_path / "a.tar"
    shutil.copy(rootfs_tar, archive)
    first = image_for_run(quilt_root, database, str(archive), advance=lambda _: os.utime(archive, (5, 5)))
    read: list[int] = []
    again = image_for_run(quilt_root, database, str(archive), advance=read.append)
    assert (again, bool(read)) == (first, True)


def test_find_image_by_name_and_by_path_loads_nothing_heavy(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path
) -> None:
    """It is on the way of every run: an image that is there is found without what an import needs."""
    image = image_for_run(quilt_root, database, str(rootfs_tar))
    code = """
import sys
before = set(sys.modules)
from quiltctl.db.connection import open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle.find_image import find_image, image_for_run
paths = Paths(sys.argv[1])
connection = open_to_write(paths)
found = {image_for_run(paths, connection, word).id for word in sys.argv[2:]}
print(*found, *sorted(set(sys.modules) - before))
"""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"]
    words = [quilt_root.root, "busybox", image.id[:6], str(rootfs_tar)]
    done = subprocess.run([*command, *words], check=True, capture_output=True, text=True)
    found, *modules = done.stdout.split()
    assert found == image.id
    assert HEAVY & set(modules) == set()


def test_find_image_is_what_the_database_finds(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path
) -> None:
    """By any reference."""
    image = import_image(quilt_root, database, str(rootfs_tar), name="app").image
    assert {find_image(database, reference).id for reference in ("app", image.id, image.id[:12])} == {image.id}


def test_fingerprint_of_a_path_that_is_no_text_can_be_stored(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 stand in it as escapes."""
    place = tmp_path / os.fsdecode(b"\xff.tar")
    place.write_bytes(b"")
    assert fingerprint(str(place)).path == f"{os.path.realpath(tmp_path)}/\\xff.tar"
