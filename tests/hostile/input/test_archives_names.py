"""Archives whose names and links lead out of the folder that they are unpacked into."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")


@pytest.mark.parametrize("name", [b"../out", b"a/../../out", b"./../out", b"..", b"a/..", b"/../out", b"a//..//out"])
@pytest.mark.parametrize("kind", [b"0", b"2", b"3", b"5", b"6"])
def test_name_with_dots_is_refused(store: Store, raw: ModuleType, name: bytes, kind: bytes) -> None:
    """A name with ``..`` is refused, of whatever kind the member is. Red without the look for it in unpack.py."""
    said = store.attack(raw.archive({"name": name, "kind": kind, "link": b"x"}))
    assert f"{name.decode()} leads out of the root filesystem" in said


def test_absolute_names_lie_inside(store: Store, raw: ModuleType) -> None:
    """A name from ``/`` on lies below the destination. Red without the cut in unpack.py and RESOLVE_IN_ROOT."""
    outside = os.fsencode(store.sentinel)
    data = raw.archive({"name": outside + b"/f", "content": b"x"}, {"name": b"//etc//passwd", "content": b"y"})
    assert store.attack(data) == ""
    tree = store.tree()
    assert (tree[outside[1:] + b"/f"], tree[b"etc/passwd"]) == (b"x", b"y")


@pytest.mark.parametrize(
    "links",
    [
        {b"l": b"SENTINEL"},
        {b"l": b"../../../sentinel"},
        {b"l": b"../" * 40 + b"SENTINEL"},
        {b"a": b"SENTINEL", b"b": b"a", b"l": b"/b"},
        {b"l": b"d/../../../../sentinel"},
        {b"up": b"..", b"l": b"up/up/up/sentinel"},
        {b"l": b"/proc/self/root/SENTINEL"},
        {b"l": b"/proc/self/cwd"},
    ],
    ids=repr,
)
def test_file_through_a_link_out_stays_inside(store: Store, raw: ModuleType, links: dict[bytes, bytes]) -> None:
    """A link leads where it would with the destination as ``/``, or nowhere. Red without RESOLVE_IN_ROOT."""
    outside = os.fsencode(store.sentinel)
    made = [{"name": n, "kind": raw.LINK, "link": t.replace(b"SENTINEL", outside)} for n, t in links.items()]
    places = [outside[1:], b"sentinel", b"d"]
    folders = [{"name": name, "kind": raw.DIR, "mode": 0o755} for name in places]
    attack = [{"name": b"l/file", "content": b"hostile", "mode": 0o4777}, {"name": b"l/inner/new", "kind": raw.DIR}]
    said = store.attack(raw.archive(*folders, *made, *attack))
    if said:
        assert re.search("leads nowhere", said)
    else:
        assert b"hostile" in store.tree().values()


def test_folder_that_became_a_link_is_looked_up_anew(store: Store, raw: ModuleType) -> None:
    """The parent kept open is not used past the moment when a link takes its place. Red without parents.forget()."""
    outside = os.fsencode(store.sentinel)
    data = raw.archive(
        {"name": b"d/one", "content": b"1"},
        {"name": outside[1:], "kind": raw.DIR, "mode": 0o755},
        {"name": b"d/two", "content": b"2"},
        {"name": b"d", "kind": raw.LINK, "link": b"."},
        {"name": b"d/d", "kind": raw.LINK, "link": outside},
        {"name": b"d/file", "content": b"3"},
    )
    assert store.attack(data) == ""
    assert store.tree()[outside[1:] + b"/file"] == b"3"


@pytest.mark.parametrize("kind", [b"0", b"5", b"6", b"7"])
@pytest.mark.parametrize("target", ["file", "inner", "tool"])
def test_member_on_a_link_takes_its_place(store: Store, raw: ModuleType, kind: bytes, target: str) -> None:
    """The last part of a name is never followed. Red without O_EXCL and O_NOFOLLOW in unpack.py."""
    link = os.fsencode(store.sentinel / target)
    data = raw.archive(
        {"name": b"l", "kind": raw.LINK, "link": link}, {"name": b"l", "kind": kind, "mode": 0o7777, "uid": 7}
    )
    assert store.attack(data) == ""
    assert store.tree()[b"l"] in {b"", b"dir", b"fifo"}


def test_link_gets_its_own_owner_and_time(store: Store, raw: ModuleType) -> None:
    """What is said of a link is not done to what it points to. Red without follow_symlinks=False in unpack.py."""
    link = os.fsencode(store.sentinel / "file")
    assert store.attack(raw.archive({"name": b"l", "kind": raw.LINK, "link": link, "uid": 9, "mtime": 5})) == ""
    assert store.layer is not None
    found = os.lstat(store.layer / "l")
    assert (found.st_uid, found.st_mtime) == (9, 5)


@pytest.mark.parametrize(
    ("before", "target"),
    [
        ({}, b"SENTINEL/file"),
        ({}, b"../../../sentinel/file"),
        ({}, b"/etc/passwd"),
        ({b"l": b"SENTINEL"}, b"l/file"),
        ({b"l": b"../../../sentinel"}, b"l/file"),
        ({b"a": b"..", b"l": b"a/a/a"}, b"l/sentinel/file"),
        ({}, b".wh.file"),
        ({}, b"../victim/.wh.file"),
        ({}, b""),
        ({}, b"."),
        ({}, b"h"),
    ],
    ids=repr,
)
def test_hard_link_out_is_refused(store: Store, raw: ModuleType, before: dict[bytes, bytes], target: bytes) -> None:
    """A hard link finds only what the archive brought. Red without RESOLVE_IN_ROOT in parents.py."""
    outside = os.fsencode(store.sentinel)
    links = [{"name": n, "kind": raw.LINK, "link": t.replace(b"SENTINEL", outside)} for n, t in before.items()]
    hard = {"name": b"h", "kind": raw.HARD, "link": target.replace(b"SENTINEL", outside)}
    said = store.attack(raw.archive(*links, hard, {"name": b"h", "content": b"hostile"}))
    assert re.search(r"which is not before it in the archive|leads out of|not permitted", said)


def test_hard_link_to_a_link_is_that_link(store: Store, raw: ModuleType) -> None:
    """A second name of a link is not one of its target. Red with follow_symlinks=True in unpack.py's _link."""
    link = os.fsencode(store.sentinel / "file")
    data = raw.archive({"name": b"l", "kind": raw.LINK, "link": link}, {"name": b"h", "kind": raw.HARD, "link": b"l"})
    assert store.attack(data) == ""
    assert store.tree() == {b"l": b"-> " + link, b"h": b"-> " + link}


