"""Archives with what a root filesystem must not bring: devices, sockets, attributes, whiteouts, foreign owners."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""cap_net_bind_service+ep, as in linux/capability.h, struct vfs_cap_data."""


def test_devices_are_left_out_and_said(store: Store, raw: ModuleType) -> None:
    """No device is made, nor a link to one; how many is told. Red when unpack.py treats them as other members."""
    devices = [{"name": b"dev/%d" % n, "kind": kind} for n, kind in enumerate((raw.CHAR, raw.BLOCK, raw.CHAR))]
    hard = {"name": b"dev/hard", "kind": raw.HARD, "link": b"dev/1"}
    data = raw.archive({"name": b"dev/2", "content": b"file"}, *devices, hard, {"name": b"f", "content": b"x"})
    assert store.attack(data) == ""
    assert (store.tree(), store.skipped_devices) == ({b"dev": b"dir", b"f": b"x"}, 4)
    store.forget()
    done = store.command("image", "import", "-q", "--json", str(store.source), "said")
    store.command("rmi", "said")
    assert json.loads(done.stdout)["SkippedDevices"] == 4


def test_pipes_are_made_and_never_opened(store: Store, raw: ModuleType) -> None:
    """Nobody waits at the other end, also when a file takes its place. Red without O_EXCL in unpack.py: it hangs."""
    data = raw.archive(
        {"name": b"p", "kind": raw.FIFO, "pax": [(b"SCHILY.xattr.user.a", b"1")]},
        {"name": b"q", "kind": raw.FIFO, "mode": 0o4777, "uid": 5},
        {"name": b"h", "kind": raw.HARD, "link": b"q"},
        {"name": b"p", "content": b"now a file"},
    )
    assert store.attack(data) == ""
    assert store.tree() == {b"p": b"now a file", b"q": b"fifo", b"h": b"fifo"}


def test_sockets_and_pipes_of_a_folder_are_not_opened(store: Store, tmp_path: Path) -> None:
    """A socket is left out, a pipe is made anew. Red when folder_archive.py opens what is no regular file."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to(store.sentinel / "file")
        (tmp_path / "folder").symlink_to(store.sentinel)
        assert store.attack(tmp_path) == ""
    outside = os.fsencode(store.sentinel)
    assert store.tree() == {b"pipe": b"fifo", b"link": b"-> " + outside + b"/file", b"folder": b"-> " + outside}


SWAP = """
import os
while True:
    for name in ("device", "file"):
        os.link(name, "new")
        os.rename("new", "folder/f")
"""


def test_file_that_becomes_a_device_while_it_is_read_is_refused(store: Store, tmp_path: Path) -> None:
    """Between the look at a file and its opening it is replaced. Red when folder_archive.py does not look again."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    os.mknod(tmp_path / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    with subprocess.Popen([sys.executable, "-c", SWAP], cwd=tmp_path) as swapping:
        try:
            said = {store.attack(tmp_path / "folder").rpartition(": ")[2] for _ in range(100)}
        finally:
            swapping.kill()
    assert said <= {"", "./f was replaced while it was read"}


@pytest.mark.parametrize("kind", [b"s", b"D", b"M", b"N", b"A", b"8", b"\xff", b"\n", b"\x1b"])
def test_unknown_kinds_are_refused(store: Store, raw: ModuleType, kind: bytes) -> None:
    """Nothing is silently left out of a root filesystem. Red without the last branch in members.py's _extended."""
    assert "of the unknown kind" in store.attack(raw.archive({"name": b"a"}, {"name": b"n", "kind": kind}))


def test_set_user_id_file_is_closed_to_others(store: Store, raw: ModuleType) -> None:
    """It stays set-user-ID for containers, in a folder that no other user can enter. Red without 0700 in layers.py."""
    assert store.attack(raw.archive({"name": b"su", "content": b"x", "mode": 0o6755})) == ""
    assert store.layer is not None
    assert stat.S_IMODE(os.stat(store.layer / "su").st_mode) == 0o6755
    assert [stat.S_IMODE(os.stat(place).st_mode) for place in (store.paths.layers, store.paths.images)] == [0o700] * 2


FORGED = [
    *(b"trusted.overlay." + name for name in (b"opaque", b"redirect", b"metacopy", b"origin", b"whiteout", b"upper")),
    *(b"user.overlay." + name for name in (b"opaque", b"redirect", b"metacopy", b"whiteout")),
    *(b"trusted.x", b"security.selinux", b"security.ima", b"security.evm", b"security.apparmor"),
    *(b"system.posix_acl_access", b"system.posix_acl_default", b"system.nfs4_acl", b"security.", b"nonsense"),
]


@pytest.mark.parametrize("kind", [b"0", b"5"])
def test_attributes_that_steer_the_host_are_dropped(store: Store, raw: ModuleType, kind: bytes) -> None:
    """No opaque mark, redirect or metacopy can be forged; capabilities stay. Red without pax.is_kept."""
    records = [(b"SCHILY.xattr." + name, b"y") for name in FORGED]
    kept = [(b"SCHILY.xattr.user.note", b"kept"), (b"SCHILY.xattr.security.capability", CAPABILITY)]
    everywhere = raw.extended(b"".join(raw.record(*pair) for pair in records), b"g")
    member = {"name": b"n", "kind": kind, "pax": [*records, *(kept if kind == b"0" else kept[:1])]}
    assert store.attack(raw.archive(everywhere, member)) == ""
    assert store.layer is not None
    names = sorted(os.listxattr(store.layer / "n"))
    assert names == (["security.capability", "user.note"] if kind == b"0" else ["user.note"])


