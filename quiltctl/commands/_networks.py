"""The networks that a verb means: by a word, which may be docker's for the default one, or by filters."""

from __future__ import annotations

from quiltctl.commands._network_document import Row, config_of
from quiltctl.db import memberships, networks
from quiltctl.model.membership import DEFAULT_NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from quiltctl.db.networks import Network

_WORDS = dict.fromkeys(("bridge", "default"), DEFAULT_NETWORK)
"""No network can be called so."""


def find_network(connection: sqlite3.Connection, reference: str) -> Network:
    """Return the network.

    Raises:
        NotFound: there is none.
        Ambiguous: several ids begin so.
    """
    return networks.find(connection, _WORDS.get(reference, reference))


def rows_of(
    connection: sqlite3.Connection, filters: Sequence[str], *, only: Iterable[str] = (), whole: bool = False
) -> list[Row]:
    """Return the networks that the filters leave, by name. ``only`` are the filters that the verb knows.

    Raises:
        UsageError: a filter that is not known, or a value that it cannot take.
    """
    members = memberships.names_in(connection)
    rows = [
        Row(network, config_of(network), tuple(members.get(network.id, ())), whole)
        for network in networks.list_all(connection)
    ]
    if filters:
        from quiltctl.commands._network_filters import network_filter

        wanted = network_filter(filters, only=only)
        rows = [row for row in rows if wanted(row)]
    return sorted(rows, key=lambda row: row.network.name)
