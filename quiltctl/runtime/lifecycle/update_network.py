"""`network update`: what a network says to its containers from now on."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import cleanup, configs, containers, lease_views, leases, networks
from quiltctl.db.connection import transaction
from quiltctl.model.document import decode, encode
from quiltctl.model.spec import spec_from
from quiltctl.model.subnet import parse_address
from quiltctl.runtime.lifecycle import lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths


def servers(words: Sequence[str], option: str) -> tuple[str, ...]:
    """Return the addresses of name servers in their canonical spelling.

    Raises:
        UsageError: one is no address.
    """
    return tuple(str(parse_address(word, option)) for word in words)


def change_dns(connection: sqlite3.Connection, network: Network, added: Sequence[str], dropped: Sequence[str]) -> None:
    """Add and take away name servers. Containers that run keep those that they have.

    Raises:
        UsageError: one that shall go is not there.
        NotFound: the network has been removed meanwhile.
    """
    with transaction(connection):
        config = _config(connection, network)
        there = [str(server) for server in config.get("dns", ())]
        unknown = [server for server in dropped if server not in there]
        if unknown:
            raise errors.UsageError(
                f"network {network.name} has no name server {unknown[0]}",
                hint=f"it has {', '.join(there) or 'none'}",
            )
        kept = [server for server in there if server not in dropped]
        config["dns"] = list(dict.fromkeys((*kept, *added)))
        networks.change(connection, network.id, config=encode(config))


def change_egress(
    paths: Paths, connection: sqlite3.Connection, network: Network, allowed: Sequence[str] | None
) -> None:
    """Say what the network's containers may speak to, those that run included; None is everything.

    Those that have a policy of their own keep it.

    Raises:
        NotFound: the network has been removed meanwhile.
        HostLacks, KernelError: it cannot be; the rows say already what shall be, and gc tries again.
    """
    with transaction(connection):
        config = _config(connection, network)
        config["egress"] = None if allowed is None else list(allowed)
        networks.change(connection, network.id, config=encode(config))
        changed = [
            endpoint
            for endpoint in lease_views.endpoints(connection)
            if endpoint.network_id == network.id and _follows_network(connection, endpoint.container_id)
        ]
        for endpoint in changed:
            leases.set_egress(connection, endpoint.container_id, allowed, network.id)
            cleanup.plan(connection, endpoint.container_id, "network", paths.nft_table)
    for endpoint in changed:
        container = containers.get(connection, endpoint.container_id)
        if container is not None and container.state != "starting":  # else whoever starts it sees to it
            lease.enforce(paths, connection, endpoint)


def _config(connection: sqlite3.Connection, network: Network) -> dict[str, Any]:
    now = networks.get(connection, network.id)
    if now is None:
        raise errors.NotFound("network", network.name)
    config: dict[str, Any] = decode(now.config)
    return config


def _follows_network(connection: sqlite3.Connection, container_id: str) -> bool:
    """Return whether a container has no policy of its own, and is there still."""
    if containers.get(connection, container_id) is None:
        return False
    return spec_from(decode(configs.config_of(connection, container_id))).egress is None
