"""Who a program runs as: what ``--user`` means to the passwd and group files of the image."""

from __future__ import annotations

import os
import stat

from quiltctl.model.value import Value
from quiltctl.runtime.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_FILE_BYTES = 1 << 20
"""A passwd or group file beyond this is an attack on the parser, not a list of users."""
_MAX_ID = (1 << 32) - 2
_MAX_DIGITS = 10


class Identity(Value):
    """The ids a program gets, its home directory, and the name it is known by."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class UnknownUser(Exception):
    """The image knows no such user or group. The text is the whole reason."""


def look_up(root_fd: int, wanted: str, more_groups: tuple[str, ...] = ()) -> Identity:
    """Return who ``wanted`` is: user, uid, user:group, uid:gid in any mixture; empty is root.

    A word of digits is a number and never a name, so "1" is uid 1 even where an image has a user called so.
    Without a group, the user's own group and those that list the user are taken; a uid unknown to the image has gid 0.
    ``more_groups``, names or numbers, are joined in any case.

    Raises:
        UnknownUser: a name that the image does not have, or a number out of range.
    """
    user, _, group = (wanted or "0").partition(":")
    uid, gid, home, name = _user(root_fd, user)
    more = {_group(root_fd, word) for word in more_groups}
    if group:
        gid = _group(root_fd, group)
        return Identity(uid, gid, tuple(sorted({gid, *more})), home)
    listing = (fields for fields in _entries(root_fd, "etc/group", 4) if name and name in fields[3].split(","))
    return Identity(uid, gid, tuple(sorted({gid, *more, *(int(fields[2]) for fields in listing)})), home)


def names(root_fd: int) -> tuple[dict[int, str], dict[int, str]]:
    """Return what the image calls its users, and its groups, by id; of several names for one id the first."""
    users: dict[int, str] = {}
    groups: dict[int, str] = {}
    for known, path, least_fields in ((users, "etc/passwd", 6), (groups, "etc/group", 3)):
        for fields in _entries(root_fd, path, least_fields):
            known.setdefault(int(fields[2]), fields[0])
    return users, groups


def _user(root_fd: int, wanted: str) -> tuple[int, int, str, str]:
    number = _number(wanted)
    for fields in _entries(root_fd, "etc/passwd", 6):
        if (fields[0] == wanted) if number is None else (int(fields[2]) == number):
            return int(fields[2]), int(fields[3]), fields[5] or "/", fields[0]
    if number is None:
        message = f'unable to find user "{wanted}" in the image'
        raise UnknownUser(message)
    return number, 0, "/", ""


def _group(root_fd: int, wanted: str) -> int:
    number = _number(wanted)
    if number is not None:
        return number
    for fields in _entries(root_fd, "etc/group", 3):
        if fields[0] == wanted:
            return int(fields[2])
    message = f'unable to find group "{wanted}" in the image'
    raise UnknownUser(message)


def _number(word: str) -> int | None:
    if not (word.isascii() and word.isdigit()):
        return None
    if len(word) > _MAX_DIGITS or int(word) > _MAX_ID:
        message = f"user or group id {word} is out of range"
        raise UnknownUser(message)
    return int(word)


def _entries(root_fd: int, path: str, least_fields: int) -> Iterator[list[str]]:
    """Return the well-formed lines of a file in the image; a file that is missing or no file has none.

    Opened as the container would see it, without waiting on a FIFO that stands in its place.
    """
    try:
        fd = files.openat2(root_fd, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY, resolve=files.RESOLVE_IN_ROOT)
    except OSError:
        return
    try:
        text = os.read(fd, _MAX_FILE_BYTES).decode("utf-8", "surrogateescape") if _has_content(fd) else ""
    except OSError:
        return
    finally:
        os.close(fd)
    for line in text.split("\n"):  # and not by splitlines, for which a form feed, or U+2028, ends a line as well
        fields = line.split(":")
        ids = fields[2:4] if path == "etc/passwd" else fields[2:3]
        if len(fields) >= least_fields and all(map(_is_id, ids)) and "\0" not in line:
            yield fields


def _is_id(field: str) -> bool:
    return field.isascii() and field.isdigit() and len(field) <= _MAX_DIGITS and int(field) <= _MAX_ID


def _has_content(fd: int) -> bool:
    """Return whether it is a file of some size. Those of /proc have none, and reading /proc/kmsg would take from it."""
    found = os.fstat(fd)
    return stat.S_ISREG(found.st_mode) and found.st_size > 0