def test_folder_full_of_links_out_is_replaced_alone(store: Store, raw: ModuleType) -> None:
    """What is removed for a later member is not followed. Red with is_dir(follow_symlinks=True) in tree.py."""
    outside = os.fsencode(store.sentinel)
    links = [{"name": b"d/%d" % n, "kind": raw.LINK, "link": outside + end} for n, end in enumerate((b"", b"/inner"))]
    assert store.attack(raw.archive(*links, {"name": b"d", "content": b"file"})) == ""
    assert store.tree() == {b"d": b"file"}


KINDS: dict[str, dict[str, Any]] = {
    "file": {"content": b"f"},
    "folder": {"kind": b"5", "mode": 0o755},
    "link": {"kind": b"2", "link": b"kept"},
    "pipe": {"kind": b"6"},
    "hard": {"kind": b"1", "link": b"kept"},
    "device": {"kind": b"3"},
}
LEFT = {"file": b"f", "folder": b"dir", "link": b"-> kept", "pipe": b"fifo", "hard": b"sings", "device": None}


@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("first", KINDS)
def test_name_given_twice_is_what_came_last(store: Store, raw: ModuleType, first: str, second: str) -> None:
    """Each kind takes the place of each other one, with all below it. Red without _clear in unpack.py."""
    below = [{"name": b"n/below", "content": b"b"}] if first == "folder" else []
    data = raw.archive(
        {"name": b"kept", "content": b"sings"}, {"name": b"n", **KINDS[first]}, *below, {"name": b"n", **KINDS[second]}
    )
    assert store.attack(data) == ""
    tree = store.tree()
    assert (tree.get(b"n"), tree[b"kept"]) == (LEFT[second], b"sings")
    assert (b"n/below" in tree) == (first == second == "folder")


def test_name_of_two_thousand_folders_is_unpacked(store: Store, raw: ModuleType) -> None:
    """As deep as a path may be, in one line and without recursion. Red with the recursion parents.py had."""
    name = b"d/" * 2000 + b"f"
    store.source.write_bytes(raw.archive({"name": b"short", "pax": [(b"path", name)], "content": b"deep"}))
    done = store.command("image", "import", "-q", str(store.source), "deep")
    assert (done.returncode, done.stderr) == (0, b"")
    removed = store.command("rmi", "deep")
    assert (removed.returncode, removed.stderr, store.known()["staged"]) == (0, b"", [])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"x" * 256, "[Ff]ile name too long"),
        (b"d/" * 2050 + b"f", "longer than the 4095 bytes"),
        (b"d/" * 500_000 + b"f", "longer than the 4095 bytes"),
        (b"/" * 5000 + b"f", "longer than the 4095 bytes"),
        (b"a\0b", "a name with a NUL"),
        (b"/", "the root folder's name and not a folder"),
        (b"./.", "the root folder's name and not a folder"),
    ],
    ids=lambda value: value[:20],
)
def test_impossible_name_is_refused(store: Store, raw: ModuleType, name: bytes, why: str) -> None:
    """What no file can be called is said to be so. Red without the look at the length in unpack.py."""
    assert re.search(why, store.attack(raw.archive({"name": b"n", "pax": [(b"path", name)], "content": b"x"})))


@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"new\nline", b"\x1b[31mred", b"\r", b" ", b"-rf", b"\xe2\x80\xae", b"'\"`$(x)"]
)
def test_odd_name_is_kept_and_said_in_one_line(store: Store, raw: ModuleType, name: bytes) -> None:
    """It arrives byte for byte, and nothing of it reaches a terminal raw. Red without the escapes of tar.shown."""
    assert store.attack(raw.archive({"name": name, "content": b"x"})) == ""
    assert store.tree() == {name: b"x"}
    assert "belongs to" in store.attack(raw.archive({"name": name, "uid": 70000}))
