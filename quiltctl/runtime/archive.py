"""The bytes of an archive, hashed as they come, read once from front to back."""

from __future__ import annotations

import os
from contextlib import contextmanager
from hashlib import sha256

from quiltctl.errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STDIN = "-"
_CHUNK = 1 << 18
_MOST_BEHIND = 1 << 30
"""Bytes behind the end mark. They are read for the digest alone; tar pads to 10 KiB."""


class Archive:
    """An uncompressed tar archive as a stream. Its digest is that of all its bytes, read by us or not."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = memoryview(b"")
        self._digest = sha256()
        self.offset = 0

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes.

        Raises:
            ImageError: the archive ends before.
        """
        if len(self._chunk) < size:
            return b"".join(self.pieces(size))
        piece, self._chunk = self._chunk[:size], self._chunk[size:]
        self.offset += size
        return bytes(piece)

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield exactly ``size`` bytes in pieces as large as they come.

        Raises:
            ImageError: the archive ends before.
        """
        while size:
            if not self._chunk and not self._fill():
                raise ImageError(f"the archive is truncated: it ends after {self.offset} bytes")
            piece, self._chunk = self._chunk[:size], self._chunk[size:]
            self.offset += len(piece)
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes.

        Raises:
            ImageError: the archive ends before.
        """
        for _ in self.pieces(size):
            continue

    def at_end(self) -> bool:
        """Return whether no byte is left."""
        return not self._chunk and not self._fill()

    def finish(self) -> str:
        """Read what is left and return the SHA-256 of the whole archive as 64 hex digits.

        Raises:
            ImageError: there is no end to what is left.
        """
        behind = 0
        while self._fill():
            behind += len(self._chunk)
            if behind > _MOST_BEHIND:
                raise ImageError(f"more than {_MOST_BEHIND >> 30} GiB follow the archive's end")
        self._chunk = memoryview(b"")
        return self._digest.hexdigest()

    def _fill(self) -> bool:
        chunk = next(self._chunks, b"")
        self._digest.update(chunk)
        self._chunk = memoryview(chunk)
        return bool(chunk)


@contextmanager
def open_archive(source: str, advance: Callable[[int], object]) -> Iterator[Archive]:
    """Open an archive, compressed or not, a folder as if it were one, or ``-`` for standard input.

    ``advance`` is called with the number of bytes read from the source each time some were.

    Raises:
        OSError: the source cannot be opened.
    """
    from quiltctl.runtime import folder_archive
    from quiltctl.runtime.decompress import decompressed

    if source != STDIN and os.path.isdir(source):
        with folder_archive.opened(source) as folder_fd:
            yield Archive(_counted(folder_archive.chunks(folder_fd), advance))
        return
    source_fd = os.dup(0) if source == STDIN else os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        yield Archive(decompressed(_counted(_file_chunks(source_fd), advance)))
    finally:
        os.close(source_fd)


def _file_chunks(source_fd: int) -> Iterator[bytes]:
    while chunk := os.read(source_fd, _CHUNK):
        yield chunk


def _counted(chunks: Iterator[bytes], advance: Callable[[int], object]) -> Iterator[bytes]:
    for chunk in chunks:
        advance(len(chunk))
        yield chunk
