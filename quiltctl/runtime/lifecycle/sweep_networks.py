"""The networks' part of `gc`: rows, interfaces and the firewall are compared, both ways.

What is in the kernel is listed first, and the rows are read afterwards: whoever starts a container writes its rows
before it makes anything, so what has no row then is nobody's.
"""

from __future__ import annotations

import time

from quiltctl.db import containers, lease_views, leases, networks
from quiltctl.db.connection import transaction
from quiltctl.errors import QuiltError
from quiltctl.model.value import Value
from quiltctl.runtime.lifecycle import apply_network, lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from quiltctl.db.containers import Container
    from quiltctl.model.endpoint import Endpoint, Wire
    from quiltctl.paths import Paths

_PATIENCE_NS = 60_000_000_000
"""How long a command may take to wire a container before gc does it."""


class Mended(Value):
    """One thing that was not as it should be: what kind, which one, what became of it, and why not, if it did not."""

    kind: str
    name: str
    action: str
    problem: str = ""


def sweep(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[Mended]:
    """Mend what is wrong with leases, interfaces, bridges and the firewall, and yield each thing that was."""
    links = _links(paths)
    yield from _leftovers(paths, connection, dry_run=dry_run)
    yield from _unfinished(paths, connection, dry_run=dry_run)
    wires, endpoints = networks.wires(connection), lease_views.endpoints(connection)
    yield from _orphan_links(links, wires, endpoints, dry_run=dry_run)
    if links:  # else they are in another network namespace, if there are any
        yield from _lost_wires(endpoints, dry_run=dry_run)
    if links or (not wires and _has_rules(paths)):
        yield from _firewall(paths, connection, dry_run=dry_run)
    if endpoints and not dry_run:
        lease.tell_others(paths, connection, endpoints)


def _links(paths: Paths) -> list[str]:
    """Return the names of this root's interfaces. /proc/net/dev is read, which costs nothing where there is none."""
    with open("/proc/net/dev", encoding="ascii") as file:
        names = [line.partition(":")[0].strip() for line in file if ":" in line]
    bridges = paths.bridge(0)[:-1]
    return [name for name in names if name.startswith(paths.host_interface(0)[:-1]) or _is_numbered(name, bridges)]


def _is_numbered(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name[len(prefix) :].isdigit()


def release(paths: Paths, connection: sqlite3.Connection, container_id: str) -> str:
    """Return what a container should not lease any more. Returns why that failed, or nothing."""
    left = [endpoint for endpoint in lease_views.leftovers(connection) if endpoint.container_id == container_id]
    return _release(paths, connection, container_id, left)


def _release(paths: Paths, connection: sqlite3.Connection, container_id: str, left: Sequence[Endpoint]) -> str:
    container = containers.get(connection, container_id)
    if container is not None and container.state in containers.LIVE:
        problem = _take_out(paths, connection, container, left)
    else:
        problem = lease.withdraw(paths, connection, left)
    with transaction(connection):
        lease.give_back(connection, container_id, left, problem)
    return problem or ""


def _take_out(
    paths: Paths, connection: sqlite3.Connection, container: Container, left: Sequence[Endpoint]
) -> str | None:
    """Take a container that runs out of networks that it has left already. Returns what went wrong, if it did."""
    try:
        for endpoint in left:
            apply_network.unwire(paths, connection, endpoint, container)
    except (OSError, QuiltError) as error:
        return str(error)
    return None


def _leftovers(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[Mended]:
    """Addresses and ports that should be free: an end, or a leaving, that could not be written whole."""
    found = lease_views.leftovers(connection)
    for container_id in dict.fromkeys(endpoint.container_id for endpoint in found):
        left = [endpoint for endpoint in found if endpoint.container_id == container_id]
        problem = "" if dry_run else _release(paths, connection, container_id, left)
        for endpoint in left:
            yield Mended("lease", f"{endpoint.ip} in {endpoint.network}", "released", problem)
    if not dry_run:
        with transaction(connection):
            leases.forget_orphans(connection)


def _unfinished(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[Mended]:
    """Containers that were put into a network, and whose wire was not made: the command was killed."""
    for endpoint in lease_views.unfinished(connection, time.time_ns() - _PATIENCE_NS):
        container = containers.get(connection, endpoint.container_id)
        problem = ""
        if container is not None and not dry_run:
            try:
                apply_network.undo(paths, [endpoint])
                apply_network.wire(paths, connection, endpoint, container)
                with transaction(connection):
                    leases.activate(connection, endpoint.container_id, endpoint.lease_id)
            except (QuiltError, OSError) as error:
                problem = str(error)
        yield Mended("lease", f"{endpoint.ip} in {endpoint.network}", "connected", problem)


def _orphan_links(
    links: list[str], wires: tuple[Wire, ...], endpoints: tuple[Endpoint, ...], *, dry_run: bool
) -> Iterator[Mended]:
    """Interfaces that belong to no lease and no network."""
    known = {wire.bridge for wire in wires} | {endpoint.host_interface for endpoint in endpoints}
    for name in links:
        if name not in known:
            problem = "" if dry_run else _delete(name)
            yield Mended("interface", name, "removed", problem)


def _delete(name: str) -> str:
    """Delete an interface, and return why that failed, if it did."""
    from quiltctl.runtime.linux import netlink

    host = netlink.open_socket()
    try:
        netlink.ask(host, [netlink.delete_link(name)])
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    finally:
        host.close()
    return ""


def _lost_wires(endpoints: tuple[Endpoint, ...], *, dry_run: bool) -> Iterator[Mended]:
    """Bridges that somebody has removed, switched off or emptied under containers that run."""
    from quiltctl.runtime.network import inspection

    for lost in inspection.find_lost(endpoints):
        problem = ""
        if not dry_run:
            try:
                inspection.mend(lost)
            except (OSError, QuiltError) as error:
                problem = str(error)
        yield Mended("bridge", lost.bridge, "restored", problem)


def _has_rules(paths: Paths) -> bool:
    from quiltctl.runtime.network import firewall

    return firewall.is_there(paths)


def _firewall(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[Mended]:
    """Rules and elements too many and too few; without a network there is no table."""
    from quiltctl.runtime.network import repair

    def rows() -> tuple[tuple[Wire, ...], tuple[Endpoint, ...]]:
        return networks.wires(connection), lease_views.endpoints(connection)

    try:
        phrases = repair.repair(paths, rows, dry_run=dry_run)
        if not dry_run:
            apply_network.remove_tables(paths, connection)
    except (QuiltError, OSError) as error:
        yield Mended("firewall", paths.nft_table, "mended", str(error))
        return
    for phrase in phrases:
        yield Mended("firewall", phrase, "mended")
