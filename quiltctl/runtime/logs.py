"""The container's log, as its readers see it. How it is written stands in runtime/shim/log.py.

A reader needs no lock. It opens all segments at once and keeps them open, so what is deleted meanwhile it still reads
to its end, and there is never a hole in what it returns; it moves on by whole lines only, so a line that is being
written, or was cut short, is not there yet. Lines that make no sense are passed over.
"""

from __future__ import annotations

import os
import time

from quiltctl.model.log_record import Record
from quiltctl.model.times import parse_rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

LONGEST_LINE_BYTES = 1 << 20
"""What ``joined`` puts together at most: a program may write for hours without a newline."""
_BLOCK_BYTES = 256 << 10
_STAMP_BYTES = 30
_STREAMS = {b"stdout": "stdout", b"stderr": "stderr", b"quiltctl": "quiltctl"}
_PARTIAL = {b"F": False, b"P": True}
_seconds: dict[bytes, int] = {}
"""Seconds that were parsed before: a busy log has thousands of lines in each."""


def records(
    log_dir: str,
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    tail: int | None = None,
    streams: Collection[str] | None = None,
) -> Iterator[Record]:
    """Yield what the log holds now, oldest first; nothing where there is no log.

    ``tail`` takes the last so many lines of those that the other conditions leave, without reading the rest.
    """
    reader = Reader(log_dir, since_ns=since_ns, until_ns=until_ns, streams=streams)
    try:
        if tail is not None:
            reader.skip_to_last(tail)
        yield from reader.read()
    finally:
        reader.close()


def joined(records: Iterable[Record]) -> Iterator[Record]:
    """Yield whole lines: the pieces of each put together, under the time of the first. What stays open comes last."""
    begun: dict[str, Record] = {}
    for record in records:
        first = begun.pop(record.stream, None)
        line = record
        if first is not None:
            line = Record(first.at_ns, first.stream, first.text + record.text, record.partial)
        if line.partial and len(line.text) < LONGEST_LINE_BYTES:
            begun[line.stream] = line
        else:
            yield line
    yield from begun.values()


class Reader:
    """Reads a log on from where it stands: first the segments there were when it was made.

    What has been begun since it sees after ``refresh``.
    """

    def __init__(
        self,
        log_dir: str,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        streams: Collection[str] | None = None,
    ) -> None:
        self.log_dir = log_dir
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._streams = streams
        self._fds: list[int] = []  # of the segments not read to their end, oldest first
        self._newest = 0  # number of the last of them
        self._offset = 0  # of the next line in the first of them
        self._begun = False
        self._holes: set[int] = set()  # descriptors of segments before which something was missed
        self.refresh()
        self._begun = True

    def read(self) -> Iterator[Record]:
        """Yield what was not read yet. It ends also while the container writes on without a pause."""
        while self._fds:
            if self._fds[0] in self._holes:
                self._holes.discard(self._fds[0])
                yield Record(time.time_ns(), "quiltctl", b"output was rotated away before it could be read", False)
            yield from filter(self._wanted, self._rest_of_first())
            if len(self._fds) == 1:
                return
            # It was read after its successor was there, and since then it has not grown.
            os.close(self._fds.pop(0))
            self._offset = 0

    def skip_to_last(self, lines: int) -> None:
        """Pass over all but the last so many lines, by reading backwards.

        A line is counted by its end; pieces of an open line count together as one.
        """
        ended = 0
        seen: set[str] = set()
        for index in range(len(self._fds) - 1, -1, -1):
            for offset, line in _backwards(self._fds[index]):
                record = parse(line)
                if record is None or not self._wanted(record):
                    continue
                ended += not record.partial or record.stream not in seen
                seen.add(record.stream)
                if ended > lines:
                    self._begin_at(index, offset + len(line) + 1)
                    return

    def refresh(self) -> None:
        """Open every segment newer than the newest that is open.

        The writer numbers without holes and deletes from the oldest, so a successor that is missing while its
        predecessor still has its name has not been made yet. Otherwise it may have been deleted already.
        """
        while True:
            if self._open(self._newest + 1):
                continue
            if self._fds and os.fstat(self._fds[-1]).st_nlink:
                return
            newer = [number for number in self._numbers() if number > self._newest]
            if not newer:
                return
            self._open(min(newer))

    def close(self) -> None:
        """Let go of the segments."""
        while self._fds:
            os.close(self._fds.pop())

    def _begin_at(self, index: int, offset: int) -> None:
        for fd in self._fds[:index]:
            os.close(fd)
        del self._fds[:index]
        self._offset = offset

    def _rest_of_first(self) -> Iterator[Record]:
        size = _BLOCK_BYTES
        while block := os.pread(self._fds[0], size, self._offset):
            end = block.rfind(b"\n") + 1
            if not end and len(block) < size:
                return
            size = _BLOCK_BYTES if end else size * 2
            self._offset += end
            for line in block[: end - 1].split(b"\n") if end else ():
                record = parse(line)
                if record is not None:
                    yield record

    def _wanted(self, record: Record) -> bool:
        return (
            (self._since_ns is None or record.at_ns >= self._since_ns)
            and (self._until_ns is None or record.at_ns <= self._until_ns)
            and (self._streams is None or record.stream in self._streams)
        )

    def _open(self, number: int) -> bool:
        try:
            fd = os.open(f"{self.log_dir}/{number:010}.log", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if self._fds and number != self._newest + 1:
            if self._begun:
                self._holes.add(fd)
            else:
                self.close()
        self._fds.append(fd)
        self._newest = number
        return True

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self.log_dir)
        except (FileNotFoundError, NotADirectoryError):
            return []
        numbers = [int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdecimal()]
        return [number for number in numbers if f"{number:010}.log" in names]  # "7.log" is none of ours


def parse(line: bytes) -> Record | None:
    """Return the record of one line without its newline, or None when it is none."""
    try:
        stamp, stream, flag, text = line.split(b" ", 3)
        second = stamp[:19]
        at_ns = _seconds[second] if second in _seconds else _second_ns(second)
        if len(stamp) != _STAMP_BYTES:
            return None
        return Record(at_ns + int(stamp[20:29]), _STREAMS[stream], text, _PARTIAL[flag])
    except (KeyError, ValueError):
        return None


def _second_ns(text: bytes) -> int:
    at_ns = parse_rfc3339(text.decode("ascii"))
    if at_ns is None:
        message = "no time"
        raise ValueError(message)
    if len(_seconds) > 100:  # noqa: PLR2004 (a bound, so that a log of weeks does not fill the memory)
        _seconds.clear()
    _seconds[text] = at_ns
    return at_ns


def _backwards(fd: int) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of a segment from the last to the first, each with its offset and without its newline."""
    start = os.fstat(fd).st_size
    head = b""  # of the block read before: the end of a line that begins further up
    whole = False
    while start:
        end, start = start, max(start - _BLOCK_BYTES, 0)
        first, *lines = (os.pread(fd, end - start, start) + head).split(b"\n")
        offset = start + len(first) + sum(map(len, lines)) + len(lines) + 1
        for line in reversed(lines):
            offset -= len(line) + 1
            if whole:
                yield offset, line
            whole = True  # what stands behind the last newline is not whole
        head = first
    if whole:
        yield 0, head
