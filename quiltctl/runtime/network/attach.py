"""The wire of a container: one end of a veth in the bridge of its network, the other in its network namespace.

All is made from outside, by real root: the container's own root need not be able to. The veth dies with the namespace,
so that nobody has to remove it.
"""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.model.endpoint import mac_of
from quiltctl.model.subnet import parse_subnet
from quiltctl.runtime.linux import netlink, processes
from quiltctl.runtime.network import firewall

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Sequence

    from quiltctl.model.endpoint import Endpoint, Wire
    from quiltctl.paths import Paths

_DEFAULT_MTU = 1500
_UNGUARDED = "there is no nft on this host: nothing keeps the container from the host's own services"


def connect(paths: Paths, endpoints: Sequence[Endpoint], netns_fd: int, *, way_out: Endpoint | None) -> str:
    """Bring a network namespace into the networks of these endpoints: bridge, wire, firewall, and then addresses.

    ``way_out`` is the one by which the default route goes. The inner end of a wire is raised last: what must not get
    through the firewall finds no gap. Returns a warning where nothing keeps the networks apart, or nothing.

    Raises:
        OSError: the kernel refuses something; the filename says what.
        Conflict: a bridge has to be made, and by now its subnet overlaps with another one of the host.
        HostLacks, KernelError: the firewall cannot be had.
    """
    host = netlink.open_socket()
    try:
        for endpoint in endpoints:
            _make_bridge(host, endpoint)
        warning = "" if firewall.ensure(paths, endpoints) else _UNGUARDED
        for endpoint in endpoints:
            inside = _add_wire(host, endpoint, netns_fd)  # refused by what has the bridge's name and is none
            try:
                _dress_bridge(host, endpoint)
                firewall.admit(paths, endpoint)
                index = netlink.index_of(inside, endpoint.interface)
                netlink.ask(inside, _inside(endpoint, index, leads_out=endpoint is way_out))
            finally:
                inside.close()
    finally:
        host.close()
    return warning


def _add_wire(host: _socket.socket, endpoint: Endpoint, netns_fd: int) -> _socket.socket:
    """Make the wire, its inner end still down, and return a socket that speaks to the namespace inside."""
    inside = _open_inside(netns_fd, ipv6=bool(endpoint.ip6))
    mtu = netlink.mtu_of(host, endpoint.bridge) or _DEFAULT_MTU
    ours = (endpoint.host_interface, netlink.index_of(host, endpoint.bridge), mtu)
    try:
        netlink.ask(host, (netlink.add_veth(*ours, netns_fd, endpoint.interface, endpoint.mac),))
    except OSError:
        inside.close()
        raise
    return inside


def ensure_bridge(host: _socket.socket, endpoint: Endpoint | Wire) -> None:
    """Make the bridge of a network where it is missing; it has its addresses and is up afterwards.

    Whether an earlier one came to its end is not asked: what is there already is tolerated.
    """
    _make_bridge(host, endpoint)
    _dress_bridge(host, endpoint)


def _dress_bridge(host: _socket.socket, endpoint: Endpoint | Wire) -> None:
    index = netlink.index_of(host, endpoint.bridge)
    requests = [netlink.add_address(index, endpoint.gateway, parse_subnet(endpoint.subnet, "subnet").prefix)]
    if endpoint.subnet6:
        requests.append(netlink.add_address(index, endpoint.gateway6, parse_subnet(endpoint.subnet6, "subnet").prefix))
    if not endpoint.internal:
        _pass_packets_on(endpoint)
    # A container must not tell the host where its routes lead (CVE-2020-13401), nor reach it past its own addresses.
    _set_sysctl(f"net/ipv6/conf/{endpoint.bridge}/accept_ra", "0")
    _set_sysctl(f"net/ipv6/conf/{endpoint.bridge}/disable_ipv6", "0" if endpoint.subnet6 else "1")
    netlink.ask(host, requests)


