"""Bringing to the disk what the page cache holds."""

from __future__ import annotations

from quiltctl.runtime.linux.libc import failed, libc


def syncfs(fd: int) -> None:
    """Write everything on the file system that ``fd`` lies on: one call for seven thousand files. See sync(2).

    Raises:
        OSError: since Linux 5.8 also when writing any of it failed since ``fd`` was opened.
    """
    if libc.syncfs(fd) != 0:
        raise failed("syncfs")
