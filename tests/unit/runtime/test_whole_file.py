"""A file that is whole whenever somebody reads it."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_file_is_replaced_and_readable_for_all(tmp_path: Path) -> None:
    """Whatever the umask is and the old one's mode was; nothing else lies beside it."""
    target = tmp_path / "quilt.prom"
    target.write_text("old")
    target.chmod(0o600)
    before = os.umask(0o077)
    whole_file.write(str(target), "new \udcff\n")
    os.umask(before)

    assert target.read_bytes() == b"new \\udcff\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["quilt.prom"]


def test_file_is_made_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a folder is one in this one."""
    monkeypatch.chdir(tmp_path)

    whole_file.write("quilt.prom", "x")

    assert (tmp_path / "quilt.prom").read_text() == "x"


@pytest.mark.parametrize("kind", ["folder", "fifo", "link", "dangling", "device"])
def test_what_is_no_plain_file_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    """A link might lead anywhere, and /dev/stdout is one; a FIFO would hold the writer up."""
    target, other = tmp_path / "target", tmp_path / "other"
    other.write_text("other")
    make: dict[str, Callable[[], None]] = {
        "folder": target.mkdir,
        "fifo": lambda: os.mkfifo(target),
        "link": lambda: target.symlink_to(other),
        "dangling": lambda: target.symlink_to(tmp_path / "missing"),
        "device": lambda: target.symlink_to("/dev/null"),
    }
    make[kind]()
    before = os.lstat(target)

    with pytest.raises(FileExistsError):
        whole_file.write(str(target), "new")

    assert os.lstat(target) == before
    assert other.read_text() == "other"
    assert sorted(os.listdir(tmp_path)) == ["other", "target"]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """A file that may not grow so far stands for a disk that is full."""
    target = tmp_path / "quilt.prom"
    target.write_text("old")
    program = (
        "import sys, signal; from quiltctl.runtime import whole_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n    whole_file.write(sys.argv[1], 'x' * 10_000)\nexcept OSError as error:\n    print(error.errno)"
    )

    said = subprocess.run(
        [sys.executable, "-P", "-c", program, str(target)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "27\n"  # EFBIG
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["quilt.prom"]


def test_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """And is not made."""
    with pytest.raises(FileNotFoundError):
        whole_file.write(str(tmp_path / "missing/quilt.prom"), "x")

    assert os.listdir(tmp_path) == []


def test_what_a_killed_writer_left_is_no_obstacle(tmp_path: Path) -> None:
    """A file of its own name goes, whoever made it."""
    target = tmp_path / "quilt.prom"
    (tmp_path / f"quilt.prom.{os.getpid()}.new").write_text("half")

    whole_file.write(str(target), "new")

    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["quilt.prom"]
