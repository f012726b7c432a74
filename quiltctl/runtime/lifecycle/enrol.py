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

Routes = list[tuple["Subnet", str]]


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
        member = memberships.Membership(
            container_id=spec.id,
            network_id=network.id,
            position=position,
            interface=one.interface,
            ip=one.ip or None,
            ip6=one.ip6 or None,
            mac=one.mac or None,
            aliases=encode(list(one.aliases)),
        )
        check_addresses(network, member)
        memberships.insert(connection, member)
    if spec.network.startswith("container:"):
        memberships.join(connection, spec.id, spec.network.partition(":")[2])


def check_addresses(network: networks.Network, member: memberships.Membership) -> None:
    """Refuse addresses that the network does not have.

    Raises:
        UsageError: it has them not.
    """
    from quiltctl.model.subnet import parse_address, parse_subnet

    for address, text in ((member.ip, network.subnet), (member.ip6, network.subnet6)):
        if address is None:
            continue
        if text is None:
            raise errors.UsageError(
                f"network {network.name} has no IPv6, so {address} cannot be had there",
                hint="make a network with: quiltctl network create --ipv6",
            )
        subnet, asked = parse_subnet(text, "subnet"), parse_address(address, "address")
        if asked not in subnet or asked.number in {subnet.first, subnet.last}:
            raise errors.UsageError(f"{address} is not an address of network {network.name}, which is {text}")
