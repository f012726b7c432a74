"""Containers without their programs: real rows, real logs, and `sleep` where the shim would be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from select import select
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import containers
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.runtime import liveness
from quiltctl.runtime.shim.log import Log

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths

QUICK_S = 10


class Box:
    """A container of the test: a row, a log, and `sleep` where the shim would be."""

    def __init__(self, paths: Paths, connection: sqlite3.Connection, name: str, number: int, config: str) -> None:
        self.id = f"{number:x}".ljust(64, "0")
        self.name = name
        self._paths = paths
        self._connection = connection
        with transaction(connection):
            containers.insert(
                connection,
                container_id=self.id,
                name=name,
                image_id=None,
                image_name="busybox",
                command='["true"]',
                config=config,
                auto_remove=False,
                labels={},
            )
        os.makedirs(f"{paths.container(self.id)}/log")
        folder_fd = os.open(f"{paths.container(self.id)}/log", os.O_RDONLY | os.O_DIRECTORY)
        self.log = Log(folder_fd, 2000, 100)
        self.shim: subprocess.Popen[bytes] | None = None
        self.generation = 0

    def start(self) -> None:
        """Bring the row to running, under a new stand-in for the shim."""
        self.shim = subprocess.Popen(["sleep", "1000"])
        started = liveness.start_time(self.shim.pid)
        assert started is not None
        with transaction(self._connection):
            generation = containers.begin_start(
                self._connection,
                self.id,
                shim_pid=self.shim.pid,
                shim_started=started,
                boot_id=liveness.boot_id(),
            )
            assert generation is not None
            self.generation = generation
            self._move("starting", "running", pid=self.shim.pid, pid_started=started, started_at=time.time_ns())

    def end(self, code: int | None) -> None:
        """Write the row as settle does, and let the stand-in die after it."""
        with transaction(self._connection):
            self._move("running", "exited", exit_code=code, exit_reason="exited", finished_at=time.time_ns())
        self.kill_shim()

    def kill_shim(self) -> None:
        """Kill the stand-in and leave the row as it is."""
        if self.shim is not None:
            self.shim.kill()
            self.shim.wait()

    def remove(self) -> None:
        """Delete the row."""
        with transaction(self._connection):
            assert containers.delete(self._connection, self.id, self.generation)

    def _move(self, before: str, after: str, **facts: object) -> None:
        assert containers.move(self._connection, self.id, self.generation, (before,), after, **facts)


@pytest.fixture
def box(quilt_root: Paths) -> Iterator[Callable[..., Box]]:
    """Give a function that makes containers."""
    connection = open_to_write(quilt_root)
    made: list[Box] = []

    def make(name: str, *, running: bool = False, config: str = '{"log_driver": "k8s-file"}') -> Box:
        made.append(Box(quilt_root, connection, name, 10 + len(made), config))
        if running:
            made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.kill_shim()
    connection.close()


class Command:
    """A quiltctl that runs as a process of its own."""

    def __init__(self, root: str, *words: str) -> None:
        command = [sys.executable, "-m", "quiltctl", "--root", root, *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def asleep(self) -> None:
        """Return once it sleeps in poll(2): it has done what it could and waits for something to happen."""
        deadline = time.monotonic() + QUICK_S
        while time.monotonic() < deadline:
            with open(f"/proc/{self.process.pid}/wchan", encoding="ascii") as file:
                if "poll" in file.read():
                    return
            time.sleep(0.005)
        pytest.fail("it does not sleep")

    def read(self) -> bytes:
        """Return what it has written to stdout, as soon as there is something."""
        assert self.process.stdout is not None
        assert select([self.process.stdout], [], [], QUICK_S)[0], "it writes nothing"
        return os.read(self.process.stdout.fileno(), 65536)

    def outcome(self) -> tuple[bytes, bytes, int]:
        """Return what it wrote to stdout and stderr, and its code, once it has ended."""
        out, err = self.process.communicate(timeout=QUICK_S)
        return out, err, self.process.returncode


@pytest.fixture
def run(quilt_root: Paths) -> Iterator[Callable[..., Command]]:
    """Give a function that runs quiltctl with words."""
    begun: list[Command] = []

    def start(*words: str) -> Command:
        begun.append(Command(quilt_root.root, *words))
        return begun[-1]

    yield start
    for command in begun:
        command.process.kill()
        command.process.communicate()
