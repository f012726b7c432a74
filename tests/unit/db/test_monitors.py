"""Rows of shims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiltctl.db import containers, monitors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


def test_list_all_shows_the_living_and_on_demand_the_ended(
    connection: sqlite3.Connection, add: Callable[..., str]
) -> None:
    """A shim whose end was recorded is listed only when it is asked for; each row names its container."""
    add(1, "running")
    ended = add(2, "exited")
    containers.end_monitor(connection, ended, 1, "completed", "exit")
    assert [(m.container_name, m.state) for m in monitors.list_all(connection)] == [("c1", "monitoring")]
    listed = [(m.container_name, m.state, m.ended_by) for m in monitors.list_all(connection, ended=True)]
    assert listed == [("c2", "completed", "exit"), ("c1", "monitoring", None)]
