"""Files with holes whose maps lie, in the four ways GNU tar has written them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")
STYLES = ["old", "0.0", "0.1", "1.0"]
Pieces = list[tuple[int, int]]


def sparse(raw: ModuleType, style: str, pieces: Pieces, length: int, content: bytes) -> bytes:
    """Return a member with a map as it is given, however little sense it makes."""
    if style == "old":
        entries = b"".join(raw.base256(number, 12) for piece in pieces for number in piece)
        tail = entries.ljust(97, b"\0") + raw.base256(length, 12)
        return bytes(raw.member(b"s", b"S", content, gnu=True, tail=tail))
    numbers = [b"%d" % number for piece in pieces for number in piece]
    records = [(b"GNU.sparse.size", b"%d" % length)]
    if style == "0.0":
        keys = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
        records += [(keys[place % 2], number) for place, number in enumerate(numbers)]
    elif style == "0.1":
        records += [(b"GNU.sparse.name", b"s"), (b"GNU.sparse.map", b",".join(numbers))]
    else:
        records = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"%d" % length)]
        content = raw.padded(b"".join(b"%s\n" % number for number in (b"%d" % len(pieces), *numbers))) + content
    return bytes(raw.member(b"s", content=content, pax=records))


@pytest.mark.parametrize("style", STYLES)
def test_honest_map_is_followed(store: Store, raw: ModuleType, style: str) -> None:
    """Each style works when it tells the truth. Red when sparse.py looks for a wrong key of 0.0, 0.1 or 1.0."""
    assert store.attack(raw.archive(sparse(raw, style, [(2, 3), (9, 2)], 12, b"abcde"), {"name": b"f"})) == ""
    assert store.tree() == {b"s": b"\0\0abc\0\0\0\0de\0", b"f": b""}


LIES: dict[str, tuple[Pieces, int, str]] = {
    "more than is stored": ([(0, 1 << 62)], 1 << 62, "not as long as its map says"),
    "less than is stored": ([(0, 3)], 5, "not as long as its map says"),
    "outside": ([(1 << 62, 5)], 5, "the map of a file with holes makes no sense"),
    "longer than the file": ([(0, 5)], 3, "the map of a file with holes makes no sense"),
    "one over the other": ([(0, 3), (1, 2)], 9, "the map of a file with holes makes no sense"),
    "backwards": ([(10, 3), (0, 2)], 20, "the map of a file with holes makes no sense"),
    "bomb": ([(1 << 60, 5)], (1 << 60) + 5, "bytes long, and only [0-9]+ are free on the disk"),
    "bomb of nothing": ([(1 << 50, 0)], 1 << 50, "not as long as its map says"),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("lie", LIES)
def test_map_that_lies_is_refused(store: Store, raw: ModuleType, style: str, lie: str) -> None:
    """Nothing is written where a map leads that cannot be. Red without _checked and _check_room, one by one."""
    pieces, length, why = LIES[lie]
    said = store.attack(raw.archive(sparse(raw, style, pieces, length, b"abcde")))
    assert re.search(why, said), said


@pytest.mark.parametrize("style", STYLES)
def test_hole_larger_than_the_disk_is_refused(store: Store, raw: ModuleType, style: str) -> None:
    """A few bytes cannot become a file of a petabyte. Red without _check_room in unpack_file.py."""
    assert "bytes long, and only" in store.attack(raw.archive(sparse(raw, style, [(1 << 50, 0)], 1 << 50, b"")))


MAPS: dict[str, dict[str, Any]] = {
    "odd": {"pax": [(b"GNU.sparse.map", b"0,5,7"), (b"GNU.sparse.size", b"9")]},
    "words": {"pax": [(b"GNU.sparse.map", b"a,b"), (b"GNU.sparse.size", b"9")]},
    "negative": {"pax": [(b"GNU.sparse.map", b"-1,5"), (b"GNU.sparse.size", b"9")]},
    "digits": {"pax": [(b"GNU.sparse.map", b"0," + b"9" * 5000), (b"GNU.sparse.size", b"9")]},
    "no length": {"pax": [(b"GNU.sparse.map", b"0,5")]},
    "lone offset": {"pax": [(b"GNU.sparse.offset", b"1"), (b"GNU.sparse.size", b"9")], "content": b"abcde"},
    "lone length": {"pax": [(b"GNU.sparse.numbytes", b"5"), (b"GNU.sparse.map", b"5"), (b"GNU.sparse.size", b"9")]},
    "count": {"pax": [(b"GNU.sparse.major", b"1")], "content": b"99999999999999999999\n"},
    "long count": {"pax": [(b"GNU.sparse.major", b"1")], "content": b"9" * 5000 + b"\n"},
    "no newline": {"pax": [(b"GNU.sparse.major", b"1")], "content": b"1" * 100_000},
    "too few": {"pax": [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9")], "content": b"2\n0\n5\n"},
    "beyond itself": {
        "pax": [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9"), (b"size", b"512")],
        "content": b"1\n" + b"0" * 509 + b"\n5\n".ljust(513, b"\0"),
    },
    "S without one": {"kind": b"S", "content": b"abcde"},
    "S with rubbish": {"kind": b"S", "content": b"abcde", "gnu": True, "tail": b"rubbish!" * 12},
}


@pytest.mark.parametrize("name", MAPS)
def test_map_that_is_none_is_refused(store: Store, raw: ModuleType, name: str) -> None:
    """A map of words, half a map, or one without an end is damage. Red when sparse.py's _decimal is int."""
    assert "the archive is damaged" in store.attack(raw.archive({"name": b"s", **MAPS[name]}, {"name": b"after"}))


def test_map_of_a_million_pieces_is_refused(store: Store, raw: ModuleType) -> None:
    """The map is held in memory, so it has an end. Red without _check_count in sparse.py."""
    lines = b"%d\n" % (1 << 18) + b"0\n" * (1 << 19)
    content = raw.padded(lines)
    stored = {"name": b"s", "content": content, "pax": [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"0")]}
    assert "in more than 131072 pieces" in store.attack(raw.archive(stored))
    block = raw.padded(raw.base256(0, 12) * 42 + b"\1")
    head = raw.header(b"s", b"S", gnu=True, tail=bytes(96) + b"\1" + raw.base256(0, 12))
    assert "in more than 131072 pieces" in store.attack(raw.archive(head, block * 13_000, raw.END))


def test_map_of_empty_blocks_without_end_is_refused(store: Store, raw: ModuleType) -> None:
    """Blocks that announce another and hold nothing end somewhere. Red without ``longest`` in sparse.py's old_map."""
    head = raw.header(b"s", b"S", gnu=True, tail=bytes(96) + b"\1" + raw.base256(0, 12))
    empty = raw.padded(bytes(504) + b"\1")
    data = raw.archive(head, empty * 20_000, bytes(512), {"name": b"after"})
    assert "in more than 131072 pieces" in store.attack(raw.gzipped(data))
