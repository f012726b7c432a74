"""What a change of networks is in the kernel, for containers that run: wires, rules, and who knows whose name.

The rows are written before any of this happens, and are what it is made from.
"""

from __future__ import annotations

import errno
import os

from quiltctl.db import leases
from quiltctl.model.endpoint import routed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.model.endpoint import Endpoint
    from quiltctl.paths import Paths


def wire(paths: Paths, connection: sqlite3.Connection, endpoint: Endpoint, pid: int, network_id: str) -> None:
    """Give a running container the interface of a lease, and tell its name to the network.

    Raises:
        OSError: the kernel refuses it, or the container has ended.
    """
    from quiltctl.runtime.lifecycle import refresh_names
    from quiltctl.runtime.network import attach

    first = routed(leases.endpoints_of(connection, endpoint.container_id))
    is_way_out = first is not None and first.lease_id == endpoint.lease_id
    netns_fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        attach.connect(paths, (endpoint,), netns_fd, way_out=endpoint if is_way_out else None)
    finally:
        os.close(netns_fd)
    refresh_names.refresh(paths, connection, [network_id])


def unwire(paths: Paths, connection: sqlite3.Connection, endpoint: Endpoint, network_id: str) -> None:
    """Take the interface of a lease away, what guarded it, and the name.

    Raises:
        OSError: the kernel refuses it.
    """
    from quiltctl.runtime.lifecycle import refresh_names
    from quiltctl.runtime.network import attach, firewall

    attach.detach(endpoint)
    firewall.withdraw(paths, (endpoint,))
    refresh_names.refresh(paths, connection, [network_id])


def guard(paths: Paths, endpoints: Sequence[Endpoint]) -> None:
    """Put the egress policies of running containers in force, as their leases have them now."""
    from quiltctl.runtime.network import firewall  # type: ignore[attr-defined]

    firewall.admit(paths, tuple(endpoints))


def remove_bridge(bridge: str) -> None:
    """Remove a network's bridge, where there is one.

    Raises:
        OSError: the kernel refuses it.
    """
    from pyroute2 import IPRoute  # 175 ms, for a verb that is rare
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as routes:
        for link in routes.link("dump", ifname=bridge):
            if link.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") != "bridge":
                continue  # a user's own interface has got the name meanwhile
            try:
                routes.link("del", index=link["index"])
            except NetlinkError as error:
                if error.code != errno.ENODEV:
                    raise OSError(error.code, os.strerror(error.code), bridge) from error
