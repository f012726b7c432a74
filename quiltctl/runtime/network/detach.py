"""The end of a container's wire. It is on the path of every end, and imports as little as that needs."""

from __future__ import annotations

from quiltctl.runtime.linux import netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.model.endpoint import Endpoint


def cut(endpoints: Sequence[Endpoint]) -> None:
    """Let nothing through the wires of containers that have ended.

    They die with their network namespaces, which may live on: a socket that was passed to somebody else is enough.

    Raises:
        OSError: the kernel refuses it.
    """
    host = netlink.open_socket()
    try:
        netlink.ask(host, [netlink.lower_link(endpoint.host_interface) for endpoint in endpoints])
    finally:
        host.close()


def detach(endpoint: Endpoint) -> None:
    """Take the wire away, before its namespace ends.

    Raises:
        OSError: the kernel refuses it.
    """
    host = netlink.open_socket()
    try:
        netlink.ask(host, (netlink.delete_link(endpoint.host_interface),))
    finally:
        host.close()
