"""The container's log, as its shim writes it: numbered segments of whole lines.

A line is ``2026-11-23T00:00:00.123456789Z stdout F text``: when it was read, the stream, ``F`` where the program
ended the line and ``P`` where it has not yet, and the bytes as they came. What has no newline is written as ``P`` at
once, so that a prompt shows promptly and nothing is ever pending here; the rest follows as more ``P`` and an ``F``,
which may be empty. Joining ``P...P F`` of one stream gives back what the program wrote.

A segment (``0000000001.log``) only grows. It is never renamed and never cut behind a whole line; a new one begins
where the next line would not fit, and the oldest beyond the limit is deleted first, so that a full disk may help
itself. A reader that holds a segment open therefore keeps what it has seen.

The shim writes for days between a program that must not be held up and a disk that may be full: nothing here raises
or waits. What the disk will not take is counted, and once there is space again a line of the stream ``quiltctl`` says
how much is missing, at its place.

Only built-in modules: this is loaded by the process that stays (DESIGN.md, "The life of quiltctl run").
"""

import errno
import posix
import time

PIECE_BYTES = 16 << 10
"""Text taken at once. It bounds the memory for a chunk of nothing but newlines, each of which grows by a stamp."""
RETRY_NS = 1_000_000_000
"""How long a disk that refused is left alone: ext4 waits for its journal before it says that it is full."""
_HEADS = {stream: (b" %s F " % stream.encode(), b" %s P " % stream.encode()) for stream in ("stdout", "stderr")}
_STAMP_BYTES = len(b"2026-11-23T00:00:00.123456789Z")
_HEAD_BYTES = _STAMP_BYTES + len(b" stdout F ")
_BLOCK_BYTES = 64 << 10


class Log:
    """The writer of one log folder. ``dir_fd`` is an open folder (not O_PATH) and stays the caller's."""

    def __init__(self, dir_fd: int, max_bytes: int, max_files: int) -> None:
        self._dir_fd = dir_fd
        self._max_bytes = max_bytes
        self._max_files = max(max_files, 1)
        self._fd = -1
        self._size = 0  # of the segment's whole lines: all that is there, but for a line the disk cut short
        self._second = -1
        self._second_text = b""
        self._missing_bytes = 0
        self._refused = 0  # errno of the last refusal
        self._retry_at_ns = 0

    def write(self, stream: str, data: bytes) -> None:
        """Log a chunk as it was read from the container's ``stdout`` or ``stderr``. Never raises."""
        start = 0
        while start < len(data):
            end = len(data)
            if end - start > PIECE_BYTES:
                end = data.rfind(b"\n", start, start + PIECE_BYTES) + 1 or start + PIECE_BYTES
            self._log(stream, data[start:end])
            start = end

    def close(self, *, sync: bool = False) -> None:
        """End the log, with a last attempt to say what is missing; ``sync`` forces it to the disk."""
        if self._missing_bytes:
            self._tell_missing()
        if self._fd >= 0 and sync:
            try:
                posix.fsync(self._fd)
            except OSError as error:
                self._refused = error.errno or errno.EIO
        self._let_go()

    def _log(self, stream: str, text: bytes) -> None:
        if self._missing_bytes and (time.monotonic_ns() < self._retry_at_ns or not self._tell_missing()):
            self._missing_bytes += len(text)
            return
        stamp = self._stamp()
        ended, open_ended = _HEADS[stream]
        end = text.rfind(b"\n") + 1
        head = stamp + ended
        lines = head + text[: end - 1].replace(b"\n", b"\n" + head) + b"\n" if end else b""
        if end < len(text):
            lines += stamp + open_ended + text[end:] + b"\n"
        lost = self._append(lines)
        if lost:
            # The newline of an F line is the program's own, that of a P line is ours.
            ours = lost.count(b"\n") * _HEAD_BYTES + (end < len(text))
            self._missing_bytes += len(lost) - ours

    def _tell_missing(self) -> bool:
        """Write the line that says how much is missing here. Returns whether the disk took it."""
        reason = posix.strerror(self._refused).encode()
        note = b"%s quiltctl F %d bytes of output are missing: %s\n" % (self._stamp(), self._missing_bytes, reason)
        if self._append(note):
            return False
        self._missing_bytes = 0
        return True

    def _append(self, lines: bytes) -> bytes:
        """Append whole lines in as few writes as there are segments. Returns those the disk would not take."""
        try:
            while lines:
                end = self._make_room(lines)
                done = 0
                try:
                    # write(2): a short count is the last room there was; the next call says what is wrong.
                    while done < end:
                        done += posix.write(self._fd, lines[done:end])
                finally:
                    whole = lines.rfind(b"\n", 0, done) + 1
                    self._size += whole
                    lines = lines[whole:]
        except OSError as error:
            self._refused = error.errno or errno.EIO
            self._retry_at_ns = time.monotonic_ns() + RETRY_NS
            # Whoever opens it next cuts off what there is of a line that did not fit.
            self._let_go()
        return lines

    def _make_room(self, lines: bytes) -> int:
        """Return how many bytes of ``lines`` belong into the segment that is now open: as many lines as fit, or one."""
        if self._fd < 0:
            self._open_last()
        room = self._max_bytes - self._size
        if len(lines) <= room:
            return len(lines)
        fitting = lines.rfind(b"\n", 0, max(room, 0)) + 1
        if fitting:
            return fitting
        if self._size:
            self._begin_next()
            return self._make_room(lines)
        return lines.find(b"\n") + 1

    def _numbers(self) -> list[int]:
        names = posix.listdir(self._dir_fd)
        return sorted(int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdecimal())

    def _open(self, number: int) -> None:
        flags = posix.O_RDWR | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
        self._fd = posix.open(f"{number:010}.log", flags, 0o600, dir_fd=self._dir_fd)

    def _open_last(self) -> None:
        """Go on with the newest segment, without the torn line that a kill or a full disk may have left at its end."""
        numbers = self._numbers()
        self._open(numbers[-1] if numbers else 1)
        size = posix.fstat(self._fd).st_size
        self._size = _end_of_whole_lines(self._fd, size)
        if self._size < size:
            posix.ftruncate(self._fd, self._size)

    def _begin_next(self) -> None:
        self._let_go()
        numbers = self._numbers()
        for number in numbers[: max(len(numbers) - self._max_files + 1, 0)]:
            try:
                posix.unlink(f"{number:010}.log", dir_fd=self._dir_fd)
            except FileNotFoundError:
                continue
        self._open(numbers[-1] + 1 if numbers else 1)
        self._size = 0

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                posix.close(fd)
            except OSError as error:
                # close(2): the descriptor is gone all the same, and the error is that of an earlier write.
                self._refused = error.errno or errno.EIO

    def _stamp(self) -> bytes:
        second, nanosecond = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._second_text = b"%04d-%02d-%02dT%02d:%02d:%02d" % time.gmtime(second)[:6]
        return b"%s.%09dZ" % (self._second_text, nanosecond)


def _end_of_whole_lines(fd: int, size: int) -> int:
    """Return where the last whole line of a file ends: behind its last newline."""
    while size:
        start = max(size - _BLOCK_BYTES, 0)
        newline = posix.pread(fd, size - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        size = start
    return 0
