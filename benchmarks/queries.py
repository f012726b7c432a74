"""How long the database takes with 1,000 containers in it, without any process around."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from quiltctl.db import containers
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTAINERS = 1000
CONFIG = '{"env": ["' + "X" * 4000 + '"]}'
"""As long as the options of a container are."""


def measure(scratch: Path, repeat: int) -> dict[str, list[int]]:
    """Return, by row, the nanoseconds of each repetition."""
    paths = Paths(str(scratch / "queries"))
    _fill(paths)
    reader = open_to_read(paths)
    acts: dict[str, Callable[[], object]] = {
        "query-list": lambda: reader.execute("SELECT id, name, state, exit_code FROM containers").fetchall(),
        "query-values": lambda: containers.list_all(reader),
        "query-running": lambda: reader.execute("SELECT count(*) FROM containers WHERE state = 'running'").fetchone(),
        "query-name": lambda: containers.find(reader, "c500"),
        "query-prefix": lambda: containers.find(reader, f"{500:08x}"),
    }
    return {row: [_timed(act) for _ in range(repeat)] for row, act in acts.items()}


def _fill(paths: Paths) -> None:
    with transaction(connection := open_to_write(paths)):
        for number in range(CONTAINERS):
            containers.insert(
                connection,
                container_id=f"{number:08x}".ljust(64, "0"),
                name=f"c{number}",
                image_id=None,
                image_name="busybox",
                command='["sleep", "100000"]',
                config=CONFIG,
                auto_remove=False,
                labels={"job": str(number)},
            )
            containers.begin_start(connection, f"{number:08x}".ljust(64, "0"), shim_pid=1, shim_started=1, boot_id="b")


def _timed(act: Callable[[], object]) -> int:
    begun = time.perf_counter_ns()
    act()
    return time.perf_counter_ns() - begun
