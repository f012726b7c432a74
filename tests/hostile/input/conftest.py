"""A store with one image in it, a sentinel beside it, and what must hold after each attack on them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db.connection import open_to_write
from quiltctl.errors import QuiltError
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle.import_image import import_image
from quiltctl.runtime.lifecycle.remove_image import remove_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, ModuleType

COMMAND = str(Path(sys.executable).with_name("quiltctl"))
PATIENCE_S = 60
_KINDS = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK, stat.S_ISFIFO)


class Store:
    """A root of its own, in a folder with a sentinel that nobody may touch."""

    def __init__(self, top: Path, raw: ModuleType) -> None:
        self.top = top
        self.program = COMMAND
        self.sentinel = top / "sentinel"
        self.paths = Paths(str(top / "root"))
        self.connection = open_to_write(self.paths)
        self.source = top / "archive"
        self.layer: Path | None = None
        self.skipped_devices = 0
        _plant(self.sentinel)
        self.source.write_bytes(
            raw.archive(
                {"name": b"victim", "kind": raw.DIR, "mode": 0o755}, {"name": b"victim/file", "content": b"sings"}
            )
        )
        import_image(self.paths, self.connection, str(self.source), name="victim")
        self._own = os.listdir(self.paths.layers)

    def attack(self, data: bytes | Path) -> str:
        """Import an archive of these bytes, or a folder; return the sentence it is refused with, or nothing.

        Whatever happens: what lies outside is as it was; a refusal leaves store and database as they were, and what
        is let in is one more layer, ``layer`` here, of safe content.
        """
        self.forget()
        source = data if isinstance(data, Path) else self.source
        if isinstance(data, bytes):
            self.source.write_bytes(data)
        outside, inside = self.outside(), self.known()
        try:
            with _deadline():
                imported = import_image(self.paths, self.connection, str(source), name="hostile")
        except QuiltError as refusal:
            imported, said, hint = None, str(refusal), refusal.hint or ""
        finally:
            assert self.outside() == outside
        if imported is None:
            assert self.known() == inside
            assert said.isprintable()
            assert said.startswith(f"cannot import {source}: "), said
            assert "\n" not in hint
            return said
        (digest,) = imported.image.layers
        before, after = inside["layers"], self.known()["layers"]
        assert (after, self.known()["staged"]) == (sorted({*before, digest}), [])
        self.layer, self.skipped_devices = Path(self.paths.layers, digest), imported.skipped_devices
        check_content(self.layer)
        return ""

    def outside(self) -> dict[bytes, tuple[Any, ...]]:
        """Return all that nothing may change."""
        return snapshot(self.top, self._is_outside)

    def forget(self) -> None:
        """Remove what the last attack brought in."""
        if self.layer is not None:
            remove_image(self.paths, self.connection, "hostile", force=True)
            self.layer = None

    def known(self) -> dict[str, Any]:
        """Return what disk and database know of images."""
        tables = [row[0] for row in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            "layers": sorted(os.listdir(self.paths.layers)),
            "staged": [name for name in os.listdir(self.paths.images) if name != ".lock"],
            "rows": {table: self._rows(table) for table in tables},
        }

    def tree(self) -> dict[bytes, bytes]:
        """Return what the last attack brought in: each name with its content, ``-> target``, ``dir`` or ``fifo``."""
        assert self.layer is not None
        found = {}
        for path, facts in walk(os.fsencode(self.layer)):
            if stat.S_ISREG(facts.st_mode):
                what = Path(os.fsdecode(path)).read_bytes()
            elif stat.S_ISLNK(facts.st_mode):
                what = b"-> " + os.readlink(path)
            else:
                what = b"dir" if stat.S_ISDIR(facts.st_mode) else b"fifo"
            found[os.path.relpath(path, os.fsencode(self.layer))] = what
        del found[b"."]
        return found

    def command(self, *words: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run the installed command over this store."""
        return subprocess.run(
            [self.program, "--root", self.paths.root, *words],
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
            **{"stdin": subprocess.DEVNULL, **({} if "input" not in options else {"stdin": None}), **options},
        )

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        what = "count(*), max(seq)" if table == "events" else "*"  # they are never changed, only added to
        return self.connection.execute(f"SELECT {what} FROM {table}").fetchall()

    def _is_outside(self, path: bytes) -> bool:
        """Return whether a path is none that an import may change: the layer that was there before is not."""
        name = os.fsdecode(os.path.relpath(path, os.fsencode(self.top)))
        if name.startswith("root/layers/"):
            return name.split("/")[2] in self._own
        return name not in {"root", "root/layers"} and not name.startswith(("root/images", "root/quilt.db"))