@pytest.mark.parametrize(
    "attribute", [b"user.", b"user." + b"x" * 300, b"user.a\0b", b"user.big", b"security.capability"]
)
def test_attribute_that_cannot_be_set_is_refused(store: Store, raw: ModuleType, attribute: bytes) -> None:
    """An attribute that should stay and cannot is an error with its name. Red when unpack_file.py passes over it."""
    value = b"x" * 70_000 if attribute == b"user.big" else b"rubbish"
    said = store.attack(raw.archive({"name": b"n", "pax": [(b"SCHILY.xattr." + attribute, value)]}))
    assert "cannot get the attribute" in said or "no record of an extended header" in said


@pytest.mark.parametrize("kind", [b"0", b"1", b"2", b"5", b"6", b"3"])
@pytest.mark.parametrize(
    "name",
    [
        b".wh.victim",
        b".wh..wh..opq",
        b"victim/.wh.file",
        b".wh..wh.plnk",
        b".wh.",
        b"./.wh...",
        b"a/.wh.b/",
        b".wh.a/b",
    ],
)
def test_whiteouts_are_refused(store: Store, raw: ModuleType, name: bytes, kind: bytes) -> None:
    """A mark of deletion deletes nothing, here or in a layer below. Red without the look for it in unpack.py."""
    said = store.attack(raw.archive({"name": b"victim/file"}, {"name": name, "kind": kind, "link": b"victim/file"}))
    assert "is a mark of deletion: this is one layer of an image" in said


def test_whiteout_behind_a_link_deletes_nothing(store: Store, raw: ModuleType) -> None:
    """An overlay's own whiteout, a device 0:0, is no more than any device. Red when unpack.py makes devices."""
    below = os.fsencode(store.paths.layers)
    link = {"name": b"l", "kind": raw.LINK, "link": below}
    whiteout = {"name": b"victim/file", "kind": raw.CHAR}
    folder = {"name": below[1:], "kind": raw.DIR}
    assert store.attack(raw.archive(link, folder, whiteout, {"name": b"l/x", "kind": raw.CHAR})) == ""
    assert store.skipped_devices == 2


OWNERS = [(65536, 0), (0, 65536), (1 << 31, 5), ((1 << 32) - 1, 0), (5, 1 << 32), (0, 1 << 63)]


@pytest.mark.parametrize("kind", [b"0", b"1", b"2", b"3", b"5", b"6"])
@pytest.mark.parametrize(("uid", "gid"), OWNERS)
def test_owner_without_a_place_in_containers_is_refused(
    store: Store, raw: ModuleType, uid: int, gid: int, kind: bytes
) -> None:
    """The sentence has member and id, in every way to write a number. Red without HIGHEST_ID in unpack.py."""
    why = f"var/f belongs to {uid}:{gid}, and a container has no id above 65535"
    plain = {"name": b"var/f", "kind": kind, "link": b"x"}
    assert why in store.attack(raw.archive({**plain, "pax": [(b"uid", b"%d" % uid), (b"gid", b"%d" % gid)]}))
    if gid < 1 << 56:
        wide = {**plain, "uid": raw.base256(uid, 8), "gid": raw.base256(gid, 8)}
        assert why in store.attack(raw.archive(wide))


@pytest.mark.parametrize(("uid", "gid"), OWNERS[:3])
@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe"])
def test_owner_in_a_folder_without_a_place_in_containers_is_refused(
    store: Store, tmp_path: Path, uid: int, gid: int, kind: str
) -> None:
    """A folder is held to the same rule, and the hint says what to do. Red without HIGHEST_ID in unpack.py."""
    one = tmp_path / "f"
    make: dict[str, Callable[[], None]] = {"file": one.touch, "folder": one.mkdir, "pipe": partial(os.mkfifo, one)}
    make.get(kind, partial(one.symlink_to, "x"))()
    os.chown(one, uid, gid, follow_symlinks=False)
    assert f"./f{'/' * (kind == 'folder')} belongs to {uid}:{gid}" in store.attack(tmp_path)
    done = store.command("image", "import", "-q", str(tmp_path), "x")
    sentence, hint = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout, sentence.startswith("Error: cannot import")) == (125, b"", True)
    assert hint.startswith("hint: give it another owner, with chown or with tar's --owner and --group")


def test_highest_owner_of_a_container_is_kept(store: Store, raw: ModuleType) -> None:
    """65535 is the last id of a range. Red with 65534 as HIGHEST_ID in unpack.py."""
    assert store.attack(raw.archive({"name": b"f", "uid": 65535, "gid": 65535})) == ""
    assert store.layer is not None
    found = os.stat(store.layer / "f")
    assert (found.st_uid, found.st_gid) == (65535, 65535)
