"""Unpacking: what archives hold arrives exactly, and what is hostile in them stays in the folder."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.errors import ImageError
from quiltctl.runtime import unpack as unpack_module
from quiltctl.runtime.archive import open_archive
from quiltctl.runtime.unpack import Unpacked, unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

pytestmark = pytest.mark.needs("root")
DIR, LINK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""cap_net_bind_service+ep, as in linux/capability.h, struct vfs_cap_data."""


@pytest.fixture
def unpacked(tmp_path: Path, rootfs: ModuleType) -> Callable[..., Path]:
    """Give a function that unpacks an archive of the members, or of a file, into a new folder and returns that."""

    def unpack_it(*members: dict[str, Any] | Path) -> Path:
        place = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        place.mkdir()
        source = tmp_path / "archive.tar"
        if members and not isinstance(members[0], dict):
            source = members[0]
        else:
            source.write_bytes(rootfs.archive_of(*members))
        unpack_into(place, source)
        return place

    return unpack_it


def unpack_into(place: Path, source: Path) -> Unpacked:
    """Unpack an archive into a folder."""
    place_fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with open_archive(str(source), int) as archive:
            result = unpack(archive, place_fd)
            archive.finish()
            return result
    finally:
        os.close(place_fd)


def tree(root: Path) -> dict[str, str]:
    """Return every path below, with what it is: folder, content, link or kind."""
    found = {}
    for path in sorted(root.rglob("*")):
        kind = path.lstat().st_mode
        what = "-> " + str(path.readlink()) if stat.S_ISLNK(kind) else "dir" if stat.S_ISDIR(kind) else ""
        found[str(path.relative_to(root))] = what or (path.read_text() if stat.S_ISREG(kind) else "special")
    return found


def test_unpack_keeps_owners_modes_and_times(unpacked: Callable[..., Path]) -> None:
    """Whatever the umask, and although later members change the folders' times: all is as the archive says."""
    before = os.umask(0o077)
    try:
        root = unpacked(
            {"name": "./", "type": DIR, "mode": 0o750, "uid": 5, "mtime": 11},
            {"name": "./d", "type": DIR, "mode": 0o3777, "uid": 1, "gid": 2, "mtime": 22},
            {"name": "./d/f", "mode": 0o6755, "uid": 65535, "gid": 65535, "content": b"x", "mtime": 33},
            {"name": "./d/l", "type": LINK, "linkname": "f", "uid": 3, "gid": 4, "mtime": 44},
            {"name": "./d/p", "type": tarfile.FIFOTYPE, "mode": 0o622, "uid": 6, "mtime": 55},
        )
    finally:
        os.umask(before)
    facts = {}
    for name in (".", "d", "d/f", "d/l", "d/p"):
        found = (root / name).lstat()
        facts[name] = (oct(found.st_mode), found.st_uid, found.st_gid, found.st_mtime)
    assert facts == {
        ".": ("0o40750", 5, 0, 11),
        "d": ("0o43777", 1, 2, 22),
        "d/f": ("0o106755", 65535, 65535, 33),
        "d/l": ("0o120777", 3, 4, 44),
        "d/p": ("0o10622", 6, 0, 55),
    }


def test_unpack_keeps_capabilities_and_drops_what_steers_the_host(unpacked: Callable[..., Path]) -> None:
    """A file keeps its capability and user attributes; the overlay's own and the host's policy are not taken over."""
    records = {
        "SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1"),
        "SCHILY.xattr.user.note": "kept",
        "SCHILY.xattr.trusted.overlay.opaque": "y",
        "SCHILY.xattr.user.overlay.opaque": "y",
        "SCHILY.xattr.system.posix_acl_access": "x",
    }
    root = unpacked({"name": "ping", "mode": 0o755, "uid": 7, "pax_headers": records})
    names = os.listxattr(root / "ping")
    assert {name: os.getxattr(root / "ping", name) for name in names} == {
        "security.capability": CAPABILITY,
        "user.note": b"kept",
    }


