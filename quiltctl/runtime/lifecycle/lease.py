"""What a container has in its networks from its start to its end: addresses, ports of the host, rights to speak.

Rows come first and go last. The wire dies with the container; what is in the firewall does not, so that is taken out
before the rows say that address and ports are free.
"""

from __future__ import annotations

from quiltctl.db import cleanup, containers, leases, memberships, networks
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
    if spec.network != "bridge":
        return (), ()
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
    return leases.endpoints_of(connection, spec.id), tuple(dict.fromkeys(servers))


def policy_of(spec: Spec, network: Network) -> tuple[str, ...] | None:
    """Return the destinations that the container may speak to: as it says itself, else as its network says."""
    if spec.egress is not None:
        return spec.egress
    policy = decode(network.config).get("egress")
    return None if policy is None else tuple(policy)


def withdraw(paths: Paths, connection: sqlite3.Connection, endpoints: Sequence[Endpoint]) -> str | None:
    """Take away what would outlive these, whose containers have ended. Returns what went wrong: then nothing is free.

    That is what they have in the firewall; and their wires, where another container shares the network namespace, which
    goes on then.
    """
    filtered = [endpoint for endpoint in endpoints if endpoint.ports or endpoint.egress is not None]
    shared = [endpoint for endpoint in endpoints if memberships.joined_by(connection, endpoint.container_id)]
    try:
        if filtered:
            from quiltctl.runtime.network import firewall

            firewall.withdraw(paths, filtered)
        if shared:
            from quiltctl.runtime.network import attach

            for endpoint in shared:
                attach.detach(endpoint)
    except (OSError, QuiltError) as error:
        return str(error)
    return None


def give_back(connection: sqlite3.Connection, container_id: str, problem: str | None) -> None:
    """Return what a container that has ended had, within the caller's transaction; gc tries a ``problem`` again."""
    leases.release(connection, container_id, cleaned=problem is None)
    if problem is None:
        cleanup.complete(connection, container_id, "network")


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
