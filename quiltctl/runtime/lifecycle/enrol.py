"""Putting a container that is being made into its networks: rows of intent, which survive its runs."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import memberships, networks
from quiltctl.model.document import encode
from quiltctl.model.membership import DEFAULT_NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.model.membership import Wanted
    from quiltctl.model.spec import Spec
    from quiltctl.model.subnet import Subnet
    from quiltctl.paths import Paths

    Routes = Sequence[tuple[Subnet, str]]


def find_routes(connection: sqlite3.Connection, wanted: Sequence[Wanted]) -> Routes:
    """Return the routes of this host if the default network will have to be made, else nothing.

    To be read before the transaction, in which nothing may wait.
    """
    if all(one.network != DEFAULT_NETWORK for one in wanted) or networks.named(connection, DEFAULT_NETWORK) is not None:
        return []
    from quiltctl.runtime.network import routes

    return routes.host_subnets()


def enrol(paths: Paths, connection: sqlite3.Connection, spec: Spec, wanted: Sequence[Wanted], routes: Routes) -> None:
    """Write which networks the container is in, within the caller's transaction.

    Raises:
        NotFound: a network that is named.
        Conflict: two of them are the same, or the default network finds no room.
        UsageError: an address that is asked for is not one of the network's.
    """
    for position, one in enumerate(wanted):
        network = networks.named(connection, one.network)
        if network is None and one.network == DEFAULT_NETWORK:
            from quiltctl.runtime.lifecycle import create_network

            network = create_network.default(paths, connection, routes)
        if network is None:
            network = networks.find(connection, one.network)
        memberships.insert(connection, member_of(network, spec.id, position, one))
    if spec.network.startswith("container:"):
        memberships.join(connection, spec.id, spec.network.partition(":")[2])


def member_of(network: networks.Network, container_id: str, position: int, wanted: Wanted) -> memberships.Membership:
    """Return the row of a container in a network.

    Raises:
        UsageError: an address that is asked for is not one of the network's.
    """
    ip = ip6 = None
    if wanted.ip or wanted.ip6:
        from quiltctl.model.address_plan import check_asked
        from quiltctl.model.subnet import parse_subnet
    if wanted.ip:
        ip = check_asked(parse_subnet(network.subnet, "--subnet"), network.gateway, wanted.ip, "--ip")
    if wanted.ip6 and network.subnet6 is None:
        raise errors.UsageError(
            f"network {network.name} has no IPv6, so there can be no --ip6",
            hint="make one with: quiltctl network create --ipv6",
        )
    if wanted.ip6:
        subnet6 = parse_subnet(network.subnet6 or "", "--subnet")
        ip6 = check_asked(subnet6, network.gateway6 or "", wanted.ip6, "--ip6")
    aliases = encode(list(wanted.aliases))
    return memberships.Membership(
        container_id, network.id, position, wanted.interface, ip, ip6, wanted.mac or None, aliases
    )
