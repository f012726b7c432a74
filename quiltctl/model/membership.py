"""What a container asks for in a network that it shall be in."""

from __future__ import annotations

from quiltctl.model.value import Value

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
