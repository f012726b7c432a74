"""Decompression of a stream, by what its first bytes are and not by its name."""

from __future__ import annotations

from quiltctl.errors import HostLacks, ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    class _Decompressor(Protocol):
        @property
        def eof(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = tuple(bytes((number,)) + b"\x2a\x4d\x18" for number in range(0x50, 0x60))
"""RFC 8878, 3.1.2: what pzstd begins with."""
_OTHERS = {b"BZh": "bzip2", b"PK\x03\x04": "zip", b"LZIP": "lzip", b"7z\xbc\xaf": "7-zip", b"\x04\x22\x4d\x18": "lz4"}
_LONGEST = 6
_PIECE = 1 << 20
"""Taken out at a time, so that a bomb fills the disk's free space at most and never the memory."""
_XZ_MEMORY = 1 << 30
"""An xz header may ask for a dictionary of 4 GiB. `xz -9` needs 65 MiB to decompress."""


def decompressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is in the chunks: themselves, unless they begin as gzip, xz or zstd do.

    Raises:
        ImageError: the compressed data is damaged or truncated, or of a kind we do not know.
    """
    head = b""
    # A pipe may give its first bytes one by one.
    while len(head) < _LONGEST and (chunk := next(chunks, b"")):
        head += chunk
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise ImageError(
                f"it is compressed with {kind}, which is not known here",
                hint="decompress it first; tar, tar.gz, tar.xz and tar.zst are known",
            )
    make = _maker(head)
    if make is None:
        return _chained(head, chunks)
    return _unpacked(make, _chained(head, chunks))


def _chained(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _maker(head: bytes) -> Callable[[], _Decompressor] | None:
    """Return what makes a decompressor for data that begins so, or None when it is not compressed."""
    if head.startswith(_GZIP):
        import zlib

        # zlib.h, inflateInit2: 16 more than the window's bits means a gzip header, whose checksum is verified.
        return lambda: _Gzip(zlib.decompressobj(16 + zlib.MAX_WBITS))
    if head.startswith(_XZ):
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    if head.startswith((_ZSTD, *_ZSTD_SKIPPABLE)):
        return _zstd()
    return None


def _zstd() -> Callable[[], _Decompressor]:
    """Return the class of Python 3.14, or, before that, of its backport."""
    try:
        from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        try:
            from backports.zstd import ZstdDecompressor
        except ImportError:
            raise HostLacks(
                "cannot decompress zstd: this Python has no module for it", hint="pip install backports.zstd"
            ) from None
    make: Callable[[], _Decompressor] = ZstdDecompressor
    return make


class _Gzip:
    """zlib's decompressor with the manners of the other two: what it was given and did not use, it keeps."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        end: bool = self._inner.eof
        return end

    @property
    def unused_data(self) -> bytes:
        unused: bytes = self._inner.unused_data
        return unused

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        piece: bytes = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        return piece


def _unpacked(make: Callable[[], _Decompressor], chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what one compressed stream holds, or several, one after the other."""
    decompressor = make()
    for chunk in chunks:
        rest = chunk
        while True:
            if decompressor.eof:
                # Zeros after an end are padding, as tapes and `dd` leave them; anything else is another stream.
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                decompressor = make()
            piece = _taken(decompressor, rest)
            if piece:
                yield piece
            rest = decompressor.unused_data
            if len(piece) < _PIECE and not decompressor.eof:
                break  # all that was given is used
    if not decompressor.eof:
        raise ImageError("the archive is truncated: its compressed data ends too early")


def _taken(decompressor: _Decompressor, data: bytes) -> bytes:
    try:
        return decompressor.decompress(data, _PIECE)
    except Exception as error:  # the three libraries raise three unrelated kinds
        raise ImageError(f"the archive is damaged: {error}") from error
