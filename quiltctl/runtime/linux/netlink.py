"""Route netlink, written by hand: what the start of a container needs of it (rtnetlink(7), linux/if_link.h).

pyroute2 costs 175 ms to import, a batch for `ip` 4 ms to run; this costs 1 ms for a whole container. Requests are sent
together in one message, and the kernel answers each.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import struct

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

AF_NETLINK = 16
NETLINK_ROUTE = 0
_NLMSG_ERROR = 2
_REQUEST = 0x1
_ACK = 0x4
_EXCL = 0x200
_CREATE = 0x400
_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_RTM_NEWADDR = 20
_RTM_NEWROUTE = 24
_IFF_UP = 1
_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_MASTER = 10
_IFLA_LINKINFO = 18
_IFLA_NET_NS_FD = 28
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_INFO_SLAVE_KIND = 4
_IFLA_INFO_SLAVE_DATA = 5
_VETH_INFO_PEER = 1
_IFLA_BR_NF_CALL_IPTABLES = 36
_IFLA_BR_NF_CALL_IP6TABLES = 37
_IFLA_BRPORT_MODE = 4
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_BROADCAST = 4
_IFA_F_NODAD = 0x02
_RTA_GATEWAY = 5
_RTA_OIF = 4
_RT_TABLE_MAIN = 254
_RTPROT_STATIC = 4
_RTN_UNICAST = 1
_SIOCGIFINDEX = 0x8933
_SIOCGIFMTU = 0x8921
_IFREQ = "16si20x"


class Request(Value):
    """One request: its message type, flags and body, and what it is about, for an error's sake."""

    kind: int
    flags: int
    body: bytes
    subject: str
    tolerated: tuple[int, ...] = ()
    """Errors that mean that it is so already."""


def open_socket() -> _socket.socket:
    """Return a socket that speaks to the network namespace that this thread is in, and stays there."""
    return _socket.socket(AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, NETLINK_ROUTE)


def ask(socket: _socket.socket, requests: Sequence[Request]) -> list[int]:
    """Send the requests, and return for each 0 or the error that was tolerated.

    Raises:
        OSError: the kernel refused one; the filename says which.
    """
    if not requests:
        return []
    socket.send(b"".join(_message(number, request) for number, request in enumerate(requests)))
    results = [0] * len(requests)
    for _ in requests:
        number, error = _read_answer(socket)
        results[number] = error
    for request, error in zip(requests, results, strict=True):
        if error and error not in request.tolerated:
            raise OSError(error, os.strerror(error), f"netlink {request.subject}")
    return results


def _message(number: int, request: Request) -> bytes:
    """Return struct nlmsghdr and the body (netlink(7)); the number comes back with the answer."""
    flags = _REQUEST | _ACK | request.flags
    return struct.pack("=IHHII", 16 + len(request.body), request.kind, flags, number, 0) + request.body


def _read_answer(socket: _socket.socket) -> tuple[int, int]:
    data = socket.recv(65536)
    _, kind, _, number, _ = struct.unpack_from("=IHHII", data)
    if kind != _NLMSG_ERROR:
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG), "netlink")
    return number, -struct.unpack_from("=i", data, 16)[0]


def add_bridge(name: str, mac: str, mtu: int) -> Request:
    """Ask for a bridge that is up from the beginning. Its hardware address is its own: it does not follow its ports'.

    One that is there is tolerated: EEXIST.
    """
    attributes = (
        _text(_IFLA_IFNAME, name),
        _attribute(_IFLA_ADDRESS, _mac(mac)),
        _number(_IFLA_MTU, mtu),
        _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_KIND, "bridge")),
    )
    return Request(_RTM_NEWLINK, _CREATE | _EXCL, _link(0, *attributes), f"bridge {name}", (errno.EEXIST,))


def add_veth(name: str, bridge_index: int, mtu: int, netns_fd: int, peer: str, peer_mac: str) -> Request:
    """Ask for a pair: one end here, up and in a bridge, the other, still down, straight in a network namespace."""
    theirs = (
        _text(_IFLA_IFNAME, peer),
        _attribute(_IFLA_ADDRESS, _mac(peer_mac)),
        _number(_IFLA_MTU, mtu),
        _number(_IFLA_NET_NS_FD, netns_fd),
    )
    data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, _link(0, *theirs, up=False)))
    ours = (
        _text(_IFLA_IFNAME, name),
        _number(_IFLA_MTU, mtu),
        _number(_IFLA_MASTER, bridge_index),
        _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_KIND, "veth") + data),
    )
    return Request(_RTM_NEWLINK, _CREATE | _EXCL, _link(0, *ours), f"veth {name}")


