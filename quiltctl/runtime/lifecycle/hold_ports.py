"""Taking the ports of the host that a container publishes, before anything of it is started.

The sockets pass over to its shim. The kernel judges who has a port, also between programs that know nothing of each
other, and gives it back when the shim ends, however it ends.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers, leases, networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from typing import Any

    from quiltctl.model.spec import Spec


def hold(
    connection: sqlite3.Connection, spec: Spec, references: Iterable[str]
) -> tuple[list[int], tuple[dict[str, Any], ...]]:
    """Return sockets that hold the ports that the spec asks for, and the ports with their numbers.

    ``references`` are its networks: in one with IPv6 the ports are held there too.

    Raises:
        AddressInUse: somebody has one of them; the sentence names the container, if it is one.
        CannotExecute: an address is not one of this host's.
    """
    if not spec.ports:
        return [], ()
    from quiltctl.runtime.network import ports

    try:
        return ports.bind(spec.ports, ipv6=any(_has_ipv6(connection, reference) for reference in references))
    except errors.AddressInUse as error:
        raise _with_owner(connection, spec, error) from error


def _has_ipv6(connection: sqlite3.Connection, reference: str) -> bool:
    """Return whether a network has IPv6; one that is not there yet, or not at all, has not."""
    try:
        return networks.find(connection, reference).subnet6 is not None
    except (errors.NotFound, errors.Ambiguous):
        return False


def _with_owner(connection: sqlite3.Connection, spec: Spec, error: errors.AddressInUse) -> errors.AddressInUse:
    """Return the error with the name of the container that has the port, where it is one of ours."""
    for port in spec.ports:
        owner_id = leases.port_owner(connection, port["protocol"], port["host_ip"], port["host_port"])
        owner = containers.get(connection, owner_id) if owner_id else None
        if owner is not None:
            return errors.AddressInUse(
                f"cannot publish port {port['host_port']}/{port['protocol']}: address already in use by container"
                f" {owner.name}",
                hint=f"stop {owner.name}, or publish another port with -p",
            )
    return error
