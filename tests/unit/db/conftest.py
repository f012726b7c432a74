"""A real database for each test, and containers in any state in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import containers
from quiltctl.db.connection import open_to_write, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths

BOOT = "11111111-2222-3333-4444-555555555555"
FACTS: dict[str, dict[str, Any]] = {
    "running": {"pid": 41, "pid_started": 410, "started_at": 1_000},
    "paused": {},
    "exited": {"exit_code": 7, "exit_reason": "exited", "finished_at": 2_000},
    "error": {"error": "no such file"},
}
WAYS = {
    "created": (),
    "starting": ("starting",),
    "running": ("starting", "running"),
    "paused": ("starting", "running", "paused"),
    "exited": ("starting", "running", "exited"),
    "error": ("starting", "error"),
}


@pytest.fixture
def connection(quilt_root: Paths) -> Iterator[sqlite3.Connection]:
    """Give a connection that may write, to a database made for this test."""
    opened = open_to_write(quilt_root)
    yield opened
    opened.close()


@pytest.fixture
def add(connection: sqlite3.Connection) -> Callable[..., str]:
    """Give a function that adds the container of a number, brings it into a state and returns its id."""

    def add_container(number: int, state: str = "created", **given: Any) -> str:
        container_id: str = given.pop("container_id", f"{number:064x}")
        wanted = {"name": f"c{number}", "image_id": None, "image_name": "busybox", "command": '["true"]'}
        with transaction(connection):
            containers.insert(
                connection,
                container_id=container_id,
                **{**wanted, "config": "{}", "auto_remove": False, "labels": {}, **given},
            )
        for step in WAYS[state]:
            with transaction(connection):
                move_to(connection, container_id, step)
        return container_id

    return add_container


def move_to(connection: sqlite3.Connection, container_id: str, state: str) -> None:
    """Make one legal move from wherever the container is, with the facts that the state needs."""
    if state == "starting":
        containers.begin_start(connection, container_id, shim_pid=40, shim_started=400, boot_id=BOOT)
        return
    row = connection.execute("SELECT generation, state FROM containers WHERE id = ?", (container_id,)).fetchone()
    containers.move(connection, container_id, row["generation"], (row["state"],), state, **FACTS[state])
