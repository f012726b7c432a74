"""The headers of a member as a tar archive has them: POSIX.1-2017 pax, which every tar of today reads."""

from __future__ import annotations

from quiltctl.runtime import tar
from quiltctl.runtime.pax import XATTR

_NAME = 100
_ID = 0o7777777
_SIZE = 0o77777777777
_NS = 10**9


def encode_header(member: tar.Member) -> bytes:
    """Return the header block, after an extended header where the block cannot say everything.

    The same member is always the same bytes: no clock, no process id.
    """
    records = _records(member)
    extended = b""
    if records:
        content = b"".join(_record(key, value) for key, value in records)
        extended = _block(b"PaxHeaders/member", tar.PAX, size=len(content)) + content + padding(len(content))
    return extended + _block(
        member.name[:_NAME],
        member.kind,
        mode=member.mode,
        uid=member.uid if member.uid <= _ID else 0,
        gid=member.gid if member.gid <= _ID else 0,
        size=member.stored_bytes if member.stored_bytes <= _SIZE else 0,
        mtime=max(0, min(member.mtime_ns // _NS, _SIZE)),
        link=member.link[:_NAME],
    )


def padding(size: int) -> bytes:
    """Return the zeros that follow so much content up to the next block."""
    return bytes(-size % tar.BLOCK)


def _records(member: tar.Member) -> list[tuple[bytes, bytes]]:
    records = []
    if len(member.name) > _NAME:
        records.append((b"path", member.name))
    if len(member.link) > _NAME:
        records.append((b"linkpath", member.link))
    for key, value, largest in (
        (b"uid", member.uid, _ID),
        (b"gid", member.gid, _ID),
        (b"size", member.stored_bytes, _SIZE),
    ):
        if value > largest:
            records.append((key, b"%d" % value))
    if member.mtime_ns % _NS or not 0 <= member.mtime_ns // _NS <= _SIZE:
        sign = b"-" if member.mtime_ns < 0 else b""
        whole, fraction = divmod(abs(member.mtime_ns), _NS)
        records.append((b"mtime", b"%s%d.%09d" % (sign, whole, fraction)))
    return records + [(XATTR + name.encode("utf-8", "surrogateescape"), value) for name, value in member.xattrs]


def _record(key: bytes, value: bytes) -> bytes:
    """Return ``LENGTH KEY=VALUE`` and a newline, where the length counts its own digits too."""
    rest = b" %s=%s\n" % (key, value)
    length = len(rest) + len(str(len(rest)))
    if len(str(length)) + len(rest) != length:
        length += 1
    return b"%d" % length + rest


def _block(
    name: bytes,
    kind: bytes,
    *,
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    mtime: int = 0,
    link: bytes = b"",
) -> bytes:
    before = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(100, b"\0"), mode, uid, gid, size, mtime)
    after = kind + link.ljust(100, b"\0") + b"ustar\x0000"
    block = before + b" " * 8 + after
    return (before + b"%06o\0 " % sum(block) + after).ljust(tar.BLOCK, b"\0")
