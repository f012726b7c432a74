"""Showing the firewall what a bridge passes from port to port: br_netfilter."""

from __future__ import annotations

import os

from quiltctl.runtime.linux import netlink


def is_there() -> bool:
    """Return whether the kernel can do it: the module is loaded, or built in."""
    return os.path.exists("/proc/sys/net/bridge")


def filter_frames(bridge: str) -> None:
    """Let IPv4 and IPv6 between the ports of a bridge go through the hooks of the host's firewall, too.

    Raises:
        OSError: there is no such bridge.
    """
    _ask(netlink.filter_bridge(bridge))


def reflect(port: str) -> None:
    """Let a bridge send out by a port what came in by it.

    Where frames go through those hooks, what a container sends to a port of the host that leads to itself never
    leaves the bridge.

    Raises:
        OSError: there is no such port.
    """
    _ask(netlink.reflect_port(port))


def _ask(request: netlink.Request) -> None:
    socket = netlink.open_socket()
    try:
        netlink.ask(socket, (request,))
    finally:
        socket.close()
