"""Members of archives: what other programs write is read as they meant it, and what is damaged is not read at all."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import ImageError
from quiltctl.runtime import tar
from quiltctl.runtime.archive import Archive
from quiltctl.runtime.members import members
from quiltctl.runtime.tar import Member
from quiltctl.runtime.tar_write import encode_header, padding

if TYPE_CHECKING:
    from types import ModuleType

FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}


def read(data: bytes, size: int = 1000) -> list[tuple[Member, bytes]]:
    """Return the members of an archive with their content."""
    archive = Archive(data[start : start + size] for start in range(0, len(data), size))
    return [(member, b"".join(archive.pieces(member.stored_bytes))) for member in members(archive)]


@pytest.mark.parametrize("format", FORMATS)
def test_members_are_what_was_written(rootfs: ModuleType, format: str) -> None:
    """Every field of every kind, also what does not fit a plain header, comes back in both dialects."""
    long = "folder/" * 40 + "caf\u00e9\udcff\nfile"
    given: list[dict[str, Any]] = [
        {"name": "etc", "type": tarfile.DIRTYPE, "mode": 0o1777},
        {"name": long, "content": b"x" * 700, "mode": 0o4755, "uid": 65534, "gid": 1 << 30},
        {"name": "link", "type": tarfile.SYMTYPE, "linkname": long},
        {"name": "hard", "type": tarfile.LNKTYPE, "linkname": "etc/passwd", "mtime": 0},
        {"name": "fifo", "type": tarfile.FIFOTYPE},
        {"name": "null", "type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
        {"name": "empty", "content": b""},
    ]
    found = read(rootfs.archive_of(*given, format=FORMATS[format]))
    time_ns = 1_700_000_000 * 10**9
    raw = long.encode("utf-8", "surrogateescape")
    assert found == [
        (Member(b"etc/", tar.DIRECTORY, 0o1777, 0, 0, time_ns), b""),
        (
            Member(raw, tar.REGULAR, 0o4755, 65534, 1 << 30, time_ns, stored_bytes=700, size_bytes=700),
            b"x" * 700,
        ),
        (Member(b"link", tar.SYMLINK, 0o644, 0, 0, time_ns, raw), b""),
        (Member(b"hard", tar.HARDLINK, 0o644, 0, 0, 0, b"etc/passwd"), b""),
        (Member(b"fifo", tar.FIFO, 0o644, 0, 0, time_ns), b""),
        (Member(b"null", tar.CHARACTER_DEVICE, 0o644, 0, 0, time_ns), b""),
        (Member(b"empty", tar.REGULAR, 0o644, 0, 0, time_ns), b""),
    ]


def test_members_have_the_records_of_extended_headers(rootfs: ModuleType) -> None:
    """Fractions of seconds, and those extended attributes that may stay; global headers count for owners."""
    data = rootfs.archive_of(
        {
            "name": "file",
            "pax_headers": {
                "mtime": "12.5",
                "SCHILY.xattr.user.k": "v",
                "SCHILY.xattr.security.capability": "cap",
                "SCHILY.xattr.trusted.overlay.opaque": "y",
                "SCHILY.xattr.user.overlay.opaque": "y",
                "SCHILY.xattr.security.selinux": "s",
                "SCHILY.xattr.system.posix_acl_access": "a",
            },
        }
    )
    ((member, _),) = read(global_header(b"9 gid=77\n" + b"15 path=/other\n") + data)
    assert (member.name, member.gid, member.mtime_ns) == (b"file", 77, 12_500_000_000)
    assert member.xattrs == (("user.k", b"v"), ("security.capability", b"cap"))


def global_header(content: bytes) -> bytes:
    """Return a global extended header."""
    described = Member(b"g", tar.PAX_GLOBAL, 0, 0, 0, 0, stored_bytes=len(content))
    return encode_header(described) + content + padding(len(content))


def test_members_content_that_is_not_taken_is_passed_over(rootfs: ModuleType) -> None:
    """The reader finds the next header whether or not somebody took the content, or a part of it."""
    archive = Archive(iter([rootfs.archive_of(*({"name": f"f{n}", "content": b"x" * 900} for n in range(3)))]))
    taken = [(member.name, archive.read(n * 300)) for n, member in enumerate(members(archive))]
    assert taken == [(b"f0", b""), (b"f1", b"x" * 300), (b"f2", b"x" * 600)]


@pytest.mark.parametrize("cut", [1, 511, 512, 700, 1024, 1535, 1536, 2047])
def test_members_of_a_truncated_archive_are_refused(rootfs: ModuleType, cut: int) -> None:
    """Cut anywhere, also between two members or right before the end mark, it is not taken for a whole archive."""
    whole = rootfs.archive_of({"name": "a", "content": b"1" * 600}, {"name": "b", "type": tarfile.DIRTYPE})
    with pytest.raises(ImageError, match=r"truncated|not a tar archive"):
        read(whole[:cut])


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"no archive at all" * 100, b"\x7fELF" + bytes(600)])
def test_members_of_what_is_no_archive_are_refused(data: bytes) -> None:
    """The error says that it is none, or that it is empty."""
    with pytest.raises(ImageError, match=r"it is not a tar archive|it is empty"):
        read(data)


def test_members_of_an_archive_of_nothing_are_none() -> None:
    """Two blocks of zeros are an archive, as docker users make one for an empty image."""
    assert read(bytes(10240)) == []


def test_members_after_a_damaged_header_are_refused(rootfs: ModuleType) -> None:
    """A wrong byte in the middle is an error, not the archive's end."""
    data = bytearray(rootfs.archive_of({"name": "a"}, {"name": "b"}, {"name": "c"}))
    data[512 + 2] ^= 0xFF
    with pytest.raises(ImageError, match="checksum"):
        read(bytes(data))


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (b"nonsense", "no record"),
        (b"999 path=x\n", "no record"),
        (b"0 path=x\n", "no record"),
        (b"3 p\n", "no record"),
        (b"10 path=xx", "no record"),
        (b"12 path=a\0b\n", "NUL"),
        (b"11 size=-1\n", "no record"),
        (b"13 mtime=1e9\n", "no record"),
        (b"14 mtime=1.-5\n", "no record"),
        (b"130 size=" + b"9" * 120 + b"\n", "no record"),
        (b"25 SCHILY.xattr.user.\0=1\n", "no record"),
    ],
)
def test_members_with_senseless_records_are_refused(rootfs: ModuleType, records: bytes, why: str) -> None:
    """An extended header that is not well formed is an error, whatever follows it."""
    described = Member(b"x", tar.PAX, 0, 0, 0, 0, stored_bytes=len(records))
    data = encode_header(described) + records + padding(len(records)) + rootfs.archive_of({"name": "a"})
    with pytest.raises(ImageError, match=why):
        read(data)


