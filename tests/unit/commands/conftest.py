"""Containers in any state, and verbs called as the command line calls them."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.cli import fast
from quiltctl.cli.line import GLOBALS
from quiltctl.db import containers, images
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.model.document import encode
from quiltctl.model.image import Image, ImageConfig
from quiltctl.model.parameters import Flag, Option, key_of
from quiltctl.model.spec import Spec
from quiltctl.runtime import liveness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths

STARTED_AT = 1_700_000_000 * 10**9
FINISHED_AT = STARTED_AT + 60 * 10**9


@pytest.fixture
def make(quilt_root: Paths) -> Iterator[Callable[..., str]]:
    """Give a function that makes a container of a name in a state, and returns its id.

    ``shim`` is this process, so that it is alive; ``lost=True`` notes one that is dead. ``facts`` go with the last
    move, the rest into the spec.
    """
    connection = open_to_write(quilt_root)
    made = 0

    def make_container(name: str, state: str = "created", *, lost: bool = False, **given: Any) -> str:
        nonlocal made
        made += 1
        container_id: str = given.pop("container_id", f"{made:x}".ljust(64, "0"))
        facts, image_id = given.pop("facts", {}), given.pop("image_id", None)
        wanted = {"image": "debian", "layers": ("a" * 64, "b" * 64), "entrypoint": (), "command": ("sleep", "9")}
        spec = Spec(
            **{**wanted, "id": container_id, "name": name, "image_id": image_id or "", "env": ("A=b",), **given}
        )
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
                _bring_to(container_id, state, facts, lost=lost)
        return container_id

    def _bring_to(container_id: str, state: str, facts: dict[str, Any], *, lost: bool) -> None:
        started = liveness.start_time(os.getpid())
        generation = containers.begin_start(
            connection,
            container_id,
            shim_pid=os.getpid(),
            shim_started=1 if lost or started is None else started,
            boot_id=liveness.boot_id(),
        )
        assert generation == 1
        steps = {"starting": (), "error": ("error",), "running": ("running",)}.get(state, ("running", state))
        known: dict[str, dict[str, Any]] = {
            "running": {"pid": 4242, "pid_started": 7, "started_at": STARTED_AT},
            "exited": {"exit_code": 0, "exit_reason": "exited", "finished_at": FINISHED_AT},
            "error": {"error": "no such file", "exit_reason": "start-failed"},
        }
        before = "starting"
        for step in steps:
            extra = facts if step == steps[-1] else {}
            assert containers.move(connection, container_id, 1, (before,), step, **{**known.get(step, {}), **extra})
            before = step

    yield make_container
    connection.close()


@pytest.fixture
def debian(quilt_root: Paths) -> Image:
    """Store an image with every part of a configuration."""
    config = ImageConfig(
        *(("PATH=/bin",), ("/init",), ("serve",), "web", "/srv", {"a": "b"}, "SIGINT"),
        comment="imported",
        exposed_ports=("80/tcp", "53/udp"),
    )
    made = Image("d" * 64, "", config, ("a" * 64, "b" * 64), 42, 1_700_000_000 * 10**9, "amd64", "/tmp/x.tar")
    connection = open_to_write(quilt_root)
    with transaction(connection):
        connection.executemany(
            "INSERT INTO layers (digest, size_bytes, files, created_at) VALUES (?, 1, 1, 1)",
            [(digest,) for digest in made.layers],
        )
        images.insert(connection, made)
        images.give_name(connection, "localhost/debian:latest", "d" * 64)
    connection.close()
    return made


@pytest.fixture
def call(quilt_root: Paths) -> Callable[..., int]:
    """Give a function that calls a verb with the words of its line and returns the exit code."""

    def call_verb(verb: str, *words: str) -> int:
        module = importlib.import_module(f"quiltctl.commands.{verb}")
        values = fast.read(module.VERB, words)
        assert values is not None
        for parameter in GLOBALS:
            if isinstance(parameter, Flag | Option):
                values.pop(key_of(parameter), None)
        code: int = module.command(quilt_root, **values)
        return code

    return call_verb
