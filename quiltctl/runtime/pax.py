"""Extended headers of a tar archive: records that override what the plain header can say.

A record is ``LENGTH KEY=VALUE`` and a newline, the length in bytes and counting itself.
"""

from __future__ import annotations

from quiltctl.errors import ImageError
from quiltctl.runtime.tar import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

XATTR = b"SCHILY.xattr."
_NS_DIGITS = 9
_MOST_DIGITS = 20
"""Of a number of 64 bits. Python itself takes a long time over thousands of them."""
_MAX_MTIME_S = 1 << 33
"""ext4 and XFS end in the 25th century; what is later is brought to this."""


def parse(content: bytes) -> dict[bytes, list[bytes]]:
    """Return the values of each key in the order they stand there: only GNU's sparse maps repeat a key.

    Raises:
        ImageError: a record is not well formed.
    """
    records: dict[bytes, list[bytes]] = {}
    position = 0
    while position < len(content):
        blank = content.find(b" ", position, position + 20)
        digits = content[position:blank]
        if blank < 0 or not digits.isdigit() or not blank < (end := position + int(digits)) <= len(content):
            raise _damaged(content[position : position + 20])
        key, equals, value = content[blank + 1 : end - 1].partition(b"=")
        if not equals or not key or content[end - 1 : end] != b"\n":
            raise _damaged(content[position:end])
        records.setdefault(key, []).append(value)
        position = end
    return records


def integer(records: Mapping[bytes, list[bytes]], key: bytes, default: int) -> int:
    """Return a record that is a whole number of bytes or an id, or the default where it is not there."""
    value = records[key][-1] if key in records else b""
    if not value:
        return default  # an empty value takes back what a global header said
    if not value.isdigit() or len(value) > _MOST_DIGITS:
        raise _damaged(key + b"=" + value)
    return int(value)


def name(records: Mapping[bytes, list[bytes]], key: bytes, default: bytes) -> bytes:
    """Return a record that is a name, or the default where it is not there."""
    value = (records[key][-1] if key in records else b"") or default
    if b"\0" in value:
        raise ImageError(f"the archive holds a name with a NUL: {shown(value)}")
    return value


def mtime_ns(records: Mapping[bytes, list[bytes]], default_s: int) -> int:
    """Return the time of the last change, kept within what file systems can hold."""
    value = (records[b"mtime"][-1] if b"mtime" in records else b"") or b"%d" % default_s
    whole, _, fraction = value.partition(b".")
    if not whole.removeprefix(b"-").isdigit() or len(whole) > _MOST_DIGITS or (fraction and not fraction.isdigit()):
        raise _damaged(b"mtime=" + value)
    nanoseconds = int(fraction[:_NS_DIGITS].ljust(_NS_DIGITS, b"0"))
    seconds = max(0, min(int(whole), _MAX_MTIME_S))
    return seconds * 10**9 + (nanoseconds if seconds == int(whole) else 0)


def xattrs(records: Mapping[bytes, list[bytes]]) -> tuple[tuple[str, bytes], ...]:
    """Return the extended attributes that a root filesystem may bring: file capabilities and ``user.*``.

    Others speak to this host and not to the container: ``trusted.overlay.*`` and ``user.overlay.*`` would steer the
    overlay, ``security.selinux`` and its kin belong to the host's policy, access lists name the host's ids.
    """
    return tuple(
        (key.removeprefix(XATTR).decode("utf-8", "surrogateescape"), values[-1])
        for key, values in records.items()
        if key.startswith(XATTR) and is_kept(key.removeprefix(XATTR))
    )


def is_kept(attribute: bytes) -> bool:
    """Return whether an extended attribute of this name stays with a file."""
    if b"\0" in attribute:
        raise _damaged(attribute)
    return attribute == b"security.capability" or (
        attribute.startswith(b"user.") and not attribute.startswith(b"user.overlay.")
    )


def _damaged(record: bytes) -> ImageError:
    return ImageError(f"the archive is damaged: {shown(record)} is no record of an extended header")
