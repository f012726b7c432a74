"""How often things have happened: counted from ``events``, and from what is remembered of those that were forgotten.

A counter must not fall, since whoever watches it takes a fall for a new start and counts all of it anew. So what is
deleted from ``events`` is added to rows of ``meta``, in the same transaction.
"""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

_EXITS = "exits:"
_OOM_KILLS = "oom:"

# What is counted, and how often it happened. An end is told as died, or as failed where the program never ran.
_IN_EVENTS = """
SELECT iif(action = 'oom', 'oom:' || object_id, 'exits:' || coalesce(attributes ->> '$.reason', '')) AS what,
       sum(iif(action = 'oom', coalesce(attributes ->> '$.kills', 1), 1)) AS times
FROM events WHERE kind = 'container' AND action IN ('died', 'failed', 'oom')
"""
_ADD = " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER)"
_OF_REMOVED = "key GLOB 'tally:oom:?*' AND substr(key, 11) NOT IN (SELECT id FROM containers)"


class Tallies(Value):
    """Ends of containers by reason, and processes killed for memory by container id; of removed ones it may be ""."""

    exits: dict[str, int]
    oom_kills: dict[str, int]


def count(connection: sqlite3.Connection) -> Tallies:
    """Return how often it all happened, since the database was made."""
    rows = connection.execute(
        f"{_IN_EVENTS} GROUP BY what UNION ALL"  # noqa: S608 (no outside word in it, as below)
        " SELECT substr(key, 7), CAST(value AS INTEGER) FROM meta WHERE key GLOB 'tally:*'"
    )
    found: dict[str, dict[str, int]] = {_EXITS: {}, _OOM_KILLS: {}}
    for what, times in rows:
        kind, _, name = what.partition(":")
        tally = found[f"{kind}:"]
        tally[name] = tally.get(name, 0) + times
    return Tallies(found[_EXITS], found[_OOM_KILLS])


def keep(connection: sqlite3.Connection, before: int) -> None:
    """Remember what is counted of the events from before a moment, which are about to be deleted."""
    connection.execute(
        f"INSERT INTO meta (key, value) SELECT 'tally:' || what, times FROM ({_IN_EVENTS} AND at < ? GROUP BY what)"  # noqa: S608
        f" WHERE true{_ADD}",
        (before,),
    )
    # Of removed containers the sum is enough, or there would be more and more rows.
    connection.execute(
        "INSERT INTO meta (key, value) SELECT 'tally:oom:', sum(CAST(value AS INTEGER)) FROM meta"  # noqa: S608
        f" WHERE {_OF_REMOVED} HAVING count(*) > 0{_ADD}"
    )
    connection.execute(f"DELETE FROM meta WHERE {_OF_REMOVED}")  # noqa: S608
