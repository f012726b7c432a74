"""Containers in any state, and verbs called as the command line calls them."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import images
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.model.image import Image, ImageConfig
from tests.containers import add_container, call_verb, this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths


@pytest.fixture
def make(quilt_root: Paths) -> Iterator[Callable[..., str]]:
    """Give a function that makes a container of a name in a state, and returns its id.

    The shim is this process, so that it is alive; ``lost=True`` notes one that is dead. ``facts`` go with the last
    move, the rest into the spec.
    """
    connection = open_to_write(quilt_root)
    made = 0

    def make_container(name: str, state: str = "created", *, lost: bool = False, **given: Any) -> str:
        nonlocal made
        made += 1
        container_id: str = given.pop("container_id", f"{made:x}".ljust(64, "0"))
        add_container(connection, container_id, name, state, shim=(os.getpid(), 1) if lost else None, **given)
        return container_id

    yield make_container
    connection.close()


@pytest.fixture
def run(make: Callable[..., str]) -> Callable[..., str]:
    """Give a function that makes a container whose program and shim are this process."""
    pid, started = this_process()

    def make_running(name: str, state: str = "running", **facts: Any) -> str:
        return make(name, state, facts={"pid": pid, "pid_started": started, **facts})

    return make_running


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
    return partial(call_verb, quilt_root)
