"""The networks' part of `gc`: rows, interfaces and the firewall are compared, both ways.

What is in the kernel is listed first, and the rows are read afterwards: whoever starts a container writes its rows
before it makes anything, so what has no row then is nobody's.
"""

from __future__ import annotations

from quiltctl.db import leases, networks
from quiltctl.db.connection import transaction
from quiltctl.errors import QuiltError
from quiltctl.model.value import Value
from quiltctl.runtime.lifecycle import apply_network, lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from quiltctl.model.endpoint import Endpoint, Wire
    from quiltctl.paths import Paths
    from quiltctl.runtime.network.listing import Found


class Mended(Value):
    """One thing that was not as it should be: what kind, which one, what became of it, and why not, if it did not."""

    kind: str
    name: str
    action: str
    problem: str = ""


def sweep(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[Mended]:
    """Mend what is wrong with leases, interfaces, bridges and the firewall, and yield each thing that was."""
    links = _links(paths)
    found = _rules(paths) if links or networks.wires(connection) else None
    yield from _stale_leases(paths, connection, dry_run=dry_run)
    wires, endpoints = networks.wires(connection), leases.endpoints(connection)
    yield from _orphan_links(links, wires, endpoints, dry_run=dry_run)
    if links:  # else they are in another network namespace, if there are any
        yield from _lost_wires(endpoints, dry_run=dry_run)
    if found is not None and (links or not wires):
        yield from _firewall(paths, connection, wires, endpoints, found, dry_run=dry_run)
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


def _rules(paths: Paths) -> Found | None:
    """Return what is in the firewall, or None where there is no nft, and so nothing to mend."""
    from quiltctl.runtime.network import repair

    try:
        return repair.look(paths)
    except QuiltError:
        return None


def release(paths: Paths, connection: sqlite3.Connection, container_id: str) -> str:
    """Return what a container that does not run still leases. Returns why that failed, or nothing."""
    endpoints = leases.endpoints_of(connection, container_id)
    problem = lease.withdraw(paths, connection, endpoints)
    with transaction(connection):
        lease.give_back(connection, container_id, problem)
    return problem or ""


def _stale_leases(paths: Paths, connection: sqlite3.Connection, *, dry_run: bool) -> Iterator[Mended]:
    """Addresses and ports of containers that do not run: their end could not be written whole."""
    for container_id in leases.stale(connection):
        endpoints = leases.endpoints_of(connection, container_id)
        problem = "" if dry_run else release(paths, connection, container_id)
        for endpoint in endpoints:
            yield Mended("lease", f"{endpoint.ip} in {endpoint.network}", "released", problem)
    if not dry_run:
        with transaction(connection):
            leases.forget_orphans(connection)


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


def _firewall(
    paths: Paths,
    connection: sqlite3.Connection,
    wires: tuple[Wire, ...],
    endpoints: tuple[Endpoint, ...],
    found: Found,
    *,
    dry_run: bool,
) -> Iterator[Mended]:
    """Rules and elements too many and too few; without a network there is no table."""
    from quiltctl.runtime.network import repair

    try:
        phrases = repair.repair(paths, wires, endpoints, dry_run=dry_run, found=found)
        if not dry_run:
            apply_network.remove_tables(paths, connection)
    except (QuiltError, OSError) as error:
        yield Mended("firewall", paths.nft_table, "mended", str(error))
        return
    for phrase in phrases:
        yield Mended("firewall", phrase, "mended")
