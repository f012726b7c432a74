"""Ports of the host, held by bound sockets on which nobody listens.

So the kernel says who has a port, to us as to every other program of the host, and frees it when the last holder
ends. Nothing ever arrives on these sockets: the firewall leads packets to the container before they get there.
"""

from __future__ import annotations

import _socket
import errno
import os

from quiltctl import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_EVERY_IPV4 = "0.0.0.0"  # noqa: S104 (that is what publishing means)
_EVERY_IPV6 = "::"
_TRIES = 16
"""How often a port is looked for that is free for IPv4 and IPv6."""
_FEW = 32
"""So many descriptors are there anyway."""
_SPARE = 64
"""Descriptors that are left for everything else."""


def bind(ports: Sequence[dict[str, Any]], *, ipv6: bool) -> tuple[list[int], tuple[dict[str, Any], ...]]:
    """Return descriptors that hold the ports, and the ports, each with its number where any would do.

    Without an address, a port is held on all of IPv4, with ``ipv6`` on all of IPv6 too. Whoever keeps a copy of the
    descriptors, which are close-on-exec, keeps the ports. If one is taken, none is held.

    Raises:
        AddressInUse: another program, or another container, has a port.
        CannotExecute: the host has not the address; the exit code is podman's.
        UsageError: they are more than this process may open.
        KernelError: the kernel refuses for another reason.
    """
    addresses = [_addresses(port["host_ip"], ipv6=ipv6) for port in ports]
    _make_room(sum(map(len, addresses)))
    held: dict[int, list[_socket.socket]] = {}
    # Those that are asked for by number come first, lest chance give one of them to another.
    order = sorted(range(len(ports)), key=lambda place: ports[place]["host_port"] == 0)
    try:
        for place in order:
            held[place] = _hold(ports[place], addresses[place])
    except BaseException:
        _close(one for sockets in held.values() for one in sockets)
        raise
    found = tuple({**port, "host_port": held[place][0].getsockname()[1]} for place, port in enumerate(ports))
    return [one.detach() for place in range(len(ports)) for one in held[place]], found


def _addresses(host_ip: str, *, ipv6: bool) -> tuple[str, ...]:
    if host_ip:
        return (host_ip,)
    return (_EVERY_IPV4, _EVERY_IPV6) if ipv6 else (_EVERY_IPV4,)


def _hold(port: dict[str, Any], addresses: Sequence[str]) -> list[_socket.socket]:
    """Return a socket for each address, all on the same port."""
    for tries_left in reversed(range(_TRIES)):
        held: list[_socket.socket] = []
        number = port["host_port"]
        try:
            for address in addresses:
                held.append(_bound(address, number, port["protocol"]))
                number = held[0].getsockname()[1]
        except OSError as error:
            _close(held)
            # What chance gave us of IPv4 may be somebody's of IPv6.
            if not (port["host_port"] == 0 and held and error.errno == errno.EADDRINUSE and tries_left):
                raise _explained(error, port) from error
        else:
            return held
    raise AssertionError


def _bound(address: str, port: int, protocol: str) -> _socket.socket:
    """Return a new socket that is bound.

    Raises:
        OSError: it cannot be; ``_socket`` gives no filename.
    """
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    made = _socket.socket(family, _socket.SOCK_DGRAM if protocol == "udp" else _socket.SOCK_STREAM, 0)
    try:
        if family == _socket.AF_INET6:
            made.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if protocol == "udp":
            # socket(7): the kernel makes it the least there is. What arrives in spite of the firewall takes no memory.
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, 1)
            made.bind((address, port))
        else:
            _bind_stream(made, address, port)
    except BaseException:
        made.close()
        raise
    return made


def _bind_stream(made: _socket.socket, address: str, port: int) -> None:
    """Bind as a server does: what a connection that is over leaves behind for a minute is in nobody's way.

    socket(7): with SO_REUSEADDR a bind fails only where somebody listens, or holds the port without that option.
    So it is taken back at once: with it, the next one who has it too could bind the same port (tried).
    """
    try:
        made.bind((address, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 0)


def _explained(error: OSError, port: dict[str, Any]) -> errors.QuiltError:
    host_ip, protocol = port["host_ip"], port["protocol"]
    address = f"[{host_ip}]:" if ":" in host_ip else f"{host_ip}:" if host_ip else ""
    what = f"cannot publish port {address}{port['host_port']}/{protocol}"
    if port["host_port"] == 0:
        what = f"cannot publish port {port['container_port']}/{protocol} on any port of {host_ip or 'the host'}"
    if error.errno == errno.EADDRINUSE:
        return errors.AddressInUse(
            f"{what}: address already in use", hint="see who has it with: ss -lntup, or publish another port with -p"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return errors.CannotExecute(
            f"{what}: cannot assign requested address", hint="see the addresses of this host with: ip address"
        )
    return errors.KernelError(f"{what}: bind: {error.strerror}")


def _make_room(count: int) -> None:
    """Raise the limit of open files of this process as far as these need it (getrlimit(2))."""
    if count <= _FEW:
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) + _SPARE
    if hard not in {resource.RLIM_INFINITY, -1} and used + count > hard:
        raise errors.UsageError(
            f"cannot publish that many ports: they take {count} sockets, and {max(0, hard - used)} more can be open",
            hint=f"publish fewer, or raise the limit of open files, which is {hard}",
        )
    if soft not in {resource.RLIM_INFINITY, -1} and used + count > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _close(sockets: Iterable[_socket.socket]) -> None:
    for one in sockets:
        one.close()
