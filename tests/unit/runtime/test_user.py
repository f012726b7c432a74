"""Who a program runs as, by the files of a hostile image."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quiltctl.runtime.user import Identity, UnknownUser, look_up, names

if TYPE_CHECKING:
    from pathlib import Path

USERS = (
    "root:x:0:0:root:/root:/bin/sh\n1:x:77:77::/one:/bin/sh\n"
    "tester:x:1000:1001:T:/home/tester:/bin/sh\nnohome:x:5:5:::\n"
)
GROUP = "root:x:0:\ntester:x:1001:\nwheel:x:10:root,tester\nextra:x:20:tester\n"


def found(root: Path, wanted: str) -> Identity:
    """Look a user up in a root directory."""
    root_fd = os.open(root, os.O_PATH)
    try:
        return look_up(root_fd, wanted)
    finally:
        os.close(root_fd)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a root file system with users."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(USERS)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "identity"),
    [
        ("", Identity(0, 0, (0, 10), "/root")),
        ("root", Identity(0, 0, (0, 10), "/root")),
        ("tester", Identity(1000, 1001, (10, 20, 1001), "/home/tester")),
        ("1000", Identity(1000, 1001, (10, 20, 1001), "/home/tester")),
        ("tester:wheel", Identity(1000, 10, (10,), "/home/tester")),
        ("1", Identity(1, 0, (0,), "/")),  # a number, though the image has a user of this name
        ("1:2", Identity(1, 2, (2,), "/")),
        ("nohome", Identity(5, 5, (5,), "/")),
    ],
)
def test_user_is_found(root: Path, wanted: str, identity: Identity) -> None:
    """By name, by number, with and without a group."""
    assert found(root, wanted) == identity


@pytest.mark.parametrize("wanted", ["ghost", "tester:ghosts", "4294967295", "9" * 5000, "-1", "root ", ":", ":wheel"])
def test_user_that_is_unknown_is_an_error_and_never_root(root: Path, wanted: str) -> None:
    """An unknown name or a number out of range; only an empty user is root."""
    try:
        identity = found(root, wanted)
    except UnknownUser:
        return
    assert wanted.startswith(":")
    assert identity.uid == 0


def test_user_of_an_image_without_files_is_a_number(tmp_path: Path) -> None:
    """Without /etc/passwd numbers work, and root is root."""
    assert (found(tmp_path, "5"), found(tmp_path, "")) == (Identity(5, 0, (0,), "/"), Identity(0, 0, (0,), "/"))


def test_user_file_that_is_a_link_out_of_the_image_is_read_inside(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An absolute link, or one with .., leads nowhere but into the image."""
    outside = tmp_path_factory.mktemp("outside") / "passwd"
    outside.write_text("ghost:x:0:0::/:\n")
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to(f"/../../..{outside}")
    with pytest.raises(UnknownUser):
        found(root, "ghost")


def test_user_file_that_is_a_fifo_does_not_block(root: Path) -> None:
    """A FIFO in its place is no file of users."""
    (root / "etc/passwd").unlink()
    os.mkfifo(root / "etc/passwd")
    assert found(root, "7") == Identity(7, 0, (0,), "/")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_user_file_of_garbage_raises_nothing_else(root: Path, garbage: bytes) -> None:
    """Whatever the image has written there, a user is found or unknown."""
    (root / "etc/passwd").write_bytes(b"tester:x:1:" + garbage)
    try:
        identity = found(root, "tester")
    except UnknownUser:
        return
    assert 0 <= identity.uid < 1 << 32


def test_names_are_those_of_the_image(root: Path) -> None:
    """By id, of several for one the first; lines that are none are passed over."""
    (root / "etc/passwd").write_text("root:x:0:0::/:\ntoor:x:0:0::/:\nhalf:x:9\nbad:x:nine:9::/:\nweb:x:33:33::/:\n")
    root_fd = os.open(root, os.O_PATH)
    found = names(root_fd)
    (root / "etc/group").unlink()
    without = names(root_fd)
    os.close(root_fd)

    users = {0: "root", 33: "web"}
    assert found == (users, {0: "root", 1001: "tester", 10: "wheel", 20: "extra"})
    assert without == (users, {})
