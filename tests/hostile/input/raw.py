"""Archives of any bytes at all, written without a line of ours or of ``tarfile``: those would refuse to.

Reached through the fixture ``raw`` of conftest.py, because test modules are not importable by name.
"""

from __future__ import annotations

import zlib
from typing import Any

FILE, HARD, LINK, CHAR, BLOCK, DIR, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
END = bytes(1024)
_MTIME_S = 1_700_000_000
_FIELDS = {"mode": 8, "uid": 8, "gid": 8, "size": 12, "mtime": 12}


def header(
    name: bytes, kind: bytes = FILE, *, link: bytes = b"", tail: bytes = b"", gnu: bool = False, **own: Any
) -> bytes:
    """Return one block, its checksum right. Numbers may be given as ints, or as the bytes of the field.

    ``tail`` is what GNU has from byte 386 on: the map of a file with holes.
    """
    numbers = {"mode": 0o644, "uid": 0, "gid": 0, "size": 0, "mtime": _MTIME_S, **own}
    before = name[:100].ljust(100, b"\0") + b"".join(_number(numbers[field], width) for field, width in _FIELDS.items())
    magic = b"ustar  \0" if gnu else b"ustar\x0000"
    after = (kind + link[:100].ljust(100, b"\0") + magic).ljust(386 - 156, b"\0") + tail
    block = (before + b" " * 8 + after).ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def member(name: bytes, kind: bytes = FILE, content: bytes = b"", *, pax: Any = (), **own: Any) -> bytes:
    """Return header and content, after an extended header where there are records for one."""
    before = extended(b"".join(record(*pair) for pair in pax)) if pax else b""
    return before + header(name, kind, **{"size": len(content), **own}) + padded(content)


def archive(*members: dict[str, Any] | bytes, end: bytes = END) -> bytes:
    """Return an archive of what ``member`` makes of each, or of blocks as they are, and its end."""
    return b"".join(each if isinstance(each, bytes) else member(**each) for each in members) + end


def extended(content: bytes, kind: bytes = b"x") -> bytes:
    """Return a header that describes the next member: ``x`` and ``g`` of pax, ``L`` and ``K`` of GNU."""
    return header(b"extended", kind, size=len(content)) + padded(content)


def record(key: bytes, value: bytes) -> bytes:
    """Return one record of an extended header, its length counted right."""
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def base256(value: int, width: int) -> bytes:
    """Return a number as GNU writes what octal digits have no room for."""
    return (value + (1 << 8 * width if value < 0 else 0x80 << 8 * (width - 1))).to_bytes(width, "big")


def padded(content: bytes) -> bytes:
    """Return the content up to the next block."""
    return content + bytes(-len(content) % 512)


def gzipped(content: bytes) -> bytes:
    """Return one gzip stream; several of them in a row are one file."""
    packer = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def _number(value: int | bytes, width: int) -> bytes:
    return value.ljust(width, b"\0")[:width] if isinstance(value, bytes) else b"%0*o\0" % (width - 1, value)
