"""Updates of limits that were cut short, among many containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiltctl.db import configs, containers
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle import update_limits

if TYPE_CHECKING:
    from pathlib import Path


def test_unfinished_updates_are_found_by_as_many_queries_for_many_as_for_one(tmp_path: Path) -> None:
    """Each query reads the options of all containers."""
    connection = open_to_write(Paths(str(tmp_path / "root")))
    ids = [f"{number:064x}" for number in range(20)]
    with transaction(connection):
        for number, container_id in enumerate(ids):
            containers.insert(
                connection,
                container_id=container_id,
                name=f"c{number}",
                image_id=None,
                image_name="box",
                command="[]",
                config="{}",
                auto_remove=False,
                labels={},
            )
        configs.set_option(connection, ids[7], "update", {"files": []})
    queries: list[str] = []
    connection.set_trace_callback(queries.append)

    found = update_limits.unfinished(connection)

    assert [container.id for container in found] == [ids[7]]
    assert len(queries) <= 2
