"""Archives that have no end, break off, or are small and become very much."""

from __future__ import annotations

import gzip
import lzma
import resource
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.runtime import archive as archive_module
from quiltctl.runtime import unpack as unpack_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")
MEMORY_BYTES = 32 << 20


def import_with_little_memory(store: Store, data: bytes) -> str:
    """Import by the installed command with 32 MiB for all its data; return what it says on standard error."""
    store.source.write_bytes(data)
    limit = (MEMORY_BYTES, MEMORY_BYTES)
    done = store.command(
        *("image", "import", "-q", str(store.source), "small"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit),
    )
    store.command("rmi", "small")
    return done.stderr.decode()


def test_many_members_need_no_memory(store: Store, raw: ModuleType) -> None:
    """What was unpacked is forgotten. Red when unpack.py keeps the members: it would need 60 MiB."""
    one = raw.member(b"null", raw.CHAR, pax=[(b"linkpath", b"x" * 900_000)])
    assert import_with_little_memory(store, raw.gzipped(one * 60 + raw.END)) == ""


def test_ten_thousand_members_are_unpacked(store: Store, raw: ModuleType) -> None:
    """Very many are only many. Red with 9,999 as MOST_MEMBERS in unpack.py."""
    files = [raw.header(b"d/%d" % number) for number in range(300)]
    links = [raw.header(b"h/%d" % number, raw.HARD, link=b"d/%d" % (number % 300)) for number in range(2_700)]
    again = raw.header(b"null", raw.CHAR) * 7_000
    assert store.attack(raw.archive(*files, *links, again)) == ""
    assert len(store.tree()) == 3_002


FLOODS: dict[str, list[dict[str, Any]]] = {
    "one file again and again": [{"name": b"n"}] * 60,
    "one device again and again": [{"name": b"n", "kind": b"3"}] * 60,
    "one folder again and again": [{"name": b"n", "kind": b"5"}] * 60,
    "folders that no member announced": [{"name": b"d/" * 60 + b"f"}],
    "hard links": [{"name": b"n"}, *({"name": b"h%d" % n, "kind": b"1", "link": b"n"} for n in range(60))],
}


@pytest.mark.parametrize("flood", FLOODS)
def test_members_are_counted_whatever_they_are(
    store: Store, raw: ModuleType, monkeypatch: pytest.MonkeyPatch, flood: str
) -> None:
    """There is a most, and nothing that makes work does not count. Red when unpack.py counts what it made."""
    monkeypatch.setattr(unpack_module, "MOST_MEMBERS", 50)
    assert "the archive has more than 50 members" in store.attack(raw.archive(*FLOODS[flood], {"name": b"last"}))


@pytest.mark.parametrize("kind", [b"1", b"3", b"5"])
def test_names_that_are_kept_have_a_bound(
    store: Store, raw: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: bytes
) -> None:
    """Folders, devices and links to them stay in memory. Red without the sum in unpack.py's _remember."""
    monkeypatch.setattr(unpack_module, "MOST_REMEMBERED_BYTES", 1 << 17)
    device = {"name": b"null", "kind": raw.CHAR}
    members = [{"name": b"%03d" % n + b"x" * 90, "kind": kind, "link": b"null"} for n in range(500)]
    assert "of its folders and devices take more than" in store.attack(raw.archive(device, *members))
    assert store.attack(raw.archive(device, *members[:400], *members[:400])) == ""


