"""Numbers in headers that are negative, huge, or none, and extended headers that say something else than plain ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")
NO_NUMBERS = [b"-1", b"+1", b"0x10", b"99", b"1 2", b"1.5", b"1_0", b"\xd9\xa3", b"x", b"\xfe\xff\xff", b"\n1"]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("field", ["mode", "uid", "gid", "size", "mtime"])
def test_field_that_is_no_number_is_refused(store: Store, raw: ModuleType, field: str, value: bytes) -> None:
    """Only octal digits and base 256 are numbers. Red without the look at the digits in tar.number."""
    said = store.attack(raw.archive({"name": b"a"}, {"name": b"n", field: value}))
    assert "stands where a number should be" in said


@pytest.mark.parametrize("value", [-1, -(1 << 55)])
@pytest.mark.parametrize("field", ["mode", "uid", "gid", "size"])
def test_negative_field_is_refused(store: Store, raw: ModuleType, field: str, value: int) -> None:
    """A size or an owner below zero is damage. Red without the look at the sign in tar.number."""
    wide = raw.base256(value, 12 if field == "size" else 8)
    said = store.attack(raw.archive({"name": b"a"}, {"name": b"n", field: wide}))
    assert f"{value} stands where a number of bytes or an id should be" in said


@pytest.mark.parametrize("size", [1 << 50, 1 << 63, 1 << 64, (1 << 88) - 1])
@pytest.mark.parametrize("kind", [b"0", b"7"])
def test_size_of_another_world_is_refused(store: Store, raw: ModuleType, kind: bytes, size: int) -> None:
    """It is compared with the disk before a byte is written. Red without _check_room in unpack_file.py."""
    said = store.attack(raw.archive({"name": b"n", "kind": kind, "size": raw.base256(size, 12)}))
    assert f"n is {size} bytes long, and only" in said


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"5", b"6"])
def test_size_of_what_has_no_content_is_not_believed(store: Store, raw: ModuleType, kind: bytes) -> None:
    """A folder or link with a size hides no member. Red without WITH_CONTENT in members.py's _content_bytes."""
    sized = {"name": b"n", "kind": kind, "link": b"a", "size": 1024, "pax": [(b"size", b"1024")]}
    assert store.attack(raw.archive({"name": b"a"}, sized, {"name": b"b"}, {"name": b"c"})) == ""
    assert {b"a", b"b", b"c"} <= set(store.tree())


@pytest.mark.parametrize(("time", "kept"), [(-1, 0), (-(1 << 60), 0), (1 << 33, 1 << 33), (1 << 60, 1 << 33)])
@pytest.mark.parametrize("kind", [b"0", b"2", b"5", b"6"])
def test_time_of_another_age_is_brought_near(store: Store, raw: ModuleType, kind: bytes, time: int, kept: int) -> None:
    """No clock of a file system is overrun. Red without the bounds in pax.mtime_ns."""
    member = {"name": b"n", "kind": kind, "link": b"x", "mtime": raw.base256(time, 12)}
    assert store.attack(raw.archive(member)) == ""
    assert store.layer is not None
    assert os.lstat(store.layer / "n").st_mtime == kept


def test_mode_of_many_bits_is_cut(store: Store, raw: ModuleType) -> None:
    """What a mode says of the kind of file is not heard. Red without the mask in tar.parse."""
    assert store.attack(raw.archive({"name": b"n", "mode": raw.base256((1 << 55) + 0o20644, 8)})) == ""
    assert store.layer is not None
    assert os.stat(store.layer / "n").st_mode == 0o100644


WRONG = [
    *((key, value) for key in (b"uid", b"gid", b"size") for value in (b"-1", b"1e3", b"0x1", b" 5", b"5 ", b"1.5")),
    *((key, b"9" * 5000) for key in (b"uid", b"gid", b"size", b"mtime")),
    *((b"mtime", value) for value in (b"nan", b"inf", b"1e9", b"--5", b"1.2.3", b"1.-5", b".5", b"\xd9\xa3", b"-")),
]


@pytest.mark.parametrize("record", WRONG, ids=lambda record: repr(record)[:40])
def test_record_that_is_no_number_is_refused(store: Store, raw: ModuleType, record: tuple[bytes, bytes]) -> None:
    """Python's int and float know more numbers than pax. Red without the look at the digits in pax.py."""
    said = store.attack(raw.archive({"name": b"n", "content": b"x", "pax": [record]}))
    assert "is no record of an extended header" in said


RECORDS = [
    *(b"5", b"5 ", b"5 a=", b"0 a=b\n", b"-6 a=b\n", b"99 a=b\n", b"6 a=b\n7 c", b"5 a=b\n", b"6 a=bc\n"),
    *(b"5 =b\n", b"4 a\n", b"06a=b\n", b" 6 a=b\n", b"9" * 4000 + b" a=b\n", b"6 a=b\0", b"\0" * 512, b"6\na=b\n"),
]


@pytest.mark.parametrize("content", RECORDS, ids=repr)
@pytest.mark.parametrize("kind", [b"x", b"g", b"X"])
def test_record_that_is_none_is_refused(store: Store, raw: ModuleType, kind: bytes, content: bytes) -> None:
    """A record with a wrong length reads into no other. Red without the looks at its ends in pax.parse."""
    said = store.attack(raw.archive({"name": b"a"}, raw.extended(content, kind), {"name": b"n"}))
    assert "is no record of an extended header" in said


@pytest.mark.parametrize(
    ("own", "said"),
    [(3, [b"5"]), (1024, [b"5"]), (5, [b""]), (3, [b"0", b"5"]), (3, [b"0000000000000000005"])],
    ids=repr,
)
def test_size_of_a_record_wins(store: Store, raw: ModuleType, own: int, said: list[bytes]) -> None:
    """As in every reader, so none sees other members than we. Red when members.py takes the header's size."""
    member = {"name": b"n", "content": b"hello", "size": own, "pax": [(b"size", value) for value in said]}
    assert store.attack(raw.archive(member, {"name": b"after"})) == ""
    assert store.tree() == {b"n": b"hello", b"after": b""}


def test_size_of_all_members_is_not_heard(store: Store, raw: ModuleType) -> None:
    """A global header cannot make files longer or move them. Red without _GLOBAL_KEYS in members.py."""
    everywhere = raw.extended(raw.record(b"size", b"1") + raw.record(b"path", b"x"), b"g")
    assert store.attack(raw.archive(everywhere, {"name": b"n", "content": b"hello"})) == ""
    assert store.tree() == {b"n": b"hello"}


@pytest.mark.parametrize("size", [b"600", b"99999999999", b"99999999999999999999"])
def test_size_of_a_record_beyond_the_archive_is_refused(store: Store, raw: ModuleType, size: bytes) -> None:
    """What is announced must be there. Red when archive.py's pieces end quietly at the end."""
    said = store.attack(raw.archive({"name": b"n", "content": b"x", "pax": [(b"size", size)]}, end=b""))
    assert "truncated" in said or "bytes long, and only" in said
