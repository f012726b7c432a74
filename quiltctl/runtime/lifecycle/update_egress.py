"""Changing where a container may speak to: the rows first, then the firewall, for one that runs."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import cleanup, containers, lease_views, leases, networks
from quiltctl.db.connection import transaction
from quiltctl.model.document import decode
from quiltctl.model.spec import Spec, spec_from
from quiltctl.runtime.lifecycle import lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.paths import Paths


def update(paths: Paths, connection: sqlite3.Connection, container: Container, allowed: tuple[str, ...] | None) -> None:
    """Let a container speak to these destinations alone; None is what its networks say.

    Raises:
        UsageError: it is in no network of its own.
        NotFound: it was removed meanwhile.
        HostLacks, KernelError: the firewall cannot be had. The rows say already what shall be, and gc tries again.
    """
    with transaction(connection):
        now = containers.get(connection, container.id)
        if now is None:
            raise errors.NotFound("container", container.name)
        spec = spec_from(decode(containers.config_of(connection, now.id)))
        if spec.network != "bridge":
            raise errors.UsageError(
                f"--egress cannot be honoured for {now.name}: it was made with --network {spec.network}",
                hint="it is for containers in networks of their own",
            )
        containers.set_option(connection, now.id, "egress", allowed)
        spec = Spec(**{**spec.to_dict(), "egress": allowed})
        endpoints = lease_views.endpoints_of(connection, now.id)
        for old in endpoints:
            leases.set_egress(connection, now.id, _policy(connection, spec, old), old.network_id)
        if endpoints:
            cleanup.plan(connection, now.id, "network", paths.nft_table)
    if now.state != "starting":  # else whoever starts it sees to it, once it runs
        for old in endpoints:
            lease.enforce(paths, connection, old)


def _policy(connection: sqlite3.Connection, spec: Spec, endpoint: Endpoint) -> tuple[str, ...] | None:
    network = networks.get(connection, endpoint.network_id)
    return None if network is None else lease.policy_of(spec, network)