def test_unpack_follows_links_of_the_archive_inside_it(unpacked: Callable[..., Path]) -> None:
    """Merged /usr works: absolute, relative and climbing links lead where they would with the folder as the root."""
    root = unpacked(
        {"name": "usr/bin", "type": DIR, "mode": 0o755},
        {"name": "bin", "type": LINK, "linkname": "usr/bin"},
        {"name": "sbin", "type": LINK, "linkname": "/usr/bin"},
        {"name": "usr/deep", "type": LINK, "linkname": "../../../../usr/bin"},
        {"name": "bin/a", "content": b"a"},
        {"name": "sbin/b", "content": b"b"},
        {"name": "usr/deep/c", "content": b"c"},
        {"name": "/bin/d", "type": HARD, "linkname": "/sbin/a"},
    )
    assert tree(root) == {
        "bin": "-> usr/bin",
        "sbin": "-> /usr/bin",
        "usr": "dir",
        "usr/bin": "dir",
        "usr/bin/a": "a",
        "usr/bin/b": "b",
        "usr/bin/c": "c",
        "usr/bin/d": "a",
        "usr/deep": "-> ../../../../usr/bin",
    }
    assert (root / "usr/bin/a").stat().st_nlink == 2


def test_unpack_lets_the_last_of_a_name_win(unpacked: Callable[..., Path]) -> None:
    """Each kind takes the place of each other one, no link is followed, and a folder given twice keeps its content."""
    root = unpacked(
        {"name": "kept", "content": b"kept"},
        {"name": "f", "content": b"old"},
        {"name": "f", "content": b"new"},
        {"name": "l", "type": LINK, "linkname": "kept"},
        {"name": "l", "content": b"now a file"},
        {"name": "ld", "type": LINK, "linkname": "d"},
        {"name": "d", "type": DIR, "mode": 0o755},
        {"name": "d/inside", "content": b"1"},
        {"name": "d", "type": DIR, "mode": 0o700},
        {"name": "ld", "type": DIR, "mode": 0o755},
        {"name": "gone/deep/er", "content": b"x"},
        {"name": "gone", "content": b"now a file"},
        {"name": "later", "content": b"x"},
        {"name": "later/", "type": DIR, "mode": 0o755},
        {"name": "later/x", "content": b"y"},
        {"name": "h", "type": HARD, "linkname": "kept"},
        {"name": "h", "type": HARD, "linkname": "h"},
        {"name": "h2", "type": HARD, "linkname": "kept"},
        {"name": "h2", "content": b"own"},
    )
    assert tree(root) == {
        "d": "dir",
        "d/inside": "1",
        "f": "new",
        "gone": "now a file",
        "h": "kept",
        "h2": "own",
        "kept": "kept",
        "l": "now a file",
        "later": "dir",
        "later/x": "y",
        "ld": "dir",
    }
    assert (root / "d").stat().st_mode & 0o777 == 0o700


def test_unpack_finds_the_parent_anew_after_it_was_replaced(unpacked: Callable[..., Path]) -> None:
    """The folder of the last member is kept open, but not past the moment when something else takes its place."""
    root = unpacked(
        {"name": "a/b/one", "content": b"1"},
        {"name": "a", "content": b"file"},
        {"name": "a", "type": DIR, "mode": 0o755},
        {"name": "a/b/two", "content": b"2"},
    )
    assert tree(root) == {"a": "dir", "a/b": "dir", "a/b/two": "2"}


