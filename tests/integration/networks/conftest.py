"""Verbs that change networks, in a network namespace of the test's own, and containers that run in others."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import containers
from tests.attach import add_app, add_back
from tests.containers import STARTED_AT, add_container, call_verb
from tests.interfaces import Program

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths


class Live(Program):
    """A container that runs: real rows, and a process which is its program and its shim at once."""

    def __init__(self, paths: Paths, connection: sqlite3.Connection, name: str, **given: Any) -> None:
        super().__init__()
        self.id = f"{name.encode().hex()}".ljust(64, "0")
        self.name = name
        facts = {"pid": self.pid, "pid_started": self.started, "started_at": STARTED_AT, **given.pop("facts", {})}
        shim = (self.pid, self.started)
        add_container(connection, self.id, name, "running", shim=shim, facts=facts, network="bridge", **given)
        os.makedirs(paths.container(self.id))
        self._hosts = f"{paths.container(self.id)}/hosts"
        with open(self._hosts, "w", encoding="ascii"):
            pass

    def hosts(self) -> list[str]:
        """Return the lines of its /etc/hosts."""
        with open(self._hosts, encoding="ascii") as file:
            return file.read().splitlines()


@pytest.fixture(autouse=True)
def _away_from_the_machine(own_network: None) -> None:
    """Enter the test's own network namespace first of all.

    A mark of the module would do it after the fixtures that a test's own marks ask for, and those change networks.
    """


@pytest.fixture
def start(quilt_root: Paths, database: sqlite3.Connection) -> Iterator[Callable[..., Live]]:
    """Give a function that starts a container of a name, which ends with the test."""
    started: list[Live] = []

    def start_container(name: str, **given: Any) -> Live:
        started.append(Live(quilt_root, database, name, **given))
        return started[-1]

    yield start_container
    for each in started:
        each.end()


@pytest.fixture
def create(database: sqlite3.Connection) -> Callable[..., str]:
    """Give a function that makes a container of a name that does not run, and returns its id."""

    def create_container(name: str, state: str = "exited") -> str:
        container_id = f"{name.encode().hex()}".ljust(64, "0")
        add_container(database, container_id, name, state, network="bridge")
        assert containers.get(database, container_id) is not None
        return container_id

    return create_container


@pytest.fixture
def call(quilt_root: Paths) -> Callable[..., int]:
    """Give a function that calls a verb with the words of its line and returns the exit code."""
    return partial(call_verb, quilt_root)


@pytest.fixture
def app(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give the network app, 10.7.0.0/24 and fd00:7::/64."""
    return add_app(quilt_root, database)


@pytest.fixture
def back(quilt_root: Paths, database: sqlite3.Connection) -> Network:
    """Give the network back, 10.8.0.0/24, behind whose policy there is one destination alone."""
    return add_back(quilt_root, database)
