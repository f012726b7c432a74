"""`network connect`: put a container into a network."""

from __future__ import annotations

from quiltctl.commands._parameters import CONTAINER, NETWORK
from quiltctl.model.membership import DEFAULT_NETWORK
from quiltctl.model.parameters import Option, Refused, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Put a container into a network.",
    description="One that runs gets another interface at once, one that does not gets it when it starts.",
    parameters=(
        Option(
            ("--alias",),
            "Another name by which the network's containers find it; repeatable.",
            multiple=True,
            metavar="NAME",
        ),
        Option(("--ip",), "The address that it shall have there.", metavar="ADDRESS"),
        Option(("--ip6",), "The address of IPv6 that it shall have there.", metavar="ADDRESS"),
        Option(("--mac-address",), "The hardware address of its interface.", metavar="MAC"),
        Refused(("--link",), "this version has no links; containers of a network find each other by name"),
        Refused(("--link-local-ip",), "this version gives no link-local addresses"),
        Refused(("--driver-opt",), "interfaces have no options in this version"),
        Refused(("--gw-priority",), "the way out is the first network that is not internal"),
        NETWORK,
        CONTAINER,
    ),
    examples=(
        ("quiltctl network connect app web", "web is in app as well from now on"),
        ("quiltctl network connect --alias db --ip 10.89.0.9 app postgres", "under another name, at this address"),
    ),
)


def command(
    paths: Paths,
    *,
    alias: list[str],
    ip: str | None,
    ip6: str | None,
    mac_address: str | None,
    network: str,
    container: str,
) -> int:
    """Connect them; nothing is printed."""
    from quiltctl.db.connection import open_to_write
    from quiltctl.model.membership import Wanted, parse_mac
    from quiltctl.model.name import check_name
    from quiltctl.runtime.lifecycle import reap
    from quiltctl.runtime.lifecycle.connect_network import connect

    for name in alias:
        check_name(name, "network alias")
    mac = "" if mac_address is None else parse_mac(mac_address, "--mac-address")
    wanted = Wanted(network, "", ip or "", ip6 or "", mac, tuple(alias))
    connection = open_to_write(paths)
    chosen = _network(paths, connection, network)
    connect(paths, connection, chosen, reap.find(paths, connection, container), wanted)
    return 0


def _network(paths: Paths, connection: sqlite3.Connection, reference: str) -> Network:
    """Return the network; the default one is made where it is missing."""
    from quiltctl.commands._networks import find_network
    from quiltctl.db.connection import transaction
    from quiltctl.errors import NotFound
    from quiltctl.runtime.lifecycle import create_network
    from quiltctl.runtime.network.routes import host_subnets

    try:
        return find_network(connection, reference)
    except NotFound:
        if reference not in {DEFAULT_NETWORK, "bridge", "default"}:
            raise
    routes = host_subnets()
    with transaction(connection):
        return create_network.default(paths, connection, routes)
