"""What a change of networks is in the kernel, for containers that run: wires, rules, and who knows whose name.

The rows are written before any of this happens, and are what it is made from.
"""

from __future__ import annotations

import errno
import os

from quiltctl.db import lease_views, networks
from quiltctl.db.connection import transaction
from quiltctl.errors import QuiltError
from quiltctl.model.endpoint import routed
from quiltctl.runtime.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.db.containers import Container
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.paths import Paths


def wire(paths: Paths, connection: sqlite3.Connection, endpoint: Endpoint, container: Container) -> None:
    """Give a running container the interface of a lease, and tell its name to the network.

    Raises:
        OSError: the kernel refuses it, or the container has ended.
    """
    from quiltctl.runtime.lifecycle import refresh_names
    from quiltctl.runtime.network import attach

    first = routed(lease_views.endpoints_of(connection, endpoint.container_id))
    is_way_out = first is not None and first.lease_id == endpoint.lease_id
    netns_fd = _open_namespace(container)
    try:
        attach.connect(paths, (endpoint,), netns_fd, way_out=endpoint if is_way_out else None)
    finally:
        os.close(netns_fd)
    refresh_names.refresh(paths, connection, [endpoint.network_id])


def unwire(paths: Paths, connection: sqlite3.Connection, endpoint: Endpoint, container: Container) -> None:
    """Take the interface of a lease away, what guarded it, and the name. Another network becomes the way out.

    Raises:
        OSError: the kernel refuses it.
    """
    from quiltctl.runtime.lifecycle import refresh_names
    from quiltctl.runtime.network import detach, firewall

    detach.detach(endpoint)
    rest = [
        one for one in lease_views.endpoints_of(connection, endpoint.container_id) if one.lease_id != endpoint.lease_id
    ]
    _lead_out(container, routed(tuple(rest)))
    firewall.withdraw(paths, (endpoint,))
    refresh_names.refresh(paths, connection, [endpoint.network_id])


def undo(paths: Paths, endpoints: Sequence[Endpoint]) -> str | None:
    """Take away wires and rules of what came to nothing. Returns why something is left, if it is."""
    from quiltctl.runtime.network import detach, firewall

    try:
        for endpoint in endpoints:
            detach.detach(endpoint)
        firewall.withdraw(paths, endpoints)
    except (OSError, QuiltError) as error:
        return str(error)
    return None


def _lead_out(container: Container, endpoint: Endpoint | None) -> None:
    """Let a container's way out go by another network, unless it has ended by now."""
    from quiltctl.runtime.network import attach

    if endpoint is None:
        return
    try:
        netns_fd = _open_namespace(container)
    except ProcessLookupError:
        return
    try:
        attach.lead_out(endpoint, netns_fd)
    finally:
        os.close(netns_fd)


def _open_namespace(container: Container) -> int:
    """Return the network namespace of a container, and of no process that has its pid by now.

    Raises:
        ProcessLookupError: it has ended.
    """
    folder_fd = pidfd.open_folder(container.pid or 0, container.pid_started or 0)
    try:
        return os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder_fd)
    finally:
        os.close(folder_fd)


def remove_tables(paths: Paths, connection: sqlite3.Connection) -> None:
    """Remove the tables of the firewall when there is no network.

    In a transaction, against the rule: the first network and its container must not come while they are removed. That
    is 6 ms, with the last network alone; where there are no tables, nobody is kept waiting.

    Raises:
        KernelError: nft refuses.
    """
    from quiltctl.runtime.network import firewall

    if not firewall.is_there(paths):
        return
    with transaction(connection):
        if not networks.list_all(connection):
            firewall.remove(paths)


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