ENDLESS = {
    "empty pax": (b"x", b""),
    "pax": (b"x", b"6 a=b\n"),
    "global": (b"g", b"6 a=b\n"),
    "long name": (b"L", b"n\0"),
    "long link": (b"K", b"x" * 3000),
    "volume": (b"V", b""),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_headers_without_a_member_have_an_end(store: Store, raw: ModuleType, kind: str) -> None:
    """What only describes goes on for 1 MiB and no further. Red without the look at the offset in members.py."""
    letter, content = ENDLESS[kind]
    data = raw.extended(content, letter) * 4000
    assert "more than 1048576 bytes describe one member" in store.attack(raw.gzipped(raw.archive(data, {"name": b"n"})))


@pytest.mark.parametrize("size", [(1 << 20) + 1, 1 << 40, 1 << 80])
@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g", b"X"])
def test_extended_header_of_any_size_is_not_read(store: Store, raw: ModuleType, kind: bytes, size: int) -> None:
    """A name of a terabyte is refused by what it says of itself. Red without the look at the size in _content."""
    data = raw.archive({"name": b"a"}, raw.header(b"n", kind, size=raw.base256(size, 12)), bytes(2 << 20))
    assert f"the archive is damaged: an extended header of {size} bytes" in store.attack(data)


def test_last_of_several_long_names_counts(store: Store, raw: ModuleType) -> None:
    """One way to read it, and it is that of the last. Red when members.py keeps the first."""
    before = raw.extended(b"../first\0", b"L") + raw.extended(b"second\0", b"L")
    assert store.attack(raw.archive(before, {"name": b"plain", "content": b"x"})) == ""
    assert store.tree() == {b"second": b"x"}


def whole(raw: ModuleType) -> bytes:
    """Return an archive of all that has a length in it."""
    long = (b"GNU.sparse.map", b"2,3"), (b"GNU.sparse.size", b"9")
    made: bytes = raw.archive(
        {"name": b"a", "content": b"1" * 600},
        {"name": b"s", "content": b"abc", "pax": long},
        raw.extended(b"n" * 200 + b"\0", b"L"),
        {"name": b"n", "content": b"2"},
        {"name": b"h", "kind": raw.HARD, "link": b"a"},
    )
    return made


def test_archive_that_breaks_off_is_refused_wherever(store: Store, raw: ModuleType) -> None:
    """Half an archive is no archive. Red when members.py takes the end of the data for the end mark."""
    data = whole(raw)
    assert store.attack(data) == ""
    for cut in [*range(0, len(data) - 1024, 128), len(data) - 513]:
        said = store.attack(data[:cut])
        assert any(why in said for why in ("truncated", "it is empty", "it is not a tar archive")), cut


def zstd(data: bytes) -> bytes:
    """Compress as zstd does."""
    try:
        from compression.zstd import compress  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports.zstd import compress
    return bytes(compress(data))


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstd}


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_archive_that_breaks_off_is_refused(store: Store, raw: ModuleType, packer: str) -> None:
    """Also when all members were there. Red without the look at the decompressor's end in decompress.py."""
    packed = PACKERS[packer](whole(raw))
    for cut in (7, len(packed) // 2, len(packed) - 9, len(packed) - 1):
        assert store.attack(packed[:cut]) != "", cut


@pytest.mark.parametrize("packer", PACKERS)
def test_bomb_behind_the_end_is_not_unpacked_for_ever(
    store: Store, raw: ModuleType, monkeypatch: pytest.MonkeyPatch, packer: str
) -> None:
    """What follows the end mark is read for the digest, up to 1 GiB. Red without the sum in archive.py's finish."""
    monkeypatch.setattr(archive_module, "_MOST_BEHIND", 1 << 24)
    packed = PACKERS[packer](raw.archive({"name": b"n"}) + bytes(1 << 25))
    assert len(packed) < 1 << 16
    assert "GiB follow the archive's end" in store.attack(packed)


@pytest.mark.parametrize("packer", PACKERS)
def test_bomb_is_never_held_whole(store: Store, raw: ModuleType, packer: str) -> None:
    """A file of 60 MiB out of a few KiB passes through 32 MiB of memory. Red with _PIECE of 1 GiB in decompress.py."""
    packed = PACKERS[packer](raw.archive({"name": b"n", "content": bytes(60 << 20)}))
    assert len(packed) < 1 << 19
    assert import_with_little_memory(store, packed) == ""


def test_bomb_fills_no_more_than_the_disk_and_goes(store: Store, raw: ModuleType) -> None:
    """On a disk of 40 MiB the import of many files ends, and the disk is empty again. Red without remove_tree."""
    one = {"name": b"n", "content": bytes(15 << 20)}
    store.source.write_bytes(gzip.compress(raw.archive(*({**one, "name": b"n%d" % n} for n in range(8))), 1))
    disk = store.top / "disk"
    disk.mkdir()
    command = f"{store.program} --root {disk}/r image import -q {store.source} x"
    script = f"mount -t tmpfs -o size=40m tmpfs {disk} && {command}; echo code $?; du -sm {disk}/r/images | cut -f1"
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    disk.rmdir()
    assert done.stdout == "code 125\n0\n"
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_dictionary_of_four_gigabytes_is_refused(store: Store) -> None:
    """What a header may ask for has a bound. Red without memlimit in decompress.py; zstd has one of its own."""
    packed = bytearray(lzma.compress(bytes(100), check=lzma.CHECK_NONE))
    head = packed[12:24]
    assert head[2:4] == b"\x21\x01"  # the filter LZMA2, with one byte of properties
    head[4] = 40  # xz's file format, 5.3.1: 4 GiB - 1
    packed[12:24] = head[:8] + zlib.crc32(head[:8]).to_bytes(4, "little")
    assert "Memory usage limit" in store.attack(bytes(packed))
    window = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes((31 << 3,)) + b"\x01\x00\x00"  # RFC 8878, 3.1.1.1.2: 2^41
    assert "the archive is damaged" in store.attack(window)


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 5000 + b"garbage", b"\xff" * 70_000, b"\x1f\x8b\x08garbage"])
def test_garbage_behind_the_end_brings_nothing(store: Store, raw: ModuleType, garbage: bytes) -> None:
    """What is behind the end mark is no member, and none of it is taken. Red when members.py passes over the mark."""
    data = raw.archive({"name": b"n", "content": b"x"})
    assert store.attack(data + garbage) == ""
    assert store.tree() == {b"n": b"x"}
    assert store.attack(data + raw.archive({"name": b"../out"}, {"name": b"other"}) + garbage) == ""
    assert store.tree() == {b"n": b"x"}
    assert "the archive is damaged" in store.attack(raw.gzipped(data) + b"garbage")