def walk(top: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """Yield everything below and including a folder, however deep, without following anything."""
    for folder, folders, files, folder_fd in os.fwalk(top, follow_symlinks=False):
        yield folder, os.fstat(folder_fd)
        for name in files + [name for name in folders if stat.S_ISLNK(os.lstat(name, dir_fd=folder_fd).st_mode)]:
            yield os.path.join(folder, name), os.lstat(name, dir_fd=folder_fd)


def snapshot(top: Path, is_wanted: Callable[[bytes], bool]) -> dict[bytes, tuple[Any, ...]]:
    """Return names, kinds, modes, owners, links, times, attributes and contents."""
    found = {}
    for path, facts in walk(os.fsencode(top)):
        if not is_wanted(path):
            continue
        content = Path(os.fsdecode(path)).read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        found[path] = (
            *(facts.st_mode, facts.st_uid, facts.st_gid, facts.st_nlink, facts.st_mtime_ns, facts.st_ino),
            *(os.readlink(path) if stat.S_ISLNK(facts.st_mode) else b"", content),
            _attributes(path),
        )
    return found


def _attributes(path: bytes) -> dict[str, bytes]:
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


def check_content(layer: Path) -> None:
    """Check that a layer holds nothing that could act on the host or on the overlay over it."""
    for path, facts in walk(os.fsencode(layer)):
        assert any(is_kind(facts.st_mode) for is_kind in _KINDS), path
        assert max(facts.st_uid, facts.st_gid) <= 65535, path
        assert not os.path.basename(path).startswith(b".wh."), path
        for name in os.listxattr(path, follow_symlinks=False):
            assert name == "security.capability" or name.startswith("user."), (path, name)
            assert not name.startswith("user.overlay."), (path, name)


def _plant(folder: Path) -> None:
    """Make what an attack could want: files, a set-user-ID one, links, a closed folder, a pipe."""
    (folder / "inner").mkdir(parents=True)
    (folder / "file").write_bytes(b"sings")
    (folder / "inner/file").write_bytes(b"sings too")
    (folder / "tool").write_bytes(b"#!/bin/sh\n")
    (folder / "tool").chmod(0o4755)
    (folder / "link").symlink_to("file")
    os.mkfifo(folder / "pipe")
    os.link(folder / "file", folder / "hard")
    os.chown(folder / "inner/file", 1000, 1000)
    (folder / "inner").chmod(0o700)
    os.setxattr(folder / "file", "user.note", b"mine")
    os.utime(folder, (1, 1))


@contextmanager
def _deadline() -> Iterator[None]:
    """Fail when the block takes too long: an attack may want us to wait for ever."""

    def late(_number: int, _frame: FrameType | None) -> None:
        pytest.fail("it does not end")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def deadline() -> Iterator[None]:
    """Fail when the test takes too long."""
    with _deadline():
        yield


@pytest.fixture(scope="session")
def raw() -> ModuleType:
    """Return the module raw.py, which writes archives of any bytes."""
    name = "quilt_tests_raw"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("raw.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def store(raw: ModuleType) -> Iterator[Store]:
    """Give a store with a sentinel, one for all tests of a file: each attack leaves it as it was."""
    top = Path(tempfile.mkdtemp(prefix="quilt-hostile-"))
    made = Store(top, raw)
    yield made
    made.forget()
    made.connection.close()
    shutil.rmtree(top)
