"""`network connect` and `disconnect`: who is in which network is a row, whether the container runs or not.

One that runs gets its lease in the same transaction, and its wire after it; what loses its wire keeps its lease until
the wire is gone, so that nobody gets an address that still answers.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import cleanup, configs, containers, lease_views, leases, memberships, networks
from quiltctl.db.connection import transaction
from quiltctl.model.document import decode
from quiltctl.model.membership import Wanted, free_interface
from quiltctl.model.spec import spec_from
from quiltctl.runtime.lifecycle import apply_network, enrol, lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths


def connect(
    paths: Paths, connection: sqlite3.Connection, network: Network, container: Container, wanted: Wanted
) -> None:
    """Put a container into a network; when this returns, one that runs can be reached there.

    Raises:
        Conflict: it is in it already, or the address it asks for is taken.
        UsageError: it cannot be in networks, or cannot have the address.
        NotFound: container or network have been removed meanwhile.
        WrongState: it is just being started.
    """
    with transaction(connection):
        now, network = _still_there(connection, container, network)
        if now.state == "starting":
            raise errors.WrongState(f"cannot connect {now.name}: it is being started", hint="try again")
        spec = _spec_of(connection, now)
        member = _member(connection, now, network, wanted)
        containers.touch(connection, now.id)
        memberships.insert(connection, member)
        endpoint = _lease(paths, connection, network, member, spec) if now.state in containers.LIVE else None
    if endpoint is None:
        return
    try:
        apply_network.wire(paths, connection, endpoint, now)
    except (errors.QuiltError, OSError):
        problem = apply_network.undo(paths, [endpoint])
        with transaction(connection):
            memberships.delete(connection, now.id, network.id)
            leases.release_leases(connection, [endpoint.lease_id], cleaned=problem is None)
        raise
    with transaction(connection):
        leases.activate(connection, now.id, endpoint.lease_id)  # others may be half way
        ended = lease_views.endpoint(connection, endpoint.lease_id) is None
    if ended:  # meanwhile: it is in the network when it starts again
        apply_network.undo(paths, [endpoint])


def disconnect(
    paths: Paths, connection: sqlite3.Connection, network: Network, container: Container, *, force: bool = False
) -> None:
    """Take a container out of a network; when this returns, it cannot be reached there any more.

    Raises:
        WrongState: it is not in it, or its ports lead in there, and that is not ignored (``force``); or it is just
            being started.
        NotFound: container or network have been removed meanwhile.
    """
    with transaction(connection):
        now, network = _still_there(connection, container, network)
        if now.state == "starting":
            raise errors.WrongState(f"cannot disconnect {now.name}: it is being started", hint="try again")
        run = lease_views.endpoints_of_run(connection, now.id, now.generation)
        found = [endpoint for endpoint in run if endpoint.network_id == network.id]
        if any(endpoint.ports for endpoint in found) and not force:
            raise errors.WrongState(
                f"cannot disconnect {now.name} from {network.name}: its published ports lead in there",
                hint="stop it first; with --force they lead nowhere until it is started again",
            )
        containers.touch(connection, now.id)
        was_in = memberships.delete(connection, now.id, network.id)
        leases.release(connection, now.id, network.id, cleaned=False)
        if not was_in and not found and not force:
            raise errors.WrongState(
                f"container {now.name} is not in network {network.name}",
                hint=f"see who is: quiltctl network inspect {network.name}",
            )
    for endpoint in found:
        apply_network.unwire(paths, connection, endpoint, now)
    if found:
        with transaction(connection):
            leases.release(connection, now.id, network.id)


def _still_there(connection: sqlite3.Connection, container: Container, network: Network) -> tuple[Container, Network]:
    now, row = containers.get(connection, container.id), networks.get(connection, network.id)
    if now is None:
        raise errors.NotFound("container", container.name)
    if row is None:
        raise errors.NotFound("network", network.name)
    return now, row


def _spec_of(connection: sqlite3.Connection, container: Container) -> Spec:
    """Return what the container was made with.

    Raises:
        UsageError: its network namespace is not its own, or shall have no networks.
    """
    spec = spec_from(decode(configs.config_of(connection, container.id)))
    if spec.network != "bridge":
        raise errors.UsageError(
            f"cannot connect {container.name}: it was made with --network {spec.network}",
            hint="make it anew with --network and the name of a network",
        )
    return spec


def _member(connection: sqlite3.Connection, container: Container, network: Network, wanted: Wanted) -> Membership:
    """Return the row of a container that comes into a network after those it is in."""
    others = memberships.of_container(connection, container.id)
    interface = free_interface(tuple(other.interface for other in others))
    position = max((other.position for other in others), default=-1) + 1
    return enrol.member_of(network, container.id, position, Wanted(**{**wanted.to_dict(), "interface": interface}))


def _lease(paths: Paths, connection: sqlite3.Connection, network: Network, member: Membership, spec: Spec) -> Endpoint:
    policy = lease.policy_of(spec, network)
    leases.lease(paths, connection, network, member, egress=policy)
    if policy is not None:
        cleanup.plan(connection, member.container_id, "network", paths.nft_table)
    found = lease_views.endpoints_of(connection, member.container_id)
    return max((one for one in found if one.network_id == network.id), key=lambda endpoint: endpoint.lease_id)
