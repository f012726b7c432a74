"""Rows of ``network_memberships`` and ``network_joins``: who is in which network, and who shares whose."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


class Membership(Value):
    """A container in a network, whether it runs or not, and what it asks for there."""

    container_id: str
    network_id: str
    position: int
    interface: str
    ip: str | None
    ip6: str | None
    mac: str | None
    aliases: str
    """A JSON array of names."""


_COLUMNS = ", ".join(Membership._fields)


def insert(connection: sqlite3.Connection, membership: Membership) -> None:
    """Put a container into a network.

    Raises:
        Conflict: it is in there, or another interface of it has the name.
    """
    taken = connection.execute(
        "SELECT network_id = ? AS same FROM network_memberships"
        " WHERE container_id = ? AND (network_id = ? OR interface = ?) ORDER BY same DESC",
        (membership.network_id, membership.container_id, membership.network_id, membership.interface),
    ).fetchone()
    if taken is not None:
        what = "it is in that network" if taken[0] else f'it has an interface "{membership.interface}"'
        raise errors.Conflict(f"cannot connect container {membership.container_id[:12]}: {what} already")
    fields = membership.to_dict()
    connection.execute(
        f"INSERT INTO network_memberships ({_COLUMNS}) VALUES ({', '.join('?' * len(fields))})",  # noqa: S608
        tuple(fields.values()),
    )


def of_container(connection: sqlite3.Connection, container_id: str) -> list[Membership]:
    """Return the networks that a container is in, in its order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM network_memberships WHERE container_id = ? ORDER BY position, network_id",  # noqa: S608
        (container_id,),
    )
    return [Membership(*row) for row in rows]


def network_ids(connection: sqlite3.Connection, container_id: str) -> list[str]:
    """Return the ids of the networks that a container is in."""
    rows = connection.execute("SELECT network_id FROM network_memberships WHERE container_id = ?", (container_id,))
    return [row[0] for row in rows]


def of_network(connection: sqlite3.Connection, network_id: str) -> list[Membership]:
    """Return the containers that are in a network, whether they run or not."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM network_memberships WHERE network_id = ? ORDER BY container_id",  # noqa: S608
        (network_id,),
    )
    return [Membership(*row) for row in rows]


def names_in(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return by network the names of the containers that are in it, whether they run or not."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        "SELECT m.network_id, c.name FROM network_memberships AS m JOIN containers AS c ON c.id = m.container_id"
        " ORDER BY c.name"
    )
    for network_id, name in rows:
        found.setdefault(network_id, []).append(name)
    return found


def delete(connection: sqlite3.Connection, container_id: str, network_id: str) -> bool:
    """Take a container out of a network. Returns whether it was in it."""
    return (
        connection.execute(
            "DELETE FROM network_memberships WHERE container_id = ? AND network_id = ?", (container_id, network_id)
        ).rowcount
        == 1
    )


def join(connection: sqlite3.Connection, container_id: str, owner_id: str) -> None:
    """Note that a container shares the network namespace of another one."""
    connection.execute("INSERT INTO network_joins (container_id, owner_id) VALUES (?, ?)", (container_id, owner_id))


def joined_by(connection: sqlite3.Connection, owner_id: str) -> Sequence[str]:
    """Return the ids of the containers that share the network namespace of this one."""
    rows = connection.execute("SELECT container_id FROM network_joins WHERE owner_id = ?", (owner_id,))
    return [row[0] for row in rows]
