"""Which addresses of a subnet are the gateway's and the containers'."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.subnet import Address, Subnet, parse_address, parse_subnet

_WIDEST = {4: 8, 6: 8}
_NARROWEST = {4: 30, 6: 126}
"""The last that hold a gateway and a container, beside the two addresses of the subnet itself."""
_NOBODYS = tuple(
    parse_subnet(text, "subnet")
    for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8")
)
"""This host itself, loopback, multicast and what is reserved (RFC 6890): no container can be reached there."""


def check_subnet(text: str) -> Subnet:
    """Return the subnet of a network.

    Raises:
        UsageError: it is none, too large or too small, or containers cannot have its addresses.
    """
    subnet = parse_subnet(text, "--subnet")
    if subnet.prefix > _NARROWEST[subnet.version]:
        raise UsageError(
            f"the subnet {text} is too small: it must hold a gateway and a container",
            hint=f"choose a prefix of at most /{_NARROWEST[subnet.version]}",
        )
    if subnet.prefix < _WIDEST[subnet.version]:
        raise UsageError(
            f"the subnet {text} is too large", hint=f"choose a prefix of at least /{_WIDEST[subnet.version]}"
        )
    if any(subnet.overlaps(other) for other in _NOBODYS):
        raise UsageError(
            f"containers cannot have addresses of {text}", hint="choose a private one, such as 10.99.0.0/24"
        )
    return subnet


def choose_gateway(subnet: Subnet, asked: str | None) -> str:
    """Return the address that the bridge has: the one asked for, or the first.

    Raises:
        UsageError: it is not in the subnet, or is the address of the subnet itself or its broadcast.
    """
    if not asked:
        return str(Address(subnet.first + 1, subnet.version))
    gateway = parse_address(asked, "--gateway")
    if not _usable(subnet)[0] <= gateway.number <= _usable(subnet)[1] or gateway.version != subnet.version:
        raise UsageError(
            f"the gateway {asked} is no address of a host in {subnet}",
            hint=f"the first is {Address(subnet.first + 1, subnet.version)}",
        )
    return str(gateway)


def choose_range(subnet: Subnet, gateway: str, asked: str | None) -> str | None:
    """Return the addresses that containers get, as ``FIRST-LAST``, or None for all of the subnet.

    ``asked`` is ``FIRST-LAST`` or a smaller subnet, whose first and last address count.

    Raises:
        UsageError: it is neither, lies outside, or holds nothing but the gateway.
    """
    if not asked:
        return None
    begin, dash, end = asked.partition("-")
    if dash:
        first, last = (parse_address(word, "--ip-range") for word in (begin, end))
        numbers, inside = (first.number, last.number), first in subnet and last in subnet
    else:
        part = parse_subnet(asked, "--ip-range")
        numbers, inside = (part.first, part.last), part.version == subnet.version and part.prefix >= subnet.prefix
        inside = inside and part.overlaps(subnet)
    if not inside:
        raise UsageError(f"the range {asked} is not inside the subnet {subnet}")
    low, high = max(numbers[0], _usable(subnet)[0]), min(numbers[1], _usable(subnet)[1])
    if low > high or low == high == parse_address(gateway, "--gateway").number:
        raise UsageError(f"the range {asked} holds no address for a container")
    return f"{Address(low, subnet.version)}-{Address(high, subnet.version)}"


def check_asked(subnet: Subnet, gateway: str, asked: str, option: str) -> str:
    """Return the address that a container asks for, in its canonical spelling; the range does not bound it.

    Raises:
        UsageError: no container can have it in this subnet.
    """
    address = parse_address(asked, option)
    first, last = _usable(subnet)
    if address.version != subnet.version or not first <= address.number <= last or str(address) == gateway:
        raise UsageError(
            f"the address {asked} of {option} is none that a container can have in {subnet}",
            hint=f"choose one from {Address(first, subnet.version)} to {Address(last, subnet.version)}, not {gateway}",
        )
    return str(address)


def _usable(subnet: Subnet) -> tuple[int, int]:
    """Return the first and last number that a host may have: not the subnet's own, nor in IPv4 the broadcast."""
    return subnet.first + 1, subnet.last - (subnet.version == 4)  # noqa: PLR2004 (IPv4)
