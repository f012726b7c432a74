"""Showing the firewall what a bridge passes from port to port: rtnetlink(7), linux/if_link.h, br_netfilter.

By netlink, not by /sys/class/net: that shows the interfaces of the namespace it was mounted in.
"""

from __future__ import annotations

import _socket
import os
import struct

_NETLINK_ROUTE = 0
_RTM_NEWLINK = 16
_REQUEST_ACK = 1 | 4
_IFLA_LINKINFO = 18
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_BR_NF_CALL_IPTABLES, _BR_NF_CALL_IP6TABLES = 36, 37
_BRPORT_MODE = 4
_ANSWER_BYTES = 4096


def is_there() -> bool:
    """Return whether the kernel can do it: the module is loaded, or built in."""
    return os.path.exists("/proc/sys/net/bridge")


def filter_frames(bridge: str) -> None:
    """Let IPv4 and IPv6 between the ports of a bridge go through the hooks of the host's firewall, too.

    Raises:
        OSError: there is no such bridge.
    """
    data = _attribute(_BR_NF_CALL_IPTABLES, b"\1") + _attribute(_BR_NF_CALL_IP6TABLES, b"\1")
    _set(bridge, _attribute(_INFO_KIND, b"bridge") + _attribute(_INFO_DATA, data))


def reflect(port: str) -> None:
    """Let a bridge send out by a port what came in by it.

    Where frames go through those hooks, what a container sends to a port of the host that leads to itself never
    leaves the bridge.

    Raises:
        OSError: there is no such port.
    """
    data = _attribute(_BRPORT_MODE, b"\1")
    _set(port, _attribute(_INFO_SLAVE_KIND, b"bridge") + _attribute(_INFO_SLAVE_DATA, data))


def _set(interface: str, info: bytes) -> None:
    """Change an interface, and wait for the kernel's answer."""
    body = struct.pack("=BxHiII", _socket.AF_UNSPEC, 0, _socket.if_nametoindex(interface), 0, 0)
    body += _attribute(_IFLA_LINKINFO, info)
    header = struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, _REQUEST_ACK, 1, 0)
    netlink = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
    try:
        netlink.send(header + body)
        answer = netlink.recv(_ANSWER_BYTES)
    finally:
        netlink.close()
    code: int = struct.unpack_from("=i", answer, 16)[0]
    if code:
        raise OSError(-code, os.strerror(-code), f"netlink RTM_NEWLINK {interface}")


def _attribute(kind: int, value: bytes) -> bytes:
    """Return struct rtattr with its value, filled up to a multiple of 4."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
