"""Ports of the host that lead to ports of a container, as ``--publish`` and ``--expose`` write them.

A published port is a plain dict, because it goes through marshal and JSON: ``host_ip`` (empty: every address),
``host_port`` (0: any that is free), ``container_port`` and ``protocol``.
"""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.subnet import parse_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

PROTOCOLS = ("tcp", "udp")
HIGHEST = 65535
_MOST_DIGITS = 5
_HINT = "such as 8080:80, 127.0.0.1:8080:80/udp, [::1]:8080:80 or 8000-8010:80-90"


def parse_publish(texts: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """Return what ``[[ADDRESS:][PORT[-PORT]]:]PORT[-PORT][/PROTOCOL]`` each come to, a range as a port after the other.

    Raises:
        UsageError: one is not written so, or two of them want the same port of the host.
    """
    ports = tuple(port for text in texts for port in _published(text))
    taken: dict[tuple[str, int], list[str]] = {}
    for port in ports:
        holders = taken.setdefault((port["protocol"], port["host_port"]), [])
        if port["host_port"] and (port["host_ip"] in holders or "" in holders or (holders and not port["host_ip"])):
            raise UsageError(
                f"port {port['host_port']}/{port['protocol']} of the host is published twice",
                hint="publish each port of the host once",
            )
        holders.append(port["host_ip"])
    return ports


def parse_expose(texts: Iterable[str], what: str) -> tuple[str, ...]:
    """Return the ports that ``PORT[-PORT][/PROTOCOL]`` each come to, as ``PORT/PROTOCOL``, each once.

    Raises:
        UsageError: one is not written so; ``what`` names the option.
    """
    found: dict[str, None] = {}
    for text in texts:
        invalid = f'invalid port "{text}" for {what}'
        numbers, protocols = _parted(text, invalid)
        first, last = _range(numbers, invalid)
        found |= dict.fromkeys(f"{port}/{protocol}" for port in range(first, last + 1) for protocol in protocols)
    return tuple(found)


def at_random(exposed: Iterable[str], published: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return what publishes the exposed ports on any ports of the host that are free, but those published already."""
    known = {f"{port['container_port']}/{port['protocol']}" for port in published}
    missing = (word.split("/") for word in exposed if word not in known)
    return tuple(_port("", 0, int(number), protocol) for number, protocol in missing)


def host_side(host_ip: str, port: int | str) -> str:
    """Return address and port of the host as they are shown; every address is 0.0.0.0, as in podman."""
    return f"[{host_ip}]:{port}" if ":" in host_ip else f"{host_ip or '0.0.0.0'}:{port}"  # noqa: S104 (shown, not bound)


def ranges(ports: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Return the ports in order, those that follow each other on both sides as the first of them and how many."""
    found: list[tuple[dict[str, Any], int]] = []
    for port in sorted(ports, key=lambda p: (p["protocol"], p["host_ip"], p["container_port"], p["host_port"])):
        first, count = found[-1] if found else (port, 0)
        if count and port == _port(
            first["host_ip"], first["host_port"] + count, first["container_port"] + count, first["protocol"]
        ):
            found[-1] = (first, count + 1)
        else:
            found.append((port, 1))
    return sorted(found, key=lambda one: (one[0]["container_port"], one[0]["protocol"], one[0]["host_ip"]))


def _published(text: str) -> Iterator[dict[str, Any]]:
    what = f'invalid port "{text}" for --publish'
    sides, protocols = _parted(text, what)
    host_ip, host, container = _sides(sides, what)
    first, last = _range(container, what)
    host_first, host_last = _range(host, what) if host else (0, 0)
    if host and host_last - host_first != last - first:
        raise UsageError(
            f"{what}: {host_last - host_first + 1} ports of the host and {last - first + 1} of the container",
            hint="both ranges are of the same length",
        )
    for step in range(last - first + 1):
        for protocol in protocols:
            yield _port(host_ip, host_first + step if host else 0, first + step, protocol)


def _port(host_ip: str, host_port: int, container_port: int, protocol: str) -> dict[str, Any]:
    return {"host_ip": host_ip, "host_port": host_port, "container_port": container_port, "protocol": protocol}


def _parted(text: str, what: str) -> tuple[str, tuple[str, ...]]:
    """Return what stands before the slash, and the protocols behind it: tcp where none is, both for ``tcp,udp``."""
    numbers, slash, word = text.partition("/")
    protocols = tuple(word.lower().split(",")) if slash else ("tcp",)
    if "sctp" in protocols:
        raise UsageError(f"{what}: SCTP is not forwarded in this version", hint="the protocols are tcp and udp")
    if not set(protocols) <= set(PROTOCOLS) or len(set(protocols)) < len(protocols):
        raise UsageError(what, hint="the protocols are tcp and udp")
    return numbers, protocols


def _sides(text: str, what: str) -> tuple[str, str, str]:
    """Return address and ports of the host, either may be empty, and the ports of the container."""
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]:")
        host, colon, container = rest.partition(":")
        if not bracket or not colon or ":" in container or ":" not in address:
            raise UsageError(what, hint=_HINT)
        return _host_ip(address, what), host, container
    words = text.split(":")
    if len(words) > 3:  # noqa: PLR2004 (address, port, port)
        raise UsageError(what, hint="an IPv6 address stands in brackets, such as [::1]:8080:80")
    if len(words) > 2 and not words[0]:  # noqa: PLR2004
        raise UsageError(f"{what}: the address is missing", hint=_HINT)
    container = words.pop()
    host = words.pop() if words else ""
    return _host_ip(words[0], what) if words else "", host, container


def _host_ip(text: str, what: str) -> str:
    """Return the address in its usual spelling. 0.0.0.0 is every address, as in podman."""
    address = parse_address(text, "--publish")
    if address.version == 6 and not address.number:  # noqa: PLR2004 (a version)
        raise UsageError(
            f"{what}: nothing is published on every IPv6 address alone",
            hint="leave the address out: then it is published on all of them, of IPv4 too",
        )
    return str(address) if address.number else ""


def _range(text: str, what: str) -> tuple[int, int]:
    """Return the first and the last port; a port is a range of one."""
    words = text.split("-")
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS]
    if len(numbers) != len(words) or len(numbers) > 2 or not all(1 <= n <= HIGHEST for n in numbers):  # noqa: PLR2004
        raise UsageError(what, hint=_HINT if ":" in what else f"ports are numbers from 1 to {HIGHEST}")
    if numbers[0] > numbers[-1]:
        raise UsageError(f"{what}: the range ends before it begins", hint="write the lower port first")
    return numbers[0], numbers[-1]