def _pass_packets_on(endpoint: Endpoint | Wire) -> None:
    """Switch on what lets packets of a network through this host.

    Raises:
        HostLacks: it is off, and cannot be switched on here.
    """
    try:
        _set_sysctl("net/ipv4/ip_forward", "1")
        if endpoint.subnet6:
            _set_sysctl("net/ipv6/conf/all/forwarding", "1")
    except OSError as error:
        raise errors.HostLacks(
            f"network {endpoint.network} cannot lead out: {error.filename or 'ip_forward'}: {error.strerror}",
            hint="on the host: sysctl -w net.ipv4.ip_forward=1; or use --network none, or an internal network",
        ) from error


def _make_bridge(host: _socket.socket, endpoint: Endpoint | Wire) -> None:
    """Make the bridge, unless there is something of its name."""
    if netlink.index_of(host, endpoint.bridge):
        return
    from quiltctl.runtime.network import routes

    subnets = [parse_subnet(text, "subnet") for text in (endpoint.subnet, endpoint.subnet6) if text]
    for taken, interface in routes.host_subnets():
        if interface != endpoint.bridge and any(taken.overlaps(subnet) for subnet in subnets):
            raise errors.Conflict(
                f"network {endpoint.network} cannot be used: its subnet {endpoint.subnet} overlaps with {taken},"
                f" which this host reaches by {interface}",
                hint=f"make it anew: quiltctl network rm {endpoint.network}, and network create with another --subnet",
            )
    mtu = endpoint.mtu or netlink.mtu_of(host, routes.uplink()) or _DEFAULT_MTU
    netlink.ask(host, (netlink.add_bridge(endpoint.bridge, mac_of(endpoint.gateway), mtu),))


def _inside(endpoint: Endpoint, index: int, *, leads_out: bool) -> list[netlink.Request]:
    """Return what has to be asked for in the container's namespace."""
    found = [netlink.raise_link(index)]
    for ip, subnet in ((endpoint.ip, endpoint.subnet), (endpoint.ip6, endpoint.subnet6)):
        if ip:
            found.append(netlink.add_address(index, ip, parse_subnet(subnet, "subnet").prefix))
    return [*found, *_ways_out(endpoint, index)] if leads_out else found


def _ways_out(endpoint: Endpoint, index: int) -> list[netlink.Request]:
    pairs = ((endpoint.ip, endpoint.gateway), (endpoint.ip6, endpoint.gateway6))
    return [netlink.add_default_route(index, gateway) for ip, gateway in pairs if ip]


def _open_inside(netns_fd: int, *, ipv6: bool) -> _socket.socket:
    """Return a socket that speaks to a network namespace, whose next interface has IPv6 or has it not.

    Without it there is no link-local address, by which neighbours could be reached whatever the firewall says.
    """
    own_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    processes.join(netns_fd, processes.CLONE_NEWNET)
    try:
        _set_sysctl("net/ipv6/conf/default/accept_ra", "0")
        _set_sysctl("net/ipv6/conf/default/disable_ipv6", "0" if ipv6 else "1")
        return netlink.open_socket()
    finally:
        processes.join(own_fd, processes.CLONE_NEWNET)
        os.close(own_fd)


def _set_sysctl(name: str, value: str) -> None:
    """Set a parameter of this thread's network namespace, unless it is so; a kernel without IPv6 has none to set."""
    try:
        fd = os.open(f"/proc/sys/{name}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if os.read(fd, 16).strip() != value.encode():
            os.pwrite(fd, value.encode(), 0)
    finally:
        os.close(fd)


def lead_out(endpoint: Endpoint, netns_fd: int) -> None:
    """Let the default route go by this network, unless there is one, or its wire is still to be made.

    Raises:
        OSError: the kernel refuses it.
    """
    inside = _open_inside(netns_fd, ipv6=bool(endpoint.ip6))
    try:
        index = netlink.index_of(inside, endpoint.interface)
        if index:
            netlink.ask(inside, _ways_out(endpoint, index))
    finally:
        inside.close()
