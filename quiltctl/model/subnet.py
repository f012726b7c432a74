"""Addresses and subnets of IPv4 and IPv6, as numbers: what ``ipaddress`` does costs 7 ms to import."""

from __future__ import annotations

import _socket

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

_FAMILIES = {4: (_socket.AF_INET, 4), 6: (_socket.AF_INET6, 16)}


class Address(Value):
    """An address: its number, and the version of IP that it belongs to."""

    number: int
    version: int

    def __str__(self) -> str:
        family, size = _FAMILIES[self.version]
        return _socket.inet_ntop(family, self.number.to_bytes(size, "big"))


class Subnet(Value):
    """The addresses that share the first ``prefix`` bits."""

    first: int
    prefix: int
    version: int

    @property
    def size(self) -> int:
        """Return how many addresses it has."""
        return 1 << (_FAMILIES[self.version][1] * 8 - self.prefix)

    @property
    def last(self) -> int:
        """Return the number of its last address, in IPv4 that of the broadcast."""
        return self.first + self.size - 1

    def __contains__(self, address: Address) -> bool:
        return address.version == self.version and self.first <= address.number <= self.last

    def overlaps(self, other: Subnet) -> bool:
        """Return whether some address is in both."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{Address(self.first, self.version)}/{self.prefix}"


def parse_address(text: str, what: str) -> Address:
    """Return the address that a text writes out.

    Raises:
        UsageError: it writes none; ``what`` names the option.
    """
    version = 6 if ":" in text else 4
    try:
        return Address(int.from_bytes(_socket.inet_pton(_FAMILIES[version][0], text), "big"), version)
    except (OSError, ValueError) as error:
        raise UsageError(f'invalid address "{text}" for {what}', hint="such as 10.42.0.7 or fd00::7") from error


def parse_subnet(text: str, what: str) -> Subnet:
    """Return the subnet ``ADDRESS/PREFIX``; bits of the address beyond the prefix do not count. An address is one too.

    Raises:
        UsageError: it is none; ``what`` names the option.
    """
    word, slash, bits = text.partition("/")
    address = parse_address(word, what)
    width = _FAMILIES[address.version][1] * 8
    if slash and (not (bits.isascii() and bits.isdigit()) or len(bits) > 3 or int(bits) > width):  # noqa: PLR2004 (digits)
        raise UsageError(f'invalid subnet "{text}" for {what}', hint="such as 10.42.0.0/16 or fd00:42::/64")
    prefix = int(bits) if slash else width
    return Subnet(address.number >> (width - prefix) << (width - prefix), prefix, address.version)
