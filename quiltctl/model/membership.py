"""What a container asks for in a network that it shall be in."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

_MAC_BYTES = 6
DEFAULT_NETWORK = "quilt0"
"""The one of a container that names none."""


class Wanted(Value):
    """What is asked for in one network; what is empty, the network gives."""

    network: str
    """Its name, its id, or the beginning of its id."""
    interface: str
    """The name of the interface inside, never empty."""
    ip: str = ""
    ip6: str = ""
    mac: str = ""
    aliases: tuple[str, ...] = ()


def free_interface(taken: tuple[str, ...]) -> str:
    """Return the first of eth0, eth1, ... that is not taken."""
    number = 0
    while f"eth{number}" in taken:
        number += 1
    return f"eth{number}"


def parse_mac(text: str, option: str) -> str:
    """Return the hardware address in its usual spelling.

    Raises:
        UsageError: it is none, or one that no single interface can have.
    """
    words = text.lower().replace("-", ":").split(":")
    if len(words) != _MAC_BYTES or not all(len(word) == 2 and not word.strip("0123456789abcdef") for word in words):  # noqa: PLR2004 (digits)
        raise UsageError(f'invalid hardware address "{text}" for {option}', hint="such as 02:42:0a:2a:00:07")
    if int(words[0], 16) & 1 or not any(int(word, 16) for word in words):
        raise UsageError(
            f"invalid hardware address {text} for {option}: it is not one interface's alone",
            hint="the first byte is even, such as 02",
        )
    return ":".join(words)
