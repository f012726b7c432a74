"""The lock of a container: who changes it in the kernel and in its row, as `pause` and `update` do, is alone with it.

It goes with the process that holds it. What ends a container does not wait for it.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths


class held:  # noqa: N801 (it is used as a function would be, like db.connection.transaction)
    """Hold the lock of a container: ``with lock.held(paths, container_id):``.

    It waits until nobody else changes the container. With ``wait=False`` it does not, and is true only if it is held:
    ``with lock.held(paths, container_id, wait=False) as alone:``.
    """

    def __init__(self, paths: Paths, container_id: str, *, wait: bool = True) -> None:
        self._paths = paths
        self._container_id = container_id
        self._flags = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        self._fd = -1

    def __enter__(self) -> bool:
        self._fd = self._open()
        try:
            fcntl.flock(self._fd, self._flags)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def _open(self) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(self._paths.container(self._container_id), flags)
        except FileNotFoundError:  # it has never been started
            return os.open(self._paths.root, flags)
