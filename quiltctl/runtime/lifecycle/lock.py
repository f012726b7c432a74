"""The lock of a container: who changes it in the kernel and in its row, as `pause` and `update` do, is alone with it.

It goes with the process that holds it. What ends a container does not wait for it.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths


def hold(paths: Paths, container_id: str) -> int:
    """Wait until nobody else changes this container, and return the descriptor that holds it; the caller closes it."""
    lock_fd = _open(paths, container_id)
    fcntl.flock(lock_fd, fcntl.LOCK_EX)
    return lock_fd


def hold_if_free(paths: Paths, container_id: str) -> int | None:
    """Return the same, or None where somebody changes it just now."""
    lock_fd = _open(paths, container_id)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock_fd)
        return None
    return lock_fd


def _open(paths: Paths, container_id: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(paths.container(container_id), flags)
    except FileNotFoundError:  # it has never been started
        return os.open(paths.root, flags)