def filter_bridge(name: str) -> Request:
    """Ask that what a bridge passes between its ports goes through the host's firewall as well."""
    calls = (_IFLA_BR_NF_CALL_IPTABLES, _IFLA_BR_NF_CALL_IP6TABLES)
    data = _attribute(_IFLA_INFO_DATA, b"".join(_attribute(kind, b"\1") for kind in calls))
    info = _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_KIND, "bridge") + data)
    return Request(_RTM_NEWLINK, 0, _link(0, _text(_IFLA_IFNAME, name), info), f"filter {name}")


def reflect_port(name: str) -> Request:
    """Ask that a bridge may send out by this port what came in by it (hairpin mode)."""
    data = _attribute(_IFLA_INFO_SLAVE_DATA, _attribute(_IFLA_BRPORT_MODE, b"\1"))
    info = _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_SLAVE_KIND, "bridge") + data)
    return Request(_RTM_NEWLINK, 0, _link(0, _text(_IFLA_IFNAME, name), info), f"reflect {name}")


def raise_link(index: int) -> Request:
    """Ask that an interface be up."""
    return Request(_RTM_NEWLINK, 0, _link(index), f"raise {index}")


def lower_link(name: str) -> Request:
    """Ask that an interface be down: 0.1 ms, where its deletion takes 20. One that is gone is tolerated."""
    body = _link(0, _text(_IFLA_IFNAME, name), up=False)
    return Request(_RTM_NEWLINK, 0, body, f"lower {name}", (errno.ENODEV,))


def set_master(name: str, bridge_index: int) -> Request:
    """Ask that an interface be a port of a bridge."""
    body = _link(0, _text(_IFLA_IFNAME, name), _number(_IFLA_MASTER, bridge_index))
    return Request(_RTM_NEWLINK, 0, body, f"port {name}")


def delete_link(name: str) -> Request:
    """Ask for the end of an interface; one that is gone is tolerated: ENODEV."""
    return Request(_RTM_DELLINK, 0, _link(0, _text(_IFLA_IFNAME, name)), f"delete {name}", (errno.ENODEV,))


def add_address(index: int, address: str, prefix: int) -> Request:
    """Ask for an address, which is used at once, without a search for others that have it; one there is tolerated."""
    family, packed = _packed(address)
    attributes = [_attribute(_IFA_LOCAL, packed), _attribute(_IFA_ADDRESS, packed)]
    if family == _socket.AF_INET:
        mask = (1 << (32 - prefix)) - 1
        broadcast = int.from_bytes(packed, "big") | mask
        attributes.append(_attribute(_IFA_BROADCAST, broadcast.to_bytes(4, "big")))
    body = struct.pack("=BBBBI", family, prefix, _IFA_F_NODAD, 0, index) + b"".join(attributes)
    return Request(_RTM_NEWADDR, _CREATE | _EXCL, body, f"address {address}", (errno.EEXIST,))


def add_default_route(index: int, gateway: str) -> Request:
    """Ask for the way out: everything that no other route leads to goes to the gateway."""
    family, packed = _packed(gateway)
    header = struct.pack("=BBBBBBBBI", family, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, 0, _RTN_UNICAST, 0)
    body = header + _attribute(_RTA_GATEWAY, packed) + _number(_RTA_OIF, index)
    return Request(_RTM_NEWROUTE, _CREATE | _EXCL, body, f"route by {gateway}", (errno.EEXIST,))


def index_of(socket: _socket.socket, name: str) -> int:
    """Return the index of an interface in the namespace of the socket, or 0 when there is none (netdevice(7))."""
    return _ask_device(socket, _SIOCGIFINDEX, name)


def mtu_of(socket: _socket.socket, name: str) -> int:
    """Return the largest packet of an interface in the namespace of the socket, or 0 when there is none."""
    return _ask_device(socket, _SIOCGIFMTU, name)


def _ask_device(socket: _socket.socket, question: int, name: str) -> int:
    try:
        answer = fcntl.ioctl(socket.fileno(), question, struct.pack(_IFREQ, name.encode(), 0))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return 0
        raise
    return int(struct.unpack(_IFREQ, answer)[1])


def _link(index: int, *attributes: bytes, up: bool = True) -> bytes:
    """Return struct ifinfomsg of an interface that shall be up, or down, and its attributes."""
    return struct.pack("=BxHiII", 0, 0, index, _IFF_UP if up else 0, _IFF_UP) + b"".join(attributes)


def _attribute(kind: int, data: bytes) -> bytes:
    """Return struct rtattr: length and kind, padded to four bytes (rtnetlink(7))."""
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, number: int) -> bytes:
    return _attribute(kind, struct.pack("=I", number))


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _packed(address: str) -> tuple[int, bytes]:
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return family, _socket.inet_pton(family, address)
