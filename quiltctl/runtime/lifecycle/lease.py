"""What a container has in its networks from its start to its end: addresses, ports of the host, rights to speak.

Rows come first and go last. The wire dies with the container; what is in the firewall does not, so that is taken out
before the rows say that address and ports are free.
"""

from __future__ import annotations

from quiltctl.db import cleanup, containers, lease_views, leases, memberships, networks
from quiltctl.errors import QuiltError, UsageError
from quiltctl.model.document import decode
from quiltctl.runtime import liveness

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from typing import Any

    from quiltctl.db.networks import Network
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths


def take(
    paths: Paths, connection: sqlite3.Connection, spec: Spec, ports: Sequence[dict[str, Any]]
) -> tuple[tuple[Endpoint, ...], tuple[str, ...]]:
    """Lease what the container needs in each of its networks, within the caller's transaction.

    ``ports`` are those of the host that are held for it. They lead to its first network that is not internal. Returns
    what it has, and the name servers of its networks.

    Raises:
        Conflict, AddressInUse: an address or a port is another container's, or no address is left.
        UsageError: there are ports, and no network by which anybody could come in.
    """
    # What an end could not return is nobody's any more: ports are replaced, and what nobody leases gc takes out.
    leases.release(connection, spec.id)
    servers: list[str] = []
    for member in memberships.of_container(connection, spec.id):
        network = networks.get(connection, member.network_id)
        if network is not None:
            here = () if network.internal else ports
            ports = ports if network.internal else ()
            policy = policy_of(spec, network)
            servers += decode(network.config).get("dns", ())
            leases.lease(paths, connection, network, member, ports=here, egress=policy)
            if here or policy is not None:
                cleanup.plan(connection, spec.id, "network", paths.nft_table)
    if ports:
        raise UsageError(
            f"cannot publish ports of {spec.name}: its networks are internal", hint="add a network that is not"
        )
    return lease_views.endpoints_of(connection, spec.id), tuple(dict.fromkeys(servers))


def policy_of(spec: Spec, network: Network) -> tuple[str, ...] | None:
    """Return the destinations that the container may speak to: as it says itself, else as its network says."""
    if spec.egress is not None:
        return spec.egress
    policy = decode(network.config).get("egress")
    return None if policy is None else tuple(policy)


def withdraw(paths: Paths, connection: sqlite3.Connection, endpoints: Sequence[Endpoint]) -> str | None:
    """Take away what would outlive these, whose containers have ended. Returns what went wrong: then nothing is free.

    First their wires: a network namespace lives on where others share it, or have a socket of it. Then what they have
    in the firewall, upon which those that still send would rely.
    """
    if not endpoints:
        return None
    from quiltctl.runtime.network import detach

    filtered = [endpoint for endpoint in endpoints if endpoint.ports or endpoint.egress is not None]
    try:
        detach.cut(endpoints)
        for endpoint in endpoints:
            if memberships.joined_by(connection, endpoint.container_id):
                detach.detach(endpoint)
        if filtered:
            from quiltctl.runtime.network import firewall

            firewall.withdraw(paths, filtered)
    except (OSError, QuiltError) as error:
        return str(error)
    return None


def give_back(
    connection: sqlite3.Connection, container_id: str, endpoints: Iterable[Endpoint], problem: str | None
) -> None:
    """Return what a container had, within the caller's transaction; gc tries a ``problem`` again."""
    leases.release_leases(connection, (endpoint.lease_id for endpoint in endpoints), cleaned=problem is None)
    if problem is None:
        cleanup.complete(connection, container_id, "network")


def put_back(paths: Paths, connection: sqlite3.Connection, endpoints: Iterable[Endpoint]) -> None:
    """Put back what was withdrawn of these and is another run's by now: its port leads to the same address.

    One that is not wired yet does that itself, and what else goes wrong is mended by gc.
    """
    from quiltctl.runtime.network import firewall

    for container_id in {endpoint.container_id for endpoint in endpoints if endpoint.ports}:
        for now in lease_views.endpoints_of(connection, container_id):
            try:
                firewall.admit(paths, now)
            except (OSError, QuiltError):
                continue


def catch_up(paths: Paths, connection: sqlite3.Connection, endpoints: Iterable[Endpoint]) -> None:
    """Put policies in force that were changed while their container was started with these."""
    for endpoint in endpoints:
        now = lease_views.endpoint(connection, endpoint.lease_id)
        if now is not None and now.egress != endpoint.egress:
            enforce(paths, connection, endpoint)


def enforce(paths: Paths, connection: sqlite3.Connection, endpoint: Endpoint) -> None:
    """Bring the policy in force to what the lease has; ``endpoint`` has what is in force.

    Others may change it at the same time: the row is read again afterwards, and whoever is last has seen it all.

    Raises:
        HostLacks, KernelError: it cannot be.
    """
    from quiltctl.runtime.network import firewall

    in_force = endpoint
    while True:
        now = lease_views.endpoint(connection, endpoint.lease_id)
        if now is None:  # it has ended meanwhile
            firewall.withdraw(paths, [in_force])
            return
        firewall.change_egress(paths, in_force, now.egress)
        in_force = now
        again = lease_views.endpoint(connection, endpoint.lease_id)
        if again is not None and again.egress == now.egress:
            return


def tell_others(paths: Paths, connection: sqlite3.Connection, endpoints: Iterable[Endpoint]) -> None:
    """Bring the names that the neighbours of these know up to date."""
    network_ids = {endpoint.network_id for endpoint in endpoints if endpoint.names}
    if network_ids:
        from quiltctl.runtime.lifecycle import refresh_names

        refresh_names.refresh(paths, connection, sorted(network_ids))


def reap_dead(paths: Paths, connection: sqlite3.Connection) -> bool:
    """Write the ends of all containers whose shims have died, which frees what they had. Returns whether any had."""
    from quiltctl.runtime.lifecycle import reap

    dead = [
        container
        for container in containers.list_all(connection, containers.LIVE)
        if not liveness.alive(container.shim_pid, container.shim_started, container.boot_id)
    ]
    for container in dead:
        reap.reap(paths, connection, container)
    return bool(dead)
