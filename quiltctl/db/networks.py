"""Rows of ``networks``: each a bridge, a subnet, and what it is asked to be."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.model.endpoint import Wire
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any


class Network(Value):
    """What the database says of a network."""

    id: str
    name: str
    bridge: str
    subnet: str
    gateway: str
    subnet6: str | None
    gateway6: str | None
    internal: int
    config: str
    """JSON: labels, options, dns, egress."""
    created_at: int
    ip_range: str | None
    """``FIRST-LAST``."""
    nat: int
    names: int
    """Whether its containers find each other by name."""
    mtu: int
    last_leased: str | None


_COLUMNS = ", ".join(Network._fields)


def insert(connection: sqlite3.Connection, network: Network) -> None:
    """Add a network.

    Raises:
        Conflict: the name is taken.
    """
    if connection.execute("SELECT 1 FROM networks WHERE name = ?", (network.name,)).fetchone():
        raise errors.Conflict(f'the name "{network.name}" is taken by another network', hint="choose another name")
    fields = network.to_dict()
    connection.execute(
        f"INSERT INTO networks ({_COLUMNS}) VALUES ({', '.join('?' * len(fields))})",  # noqa: S608 (our own column names)
        tuple(fields.values()),
    )


def get(connection: sqlite3.Connection, network_id: str) -> Network | None:
    """Return the network of this full id, or None when there is none."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM networks WHERE id = ?", (network_id,)).fetchone()  # noqa: S608
    return None if row is None else Network(*row)


def named(connection: sqlite3.Connection, name: str) -> Network | None:
    """Return the network of this name, or None when there is none."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM networks WHERE name = ?", (name,)).fetchone()  # noqa: S608
    return None if row is None else Network(*row)


def find(connection: sqlite3.Connection, reference: str) -> Network:
    """Return the network that a name, an id, or the beginning of one id names; a name wins.

    Raises:
        NotFound: there is none.
        Ambiguous: several ids begin so.
    """
    rows = []
    # Names and ids are ASCII; SQLite cannot even be asked for what is not UTF-8.
    if reference and reference.isascii():
        found = named(connection, reference)
        if found is not None:
            return found
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM networks WHERE id >= ? AND id < ? ORDER BY id LIMIT 5",  # noqa: S608
            (reference, f"{reference}g"),
        ).fetchall()
    if not rows:
        raise errors.NotFound("network", reference, hint="see what there is with: quiltctl network ls")
    if len(rows) > 1:
        raise errors.Ambiguous("network", reference, [f"{row['id'][:12]} ({row['name']})" for row in rows])
    return Network(*rows[0])


def list_all(connection: sqlite3.Connection) -> list[Network]:
    """Return every network, the oldest first."""
    return [Network(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM networks ORDER BY created_at, id")]  # noqa: S608


def wires(connection: sqlite3.Connection) -> tuple[Wire, ...]:
    """Return what the bridges and the firewall of all networks are made by."""
    return tuple(
        Wire(
            bridge=one.bridge,
            subnet=one.subnet,
            subnet6=one.subnet6 or "",
            nat=bool(one.nat),
            internal=bool(one.internal),
            network=one.name,
            gateway=one.gateway,
            gateway6=one.gateway6 or "",
            mtu=one.mtu,
        )
        for one in list_all(connection)
    )


def delete(connection: sqlite3.Connection, network_id: str) -> bool:
    """Delete a network, with the leases that are over. Returns whether it was there."""
    connection.execute("DELETE FROM network_allocations WHERE network_id = ? AND state = 'cleaned'", (network_id,))
    return connection.execute("DELETE FROM networks WHERE id = ?", (network_id,)).rowcount == 1


def change(connection: sqlite3.Connection, network_id: str, **facts: Any) -> None:
    """Write other facts of a network; they are columns of the table, named by our own call sites."""
    connection.execute(
        f"UPDATE networks SET {', '.join(f'{column} = ?' for column in facts)} WHERE id = ?",  # noqa: S608
        (*facts.values(), network_id),
    )
