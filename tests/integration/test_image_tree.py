"""Removing and measuring hostile trees."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.tree import remove_tree, tree_size

if TYPE_CHECKING:
    from pathlib import Path

IN_NAMESPACE = """
import sys
from quiltctl.runtime.tree import remove_tree
try:
    remove_tree(sys.argv[1])
except OSError as error:
    print(error.errno)
"""


def nest(top: Path, depth: int) -> None:
    """Make folders in folders, deeper than any path can be."""
    above_fd = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 50, dir_fd=above_fd)
        below_fd = os.open("d" * 50, os.O_RDONLY, dir_fd=above_fd)
        os.close(above_fd)
        above_fd = below_fd
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=above_fd))
    os.close(above_fd)


def test_remove_tree_removes_everything_and_follows_nothing(tmp_path: Path) -> None:
    """Every kind of file goes, and what links lead to stays."""
    kept = tmp_path / "kept"
    (kept / "inside").mkdir(parents=True)
    (kept / "inside/file").write_bytes(b"x")
    top = tmp_path / "top"
    (top / "a/b").mkdir(parents=True)
    (top / "a/link").symlink_to(kept)
    (top / "a/b/file").write_bytes(b"x")
    os.link(kept / "inside/file", top / "hard")
    os.mkfifo(top / "a/fifo")
    (top / os.fsdecode(b"\xff\n")).mkdir()
    remove_tree(str(top))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "kept",
        "kept/inside",
        "kept/inside/file",
    ]


def test_remove_tree_takes_files_links_and_what_is_missing(tmp_path: Path) -> None:
    """A link goes itself, also when its name ends with a slash, and what is not there is removed already."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "other").symlink_to("kept")
    for name in ("file", "link", "other/", "missing", "missing/below"):
        remove_tree(f"{tmp_path}/{name}")
    assert os.listdir(tmp_path) == ["kept"]


def test_remove_tree_works_from_a_descriptor(tmp_path: Path) -> None:
    """A name is seen from the folder that is given, as bytes too."""
    (tmp_path / "a/b").mkdir(parents=True)
    folder_fd = os.open(tmp_path, os.O_RDONLY)
    try:
        remove_tree(b"a", dir_fd=folder_fd)
    finally:
        os.close(folder_fd)
    assert os.listdir(tmp_path) == []


def test_remove_tree_goes_deeper_than_paths_descriptors_and_recursion(tmp_path: Path) -> None:
    """5,000 levels: more than PATH_MAX, than Python's recursion and than a process may have files open."""
    (tmp_path / "top").mkdir()
    nest(tmp_path / "top", 5000)
    before = len(os.listdir("/proc/self/fd"))
    assert tree_size(str(tmp_path / "top")) > 0
    remove_tree(str(tmp_path / "top"))
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.needs("root")
def test_remove_tree_opens_locked_folders_as_their_owner(tmp_path: Path) -> None:
    """Mode 000 on every level is no obstacle, not even without root's rights."""
    code = f"""
import os, sys
os.chdir({str(tmp_path)!r})
os.setgid(65534)
os.setuid(65534)
from quiltctl.runtime.tree import remove_tree
os.makedirs("top/a/b/c")
open("top/a/b/f", "w").close()
for folder in ("top/a/b/c", "top/a/b", "top/a", "top"):
    os.chmod(folder, 0)
remove_tree("top")
print(os.listdir("."))
"""
    tmp_path.chmod(0o777)
    setup = f"import sys; sys.path[:0] = {sys.path!r}; import quiltctl.runtime.tree\n"
    done = subprocess.run([sys.executable, "-c", setup + code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.needs("root")
@pytest.mark.parametrize("mount", ["mount -t tmpfs none", "mount --bind {0}/kept"])
def test_remove_tree_crosses_no_mount(tmp_path: Path, mount: str) -> None:
    """Neither another file system nor a bind mount of the same one loses anything; the error is EXDEV."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_bytes(b"x")
    (tmp_path / "top/below").mkdir(parents=True)
    script = f"{mount.format(tmp_path)} {tmp_path}/top/below && exec $0 -c '{IN_NAMESPACE}' {tmp_path}/top"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "18\n"), done.stderr
    assert os.listdir(tmp_path / "kept") == ["file"]


def test_tree_size_counts_blocks_once(tmp_path: Path) -> None:
    """Du's judgement: hard links count once, links are not followed, holes take nothing."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "a/file", tmp_path / "hard")
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "hole").touch()
    os.truncate(tmp_path / "hole", 1 << 30)
    os.sync()  # blocks are given out late
    done = subprocess.run(["du", "-s", "--block-size=1", tmp_path], check=True, capture_output=True, text=True)
    assert tree_size(str(tmp_path)) == int(done.stdout.split()[0])
