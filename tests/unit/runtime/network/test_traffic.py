"""What came to a network namespace and left it, from the kernel's table of interfaces."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from quiltctl.model.figures import Traffic
from quiltctl.runtime.network import traffic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADING = "Inter-|   Receive   |  Transmit\n face |bytes    packets errs ...|bytes    packets ...\n"
ZEROS = "0    0    0     0          0         0"
LOOPBACK = f"    lo: 5000      10    {ZEROS}     5000      10    {ZEROS}\n"


@pytest.fixture
def folder_fd(tmp_path: Path) -> Iterator[int]:
    """Give a descriptor of a folder that stands for that of a process in /proc."""
    (tmp_path / "net").mkdir()
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_traffic_is_that_of_all_interfaces_but_loopback(folder_fd: int, tmp_path: Path) -> None:
    """A number may stand right behind the colon, and an interface may be called as loopback begins."""
    (tmp_path / "net/dev").write_text(
        f"{HEADING}{LOOPBACK}  eth0:1234567    8    {ZEROS}    70000    6    {ZEROS}\n"
        f"   lo1:       3    1    {ZEROS}       2       1    {ZEROS}\n"
    )

    assert traffic.read(folder_fd) == Traffic(1_234_570, 70_002)


def test_namespace_with_loopback_alone_has_no_traffic(folder_fd: int, tmp_path: Path) -> None:
    """What a container says to itself is not counted."""
    (tmp_path / "net/dev").write_text(HEADING + LOOPBACK)

    assert traffic.read(folder_fd) == Traffic(0, 0)


def test_process_that_has_ended_has_no_figures(folder_fd: int) -> None:
    """Its folder is empty then, and that is no error."""
    assert traffic.read(folder_fd) is None


def test_own_process_is_in_the_namespace_of_the_host() -> None:
    """Whoever shares ours has no network of its own, and its figures would be the host's."""
    own_fd = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)

    assert traffic.is_shared(own_fd)

    os.close(own_fd)
