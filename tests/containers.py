"""Containers as the database has them, in any state, and verbs called as the command line calls them."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from quiltctl.cli import fast
from quiltctl.cli.line import GLOBALS
from quiltctl.db import containers
from quiltctl.db.connection import transaction
from quiltctl.model.document import encode
from quiltctl.model.parameters import Flag, Option, key_of
from quiltctl.model.spec import Spec
from quiltctl.runtime import liveness

if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths

STARTED_AT = 1_700_000_000 * 10**9
FINISHED_AT = STARTED_AT + 60 * 10**9
STEPS = {"starting": (), "error": ("error",), "running": ("running",)}
KNOWN: dict[str, dict[str, Any]] = {
    "running": {"pid": 4242, "pid_started": 7, "started_at": STARTED_AT},
    "exited": {"exit_code": 0, "exit_reason": "exited", "finished_at": FINISHED_AT},
    "error": {"error": "no such file", "exit_reason": "start-failed"},
}


def add_container(
    connection: sqlite3.Connection,
    container_id: str,
    name: str,
    state: str,
    *,
    shim: tuple[int, int] | None = None,
    **given: Any,
) -> None:
    """Make a container of a name in a state.

    ``shim`` is a process with its start time; else it is this process, so that it is alive. ``facts`` go with the last
    move, the rest into the spec.
    """
    facts, image_id = given.pop("facts", {}), given.pop("image_id", None)
    wanted = {"image": "debian", "layers": ("a" * 64, "b" * 64), "entrypoint": (), "command": ("sleep", "9")}
    spec = Spec(**{**wanted, "id": container_id, "name": name, "image_id": image_id or "", "env": ("A=b",), **given})
    with transaction(connection):
        containers.insert(
            connection,
            container_id=container_id,
            name=name,
            image_id=image_id,
            image_name=spec.image,
            command=encode(spec.argv),
            config=encode(spec.to_dict()),
            auto_remove=spec.auto_remove,
            labels=spec.labels,
        )
        if state != "created":
            _bring_to(connection, container_id, state, facts, shim or this_process())


def this_process() -> tuple[int, int]:
    """Return the pid and the start time of the process of the tests."""
    started = liveness.start_time(os.getpid())
    assert started is not None
    return os.getpid(), started


def _bring_to(
    connection: sqlite3.Connection, container_id: str, state: str, facts: dict[str, Any], shim: tuple[int, int]
) -> None:
    generation = containers.begin_start(
        connection, container_id, shim_pid=shim[0], shim_started=shim[1], boot_id=liveness.boot_id()
    )
    assert generation == 1
    steps, before = STEPS.get(state, ("running", state)), "starting"
    for step in steps:
        extra = facts if step == steps[-1] else {}
        assert containers.move(connection, container_id, 1, (before,), step, **{**KNOWN.get(step, {}), **extra})
        before = step


def call_verb(paths: Paths, verb: str, *words: str) -> int:
    """Call a verb with the words of its line, and return the exit code."""
    module = importlib.import_module(f"quiltctl.commands.{verb}")
    values = fast.read(module.VERB, words)
    assert values is not None
    for parameter in GLOBALS:
        if isinstance(parameter, Flag | Option):
            values.pop(key_of(parameter), None)
    code: int = module.command(paths, **values)
    return code
