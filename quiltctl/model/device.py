"""Devices: what a program may do with which numbers, what `--device` asks for, and the nodes that come of it."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

ACCESS = "rwm"
"""Read, write, and mknod, in the order in which they are written."""
KINDS = "abc"
"""All devices, block devices, character devices."""
STANDARD = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
"""Name, major and minor of the character devices that every container has."""
OURS = ("fd", "mqueue", "ptmx", "pts", "shm", "stderr", "stdin", "stdout")
"""What stands in a container's /dev and is no device of the host: nothing may be put in its place or below it."""

# linux/kdev_t.h: 12 bits of major number and 20 of minor.
_MOST_MAJOR = (1 << 12) - 1
_MOST_MINOR = (1 << 20) - 1
_MOST_DIGITS = 7
_FORM = "HOST, HOST:CONTAINER, HOST:rwm or HOST:CONTAINER:rwm, such as /dev/fuse or /dev/sda:/dev/disk:r"


class DeviceRule(Value):
    """Allow this access, letters of ``rwm``, to the devices of a kind ("a", "b", "c"); None is any number."""

    kind: str
    major: int | None
    minor: int | None
    access: str

    def __str__(self) -> str:
        return f"{self.kind} {_shown(self.major)}:{_shown(self.minor)} {self.access}"

    def to_list(self) -> list[Any]:
        """Return it as JSON and marshal hold it; ``rule_from`` reads it."""
        return [self.kind, self.major, self.minor, self.access]


class DeviceRequest(Value):
    """What `--device` asks for: a device of the host, or a directory of them, and its place in the container."""

    host_path: str
    container_path: str
    access: str = ACCESS


class DeviceNode(Value):
    """A device node as it shall stand in the container; ``path`` is relative to /dev, owner and mode the host's."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    """Permission bits alone."""
    uid: int
    gid: int
    access: str = ACCESS

    @property
    def rule(self) -> DeviceRule:
        """Return what the container's cgroup must allow."""
        return DeviceRule(self.kind, self.major, self.minor, self.access)

    def to_list(self) -> list[Any]:
        """Return it as JSON and marshal hold it; ``node_from`` reads it."""
        return [self.path, self.kind, self.major, self.minor, self.mode, self.uid, self.gid, self.access]


def rule_from(stored: Iterable[Any]) -> DeviceRule:
    """Return the rule from its stored list."""
    return DeviceRule(*stored)


def node_from(stored: Iterable[Any]) -> DeviceNode:
    """Return the node from its stored list."""
    return DeviceNode(*stored)


def parse_rule(text: str) -> DeviceRule:
    """Return the rule of `--device-cgroup-rule`, such as ``c 42:* rmw``.

    ``a`` is taken for all devices and every access alone. The kernel reads no further than that letter
    (cgroup-v1/devices), so that ``a 1:3 r`` would open what its author meant to keep shut.

    Raises:
        UsageError: it is something else.
    """
    words = text.split(" ")
    numbers = words[1].split(":") if len(words) == 3 else []  # noqa: PLR2004 (kind, numbers, access)
    if len(numbers) != 2 or words[0] not in tuple(KINDS):  # noqa: PLR2004 (major and minor)
        raise _no_rule(text)
    access = _access(words[2])
    if not access:
        raise _no_rule(text)
    rule = DeviceRule(words[0], _number(numbers[0], _MOST_MAJOR, text), _number(numbers[1], _MOST_MINOR, text), access)
    if rule.kind == "a" and rule != DeviceRule("a", None, None, ACCESS):
        raise UsageError(
            f'invalid device rule "{text}": "a" means every access to every device',
            hint='write "a *:* rwm", or a rule with c or b for one kind',
        )
    return rule


def parse_device(text: str) -> DeviceRequest:
    """Return what ``HOST[:CONTAINER][:rwm]`` asks for. Both paths are absolute, and in the container below /dev.

    Raises:
        UsageError: it is something else.
    """
    host, *rest = text.split(":")
    access = _access(rest[-1]) if rest else ""
    if access:
        rest.pop()
    if not host.startswith("/") or "\0" in text or len(rest) > 1 or (rest and not rest[0].startswith("/")):
        raise UsageError(f'invalid device "{text}"', hint=_FORM)
    return DeviceRequest(host, _container_path(rest[0] if rest else host, host, text), access or ACCESS)


def _container_path(path: str, host: str, text: str) -> str:
    """Return the path without repeated and trailing slashes. A usual device may be nothing but itself."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts or len(parts) < 2 or parts[0] != "dev":  # noqa: PLR2004 (dev and a name)
        raise UsageError(
            f'invalid device "{text}": in the container it must be below /dev',
            hint="name its place, such as HOST:/dev/NAME; --privileged passes all devices",
        )
    usual = {name for name, _, _ in STANDARD}
    if parts[1] in OURS or (parts[1] in usual and (len(parts) > 2 or "/" + "/".join(parts) != host)):  # noqa: PLR2004
        raise UsageError(f'invalid device "{text}": /dev/{parts[1]} is the container\'s own', hint="give another name")
    return "/" + "/".join(parts)


def _access(letters: str) -> str:
    """Return the letters in their order, each once, or nothing if they are others."""
    if not letters or letters.strip(ACCESS) or len(letters) > len(ACCESS):
        return ""
    return "".join(letter for letter in ACCESS if letter in letters)


def _number(word: str, most: int, text: str) -> int | None:
    if word == "*":
        return None
    if not (word.isascii() and word.isdigit()) or len(word) > _MOST_DIGITS or int(word) > most:
        raise _no_rule(text)
    return int(word)


def _no_rule(text: str) -> UsageError:
    return UsageError(
        f'invalid device rule "{text}"', hint="a kind, numbers or *, and letters of rwm, such as: c 42:* rwm"
    )


def _shown(number: int | None) -> str:
    return "*" if number is None else str(number)