def test_unpack_leaves_out_device_nodes(unpacked: Callable[..., Path]) -> None:
    """Devices, hard links to them, and whiteouts of the overlay, which are devices too, are not made."""
    root = unpacked(
        {"name": "dev/null", "type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
        {"name": "dev/zero", "type": HARD, "linkname": "dev/null"},
        {"name": "sda", "type": tarfile.BLKTYPE, "devmajor": 8},
        {"name": "whiteout", "type": tarfile.CHRTYPE},
        {"name": "file", "content": b"x"},
    )
    assert tree(root) == {"dev": "dir", "file": "x"}


@pytest.mark.parametrize("name", [b"\xff\xfe", b"new\nline", b"\x1b[31mred", b" ", b"-rf", "\u00e9".encode() * 100])
def test_unpack_keeps_names_byte_for_byte(unpacked: Callable[..., Path], name: bytes) -> None:
    """A name need not be text."""
    root = unpacked({"name": name.decode("utf-8", "surrogateescape"), "content": b"x"})
    assert os.listdir(os.fsencode(root)) == [name]


@pytest.mark.parametrize(
    "options", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
)
def test_unpack_keeps_the_holes_of_files(unpacked: Callable[..., Path], tmp_path: Path, options: str) -> None:
    """All four ways in which GNU tar writes files with holes give the same content and take no more disk."""
    content = tmp_path / "in" / "sparse"
    content.parent.mkdir()
    with content.open("wb") as file:
        for place in range(40):
            file.seek(place << 20)
            file.write(b"piece %d" % place)
        file.truncate(64 << 20)
    (content.parent / "hole").touch()
    os.truncate(content.parent / "hole", 1 << 20)
    archive = tmp_path / "sparse.tar"
    form = [options] if options.startswith("--format") else ["--format=pax", options]
    subprocess.run(["tar", "-S", *form, "-C", content.parent, "-cf", archive, "sparse", "hole"], check=True)
    root = unpacked(archive)
    assert (root / "sparse").read_bytes() == content.read_bytes()
    assert (root / "hole").read_bytes() == bytes(1 << 20)
    assert (root / "sparse").stat().st_blocks * 512 < 1 << 20


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([{"name": "../out"}], "leads out"),
        ([{"name": "a/../../out"}], "leads out"),
        ([{"name": "a/.."}], "leads out"),
        ([{"name": "h", "type": HARD, "linkname": "../../etc/passwd"}], "leads out"),
        ([{"name": "h", "type": HARD, "linkname": "/etc/passwd"}], "not before it"),
        (
            [{"name": "l", "type": LINK, "linkname": "/etc"}, {"name": "h", "type": HARD, "linkname": "l/passwd"}],
            "not bef",
        ),
        ([{"name": "h", "type": HARD, "linkname": "later"}, {"name": "later"}], "not before it"),
        ([{"name": "l", "type": LINK, "linkname": "/nowhere"}, {"name": "l/f"}], "leads nowhere"),
        ([{"name": "f"}, {"name": "f/below"}], "Not a directory"),
        (
            [
                {"name": "a", "type": LINK, "linkname": "b"},
                {"name": "b", "type": LINK, "linkname": "a"},
                {"name": "a/x"},
            ],
            "symbolic",
        ),
        ([{"name": "d", "type": DIR}, {"name": "h", "type": HARD, "linkname": "d"}], "not permitted"),
        ([{"name": "x" * 256}], "name too long"),
        ([{"name": "d/" * 2100 + "f"}], "longer than"),
        ([{"name": "/", "content": b"x"}], "root folder"),
        ([{"name": "etc/.wh.passwd"}], "no root filesystem"),
        ([{"name": "etc/.wh..wh..opq"}], "no root filesystem"),
        ([{"name": "f", "uid": 65536}], "belongs to 65536:0"),
        ([{"name": "f", "gid": 100000}], "belongs to 0:100000"),
        ([{"name": "l", "type": LINK, "linkname": ""}], "No such file"),
        ([{"name": "f", "pax_headers": {"SCHILY.xattr.security.capability": "rubbish"}}], "attribute"),
        (
            [{"name": "f", "pax_headers": {"GNU.sparse.size": str(1 << 60), "GNU.sparse.map": "0,0"}}],
            "bytes long, and only",
        ),
    ],
)
def test_unpack_refuses_what_cannot_be_in_a_root_filesystem(
    unpacked: Callable[..., Path], members: list[dict[str, Any]], why: str
) -> None:
    """Each is an error that names the member and what is wrong with it."""
    with pytest.raises((ImageError, OSError), match=why):
        unpacked(*members)


def test_unpack_refuses_a_file_larger_than_the_disk(tmp_path: Path, rootfs: ModuleType) -> None:
    """What is announced is compared with what is free before anything of it is written."""
    whole: bytes = rootfs.archive_of({"name": "big", "content": b""})
    header = bytearray(whole[:512])
    header[124:136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    source, place = tmp_path / "big.tar", tmp_path / "out"
    source.write_bytes(bytes(header))
    place.mkdir()
    with pytest.raises(ImageError, match="bytes long, and only"):
        unpack_into(place, source)


def test_unpack_refuses_too_many_members(tmp_path: Path, rootfs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts members of every kind."""
    monkeypatch.setattr(unpack_module, "MOST_MEMBERS", 3)
    source, place = tmp_path / "many.tar", tmp_path / "out"
    source.write_bytes(
        rootfs.archive_of({"name": "n", "type": tarfile.CHRTYPE}, *({"name": f"f{n}"} for n in range(3)))
    )
    place.mkdir()
    with pytest.raises(ImageError, match="more than 3 members"):
        unpack_into(place, source)


def test_unpack_result_counts_what_was_made(tmp_path: Path, rootfs: ModuleType) -> None:
    """Members without devices, the content without holes, and the devices left out."""
    source, place = tmp_path / "a.tar", tmp_path / "out"
    source.write_bytes(
        rootfs.archive_of(
            {"name": "d", "type": DIR},
            {"name": "d/f", "content": b"12345"},
            {"name": "d/g", "content": b"1"},
            {"name": "null", "type": tarfile.CHRTYPE},
        )
    )
    place.mkdir()
    assert unpack_into(place, source) == Unpacked(files=3, size_bytes=6, skipped_devices=1)
