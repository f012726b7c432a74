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
_INFO_KIND, _INFO_DATA = 1, 2
_BR_NF_CALL_IPTABLES, _BR_NF_CALL_IP6TABLES = 36, 37
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
    info = _attribute(_INFO_KIND, b"bridge") + _attribute(_INFO_DATA, data)
    body = struct.pack("=BxHiII", _socket.AF_UNSPEC, 0, _socket.if_nametoindex(bridge), 0, 0)
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
        raise OSError(-code, os.strerror(-code), f"netlink RTM_NEWLINK {bridge}")


def _attribute(kind: int, value: bytes) -> bytes:
    """Return struct rtattr with its value, filled up to a multiple of 4."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
