"""Following logs while their containers write, asleep in between: woken by inotify and by the end of a shim."""

from __future__ import annotations

import time

from quiltctl.runtime.linux import inotify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quiltctl.model.log_record import Record
    from quiltctl.runtime.logs import Reader

_LONGEST_WAIT_MS = 24 * 3600 * 1000  # poll(2) counts milliseconds in an int: a later end is waited for in parts
_CHANGES = inotify.IN_MODIFY | inotify.IN_CREATE


def follow(
    followed: Sequence[tuple[Reader, int | None]], *, until_ns: int | None = None, output_fd: int | None = None
) -> Iterator[tuple[int, Iterator[Record]]]:
    """Yield what the logs hold and then what comes, each time with the index of the log it comes from.

    A log is followed until the process behind its descriptor ends (its shim, which has then written all there is),
    without one it is read once; all of them end at ``until_ns``. The caller uses up each iterator at once.

    Raises:
        BrokenPipeError: nobody reads ``output_fd`` any more, which would else be noticed by the next write only.
    """
    from select import POLLIN, poll

    alive = {process_fd: index for index, (_, process_fd) in enumerate(followed) if process_fd is not None}
    with inotify.opened() as inotify_fd:
        unwatched = {followed[index][0].log_dir for index in alive.values()}
        _watch(inotify_fd, unwatched)
        waiting = poll()
        for fd in (inotify_fd, *alive):
            waiting.register(fd, POLLIN)
        if output_fd is not None:
            waiting.register(output_fd, 0)
        for index, (reader, _) in enumerate(followed):
            reader.refresh()
            yield index, reader.read()
        over = False
        while alive and not over:
            ready = [fd for fd, _ in waiting.poll(_left_ms(until_ns))]
            if output_fd in ready:
                raise BrokenPipeError
            over = until_ns is not None and time.time_ns() >= until_ns
            inotify.drain(inotify_fd)
            _watch(inotify_fd, unwatched)
            for index in alive.values():
                followed[index][0].refresh()
                yield index, followed[index][0].read()
            # What ended before it was read is read to its end now.
            for ended in alive.keys() & set(ready):
                waiting.unregister(ended)
                del alive[ended]


def _watch(inotify_fd: int, folders: set[str]) -> None:
    """Watch log folders, and take those from the set that need no more of it.

    The container's own folder comes first: a log folder that its shim has still to make is seen being made.
    """
    for folder in tuple(folders):
        try:
            inotify.watch(inotify_fd, folder.rpartition("/")[0], inotify.IN_CREATE)
        except FileNotFoundError:
            folders.discard(folder)  # removed, container and all
            continue
        try:
            inotify.watch(inotify_fd, folder, _CHANGES)
        except FileNotFoundError:
            continue
        folders.discard(folder)


def _left_ms(until_ns: int | None) -> int | None:
    if until_ns is None:
        return None
    return max(min(-(-(until_ns - time.time_ns()) // 1_000_000), _LONGEST_WAIT_MS), 0)