def test_members_with_huge_extended_headers_are_refused() -> None:
    """What would have to be held in memory is bounded."""
    described = Member(b"x", tar.GNU_LONG_NAME, 0, 0, 0, 0, stored_bytes=1 << 30)
    with pytest.raises(ImageError, match="an extended header of"):
        read(encode_header(Member(b"a", tar.DIRECTORY, 0, 0, 0, 0)) + encode_header(described))


def test_members_of_an_unknown_kind_are_refused() -> None:
    """Nothing is silently left out of a root filesystem."""
    with pytest.raises(ImageError, match="unknown kind"):
        read(encode_header(Member(b"a", b"D", 0, 0, 0, 0)) * 2)


def test_archive_digest_counts_every_byte(rootfs: ModuleType) -> None:
    """The digest is of the whole stream, with what follows the end mark, however it came and was read."""
    from hashlib import sha256

    data = rootfs.archive_of({"name": "a", "content": b"1" * 5000}) + b"behind the end"
    digests = set()
    for size in (1, 512, 1 << 20):
        archive = Archive(data[start : start + size] for start in range(0, len(data), size))
        assert [member.name for member in members(archive)] == [b"a"]
        digests.add(archive.finish())
    assert digests == {sha256(data).hexdigest()}


names = st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name)
written = st.builds(
    Member,
    name=names,
    kind=st.sampled_from([tar.REGULAR, tar.SYMLINK, tar.HARDLINK, tar.FIFO]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 1 << 32),
    gid=st.integers(0, 1 << 32),
    mtime_ns=st.integers(0, (1 << 33) * 10**9),
    link=names,
    xattrs=st.sampled_from([(), (("user.a", b"\0\n=\xff"),), (("security.capability", b""), ("user.z", b"1"))]),
)


@given(st.lists(st.tuples(written, st.binary(max_size=1500)), max_size=5))
def test_members_that_we_write_are_what_we_read(given: list[tuple[Member, bytes]]) -> None:
    """Writer and reader are each other's inverse, for names that are no text too."""
    given = [
        (Member(**{**m.to_dict(), "stored_bytes": len(c), "size_bytes": len(c)}), c)
        if m.kind == tar.REGULAR
        else (m, b"")
        for m, c in given
    ]
    data = b"".join(encode_header(member) + content + padding(len(content)) for member, content in given)
    assert read(data + tar.END * 2) == given


@given(st.binary(max_size=3000), st.integers(0, 4000), st.binary(max_size=40))
def test_members_of_rubbish_raise_nothing_but_image_errors(rubbish: bytes, place: int, patch: bytes) -> None:
    """Whatever the bytes are, the reader ends, with members or with an ImageError."""
    headers = b"".join(
        encode_header(Member(b"n" * 150, kind, 0o644, 0, 0, 5, b"l", len(rubbish)))
        for kind in (tar.PAX, tar.GNU_SPARSE, tar.REGULAR)
    )
    data = bytearray(headers + rubbish + bytes(1024))
    data[place : place + len(patch)] = patch
    try:
        read(bytes(data))
    except ImageError:
        return
