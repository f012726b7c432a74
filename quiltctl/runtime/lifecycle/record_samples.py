"""The part of `gc` that writes down what containers use, for `stats --history`."""

from __future__ import annotations

import time

from quiltctl.db import samples
from quiltctl.db.connection import transaction
from quiltctl.runtime.lifecycle.sample import sample

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.sample import Usage

APART_NS = 10_000_000_000
"""What is looked at more often than this is not written down each time: gc may run twice in a row."""
KEPT_NS = 7 * 86_400 * 1_000_000_000


def record(paths: Paths, connection: sqlite3.Connection) -> None:
    """Write a sample of each container that runs, and forget those that are older than a week."""
    usages = sample(paths, connection)
    now = time.time_ns()
    with transaction(connection):
        samples.record(connection, [_row(usage, now) for usage in usages], apart_ns=APART_NS)
        samples.delete_before(connection, now - KEPT_NS)


def _row(usage: Usage, at: int) -> samples.Sample:
    figures = usage.figures
    return samples.Sample(
        container_id=usage.container.id,
        at=at,
        generation=usage.container.generation,
        cpu_ns=figures.cpu_ns,
        memory_bytes=figures.memory_bytes,
        memory_limit_bytes=figures.memory_limit_bytes,
        pids=figures.pids,
        received_bytes=usage.traffic.received_bytes,
        sent_bytes=usage.traffic.sent_bytes,
        read_bytes=figures.read_bytes,
        written_bytes=figures.written_bytes,
    )
