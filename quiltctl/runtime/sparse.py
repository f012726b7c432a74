"""Files with holes, in the four ways GNU tar has written them (GNU tar's manual, "Storing Sparse Files")."""

from __future__ import annotations

from quiltctl.errors import ImageError
from quiltctl.runtime import pax, tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from quiltctl.runtime.archive import Archive

    Records = Mapping[bytes, list[bytes]]
    Extents = tuple[tuple[int, int], ...]

_MOST = 1 << 17
"""Pieces of one file. The map has to be held whole."""
_MOST_DIGITS = 20
_FIELD = 12
_ENTRY = 2 * _FIELD


def old_map(header: tar.Header, archive: Archive) -> tuple[int, Extents]:
    """Return length and map of a member of kind ``S``: four entries in its header, more in blocks that follow."""
    numbers = list(_old_entries(header.raw[386:482]))
    extended = header.raw[482]
    length = tar.number(header.raw[483:495])
    longest = archive.offset + _MOST * _ENTRY
    while extended:
        if archive.offset > longest:
            raise _too_many()  # blocks without an entry in use count too
        block = archive.read(tar.BLOCK)
        numbers += _old_entries(block[:504])
        extended = block[504]
        _check_count(numbers)
    return length, _checked(numbers, length)


def pax_map(records: Records) -> tuple[int, Extents] | None:
    """Return length and map from the records of format 0.0 or 0.1, or None when they have none."""
    if b"GNU.sparse.map" in records:
        values = records[b"GNU.sparse.map"][-1].split(b",")
    elif b"GNU.sparse.offset" in records:
        offsets, lengths = records[b"GNU.sparse.offset"], records.get(b"GNU.sparse.numbytes", [])
        values = [value for pair in zip(offsets, lengths, strict=False) for value in pair]
    else:
        return None
    length = pax.integer(records, b"GNU.sparse.size", -1)
    return length, _checked([_decimal(value) for value in values if value], length)


def stored_map(records: Records, archive: Archive) -> tuple[int, Extents] | None:
    """Return length and map of a member of format 1.0, read from the beginning of its content, or None for others."""
    if records.get(b"GNU.sparse.major", [b""])[-1] != b"1":
        return None
    lines = _lines(archive)
    numbers = []
    for _ in range(2 * _decimal(next(lines))):
        numbers.append(_decimal(next(lines)))
        _check_count(numbers)
    length = pax.integer(records, b"GNU.sparse.realsize", -1)
    return length, _checked(numbers, length)


def _lines(archive: Archive) -> Iterator[bytes]:
    """Yield the lines of a text that is padded to a whole block, reading no block too many."""
    rest = b""
    while True:
        line, newline, after = rest.partition(b"\n")
        if newline:
            rest = after
            yield line
        elif len(rest) > tar.BLOCK:
            raise _damaged()
        else:
            rest += archive.read(tar.BLOCK)


def _old_entries(area: bytes) -> Iterator[int]:
    """Yield offset, length, offset, ... of the entries in use; those that are not begin with a NUL."""
    for start in range(0, len(area), _ENTRY):
        if area[start] == 0 and not any(area[start : start + _ENTRY]):
            return
        yield tar.number(area[start : start + _FIELD])
        yield tar.number(area[start + _FIELD : start + _ENTRY])


def _checked(numbers: Sequence[int], length: int) -> Extents:
    """Return the pieces when they ascend, do not overlap and lie within the file."""
    _check_count(numbers)
    pieces = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    end = 0
    for offset, size in pieces:
        if offset < end:
            raise _damaged()
        end = offset + size
    if len(numbers) % 2 or end > length:
        raise _damaged()
    return pieces


def _check_count(numbers: Sequence[int]) -> None:
    if len(numbers) > 2 * _MOST:
        raise _too_many()


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        raise _damaged()
    return int(digits)


def _too_many() -> ImageError:
    return ImageError(f"the archive holds a file in more than {_MOST} pieces")


def _damaged() -> ImageError:
    return ImageError("the archive is damaged: the map of a file with holes makes no sense")
