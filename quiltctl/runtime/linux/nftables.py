"""Asking nf_tables whether something is there, by one message: netlink(7), linux/netfilter/nf_tables.h.

The program `nft` answers it too, for 3 ms; this is on the path of every start, for 0.03.
"""

from __future__ import annotations

import _socket
import struct

# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NETLINK_NETFILTER = 12
FAMILIES = {"inet": 1, "bridge": 7}
_GET_TABLE = 10 << 8 | 1
_NEW_TABLE = 10 << 8 | 0
_GET_ELEMENT = 10 << 8 | 13
_NEW_ELEMENT = 10 << 8 | 12
_REQUEST = 1
_NESTED = 0x8000
_TABLE_NAME = 1
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_LIST_ELEM = 1
_ELEM_KEY = 1
_DATA_VALUE = 1
_ANSWER_BYTES = 4096


def has_table(family: str, table: str) -> bool:
    """Return whether there is a table; none where there is no nf_tables."""
    return _ask(_GET_TABLE, family, _attribute(_TABLE_NAME, table.encode() + b"\0")) == _NEW_TABLE


def has_element(table: str, name: str, key: bytes) -> bool:
    """Return whether a set of an ``inet`` table holds an element.

    The key is as the kernel keeps it: numbers in network order, marks in the host's, names of interfaces filled up to
    16 bytes, every part of it to a multiple of 4. False too where there is no such set or table, or no nf_tables.
    """
    element = _attribute(_LIST_ELEM | _NESTED, _attribute(_ELEM_KEY | _NESTED, _attribute(_DATA_VALUE, key)))
    body = _attribute(_LIST_TABLE, table.encode() + b"\0") + _attribute(_LIST_SET, name.encode() + b"\0")
    return _ask(_GET_ELEMENT, "inet", body + _attribute(_LIST_ELEMENTS | _NESTED, element)) == _NEW_ELEMENT


def _ask(question: int, family: str, attributes: bytes) -> int:
    """Return the type of the kernel's answer, or -1 where it gives none."""
    body = struct.pack("=BBH", FAMILIES[family], 0, 0) + attributes
    header = struct.pack("=IHHII", 16 + len(body), question, _REQUEST, 1, 0)
    try:
        netlink = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    except OSError:  # EPROTONOSUPPORT: a kernel without it
        return -1
    try:
        netlink.send(header + body)
        answer = netlink.recv(_ANSWER_BYTES)
    except OSError:  # EPERM and the like; the change that follows says it better
        return -1
    finally:
        netlink.close()
    kind: int = struct.unpack_from("=H", answer, 4)[0]
    return kind  # that of what is there, or NLMSG_ERROR


def _attribute(kind: int, value: bytes) -> bytes:
    """Return struct nlattr with its value, filled up to a multiple of 4."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
