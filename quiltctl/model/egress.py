"""Where a container may speak to: destinations as ``--egress`` writes them, and as they are kept and shown."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.subnet import Subnet, parse_subnet
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EVERYWHERE = ("0.0.0.0/0", "::/0")
"""What ``--egress all`` comes to: it lifts what the networks of the container say."""
_PROTOCOLS = ("tcp", "udp", "icmp")
_HIGHEST = 65535
_MOST_DIGITS = 5
_HINT = "such as allow=10.0.0.0/8, allow=192.0.2.7:443/tcp, allow=[fd00::/64]:8000-8010 or allow=192.0.2.7/icmp"


class Destination(Value):
    """Addresses, and what of them may be spoken to. ``str()`` is the one spelling that is stored and shown."""

    subnet: Subnet
    first_port: int = 0
    last_port: int = 0
    """0 and 0 are all ports."""
    protocol: str = ""
    """tcp, udp, icmp (of its subnet's version), or empty: with ports tcp and udp, without them everything."""

    def __str__(self) -> str:
        ports = f":{self.first_port}" if self.first_port else ""
        if self.last_port != self.first_port:
            ports += f"-{self.last_port}"
        rest = f"{ports}/{self.protocol}" if self.protocol else ports
        return f"[{self.subnet}]{rest}" if rest and self.subnet.version == 6 else f"{self.subnet}{rest}"  # noqa: PLR2004


def parse_destination(text: str) -> Destination:
    """Return the destination ``CIDR[:PORT[-PORT]][/PROTOCOL]``; an address alone is a CIDR, with IPv6 in brackets.

    Raises:
        UsageError: it is not written so.
    """
    what = f'invalid destination "{text}" for --egress'
    cidr, ports, protocol = _parted(text)
    if not _is_address(cidr):
        raise UsageError(f"{what}: it begins with no address", hint=f"names are not known to a firewall; {_HINT}")
    subnet = parse_subnet(cidr, "--egress")
    first, last = _ports(ports, what) if ports is not None else (0, 0)
    if protocol is not None and (protocol not in _PROTOCOLS or (protocol == "icmp" and first)):
        raise UsageError(what, hint="the protocols are tcp, udp, and icmp, which has no ports")
    return Destination(subnet, first, last, protocol or "")


def parse_egress(texts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the destinations that ``deny``, ``allow=DESTINATION`` or ``all`` come to, each once, in their spelling.

    None is what the networks say, () is nothing. What is allowed is all that is, so ``deny`` beside it changes nothing.

    Raises:
        UsageError: one is none of these, or ``all`` stands beside others.
    """
    if not texts:
        return None
    if "all" in texts:
        if set(texts) != {"all"}:
            raise UsageError("--egress all cannot be given together with others", hint="leave one of them out")
        return EVERYWHERE
    allowed: dict[str, None] = {}
    for text in texts:
        word, equals, destination = text.partition("=")
        if text != "deny":
            if word != "allow" or not equals:
                raise UsageError(f'invalid --egress "{text}"', hint=f"it is deny, all, or allow=DESTINATION, {_HINT}")
            allowed[str(parse_destination(destination))] = None
    return tuple(allowed)


def _parted(text: str) -> tuple[str, str | None, str | None]:
    """Return CIDR, ports and protocol as they are written, None for what is not there; no CIDR where nothing fits."""
    if text.startswith("["):
        cidr, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in {"", ":", "/"}:
            return "", None, None
    elif text.count(":") == 1:
        cidr, _, ports = text.partition(":")
        rest = f":{ports}"
    elif ":" in text:  # fd00::7:443 is an address, so that IPv6 without brackets has neither ports nor protocol
        cidr, rest = text, ""
    else:
        head, slash, word = text.rpartition("/")
        cidr, rest = (head, f"/{word}") if slash and word.isalpha() else (text, "")
    ports, slash, protocol = rest.partition("/")
    return cidr, ports[1:] if ports else None, protocol if slash else None


def _is_address(cidr: str) -> bool:
    word = cidr.partition("/")[0]
    return ":" in word or (bool(word) and not word.strip("0123456789."))


def _ports(text: str, what: str) -> tuple[int, int]:
    words = text.split("-")
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS]
    if len(numbers) != len(words) or len(numbers) > 2 or not all(1 <= n <= _HIGHEST for n in numbers):  # noqa: PLR2004
        raise UsageError(what, hint=f"ports are numbers from 1 to {_HIGHEST}, or a range such as 8000-8010")
    if numbers[0] > numbers[-1]:
        raise UsageError(f"{what}: the range ends before it begins", hint="write the lower port first")
    return numbers[0], numbers[-1]
