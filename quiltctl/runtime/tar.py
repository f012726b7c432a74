"""One header of a tar archive: what it says of a member, taken from bytes that nobody vouches for.

Our own reader and not ``tarfile``, which takes a damaged header in the middle for the end of the archive, reads
headers of any size into memory, and turns names into text. POSIX.1-2017 pax, and GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

from quiltctl.errors import ImageError
from quiltctl.model.value import Value

BLOCK = 512
END = bytes(BLOCK)

REGULAR = b"0"
HARDLINK = b"1"
SYMLINK = b"2"
CHARACTER_DEVICE = b"3"
BLOCK_DEVICE = b"4"
DIRECTORY = b"5"
FIFO = b"6"
CONTIGUOUS = b"7"
GNU_LONG_LINK = b"K"
GNU_LONG_NAME = b"L"
GNU_SPARSE = b"S"
GNU_VOLUME = b"V"
PAX = b"x"
PAX_SOLARIS = b"X"
PAX_GLOBAL = b"g"

WITH_CONTENT = frozenset((REGULAR, CONTIGUOUS, GNU_SPARSE))
_POSITIVE, _NEGATIVE = 0x80, 0xFF  # GNU tar's manual: the first byte of a number in base 256
_SHOWN = 160
KINDS = WITH_CONTENT | {HARDLINK, SYMLINK, CHARACTER_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO}


class Header(Value):
    """The fields of one block, as they stand there."""

    name: bytes
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime_s: int
    kind: bytes
    link: bytes
    raw: bytes
    """The block itself, for the map of a sparse file."""


class Member(Value):
    """One file, folder or link of an archive, with everything that extended headers said of it."""

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    link: bytes = b""
    stored_bytes: int = 0
    """How much content follows in the archive."""
    size_bytes: int = 0
    """How long the file is; more than is stored when it has holes."""
    extents: tuple[tuple[int, int], ...] = ()
    """Where the stored content belongs: offset and length of each piece. Empty for a file without holes."""
    sparse: bool = False
    xattrs: tuple[tuple[str, bytes], ...] = ()


def parse(block: bytes) -> Header:
    """Return the fields of a header block.

    Raises:
        ImageError: its checksum is wrong, or a number is none.
    """
    # The sum counts its own field as eight blanks. Some old writers summed signed bytes.
    total = sum(block) - sum(block[148:156]) + 8 * 0x20
    said = number(block[148:156])
    if said not in {total, total - 256 * sum(byte >> 7 for byte in block[:148] + block[156:])}:
        raise ImageError("the archive is damaged: the checksum of a header is wrong")
    name = text(block[:100])
    kind = block[156:157]
    # "ustar\0" has a prefix; GNU's "ustar  " keeps other things there.
    if block[257:263] == b"ustar\0" and block[345] and kind not in {GNU_SPARSE, GNU_LONG_LINK, GNU_LONG_NAME}:
        name = text(block[345:500]) + b"/" + name
    if kind in {b"\0", b" "}:
        # Before POSIX a folder was a file whose name ends with a slash.
        kind = DIRECTORY if name.endswith(b"/") else REGULAR
    return Header(
        name=name,
        mode=number(block[100:108]) & 0o7777,
        uid=number(block[108:116]),
        gid=number(block[116:124]),
        size_bytes=number(block[124:136]),
        mtime_s=number(block[136:148], signed=True),
        kind=kind,
        link=text(block[157:257]),
        raw=block,
    )


def text(field: bytes) -> bytes:
    """Return a field up to its first NUL."""
    return field.partition(b"\0")[0]


def number(field: bytes, *, signed: bool = False) -> int:
    """Return a numeric field: octal digits, or, for what does not fit them, GNU's base 256.

    Raises:
        ImageError: it is neither, or it is negative where that makes no sense.
    """
    if field[0] in {_POSITIVE, _NEGATIVE}:
        value = int.from_bytes(field[1:], "big") - (1 << 8 * (len(field) - 1) if field[0] == _NEGATIVE else 0)
    else:
        digits = field.partition(b"\0")[0].strip(b" ") or b"0"
        if digits.strip(b"01234567"):
            raise ImageError(f"the archive is damaged: {shown(digits)} stands where a number should be")
        value = int(digits, 8)
    if value < 0 and not signed:
        raise ImageError(f"the archive is damaged: {value} stands where a number of bytes or an id should be")
    return value


def shown(name: bytes) -> str:
    """Return a name from an archive so that it can stand in a sentence: nothing in it reaches a terminal raw."""
    cut = name if len(name) <= _SHOWN else name[: _SHOWN // 2] + b"..." + name[-_SHOWN // 2 :]
    readable = cut.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in readable)
