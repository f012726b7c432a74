"""Which processes belong together, without a cgroup that says so."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.linux import pidfd
from quiltctl.runtime.process_list import Crew, open_root
from tests.containers import this_process

if TYPE_CHECKING:
    from quiltctl.paths import Paths


def crew_of(paths: Paths, first: int, started: int) -> Crew:
    """Return the processes of a container that has no cgroup and the host's PID namespace."""
    return Crew(paths, "0" * 64, first, started, parent="", private=False)


def test_descendants_belong_to_the_first(quilt_root: Paths) -> None:
    """Children and theirs, and nobody else."""
    shell = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    other = subprocess.Popen(["sleep", "1000"])
    assert shell.stdout is not None
    child = int(shell.stdout.readline())
    started = pidfd.start_time(shell.pid)
    assert started is not None

    found = crew_of(quilt_root, shell.pid, started).pids()

    assert found == sorted([shell.pid, child])
    os.kill(child, 9)
    for process in (shell, other):
        process.kill()
        process.communicate()


def test_process_that_ends_while_it_is_looked_at_is_left_out(quilt_root: Paths) -> None:
    """Its number may mean a stranger by then."""
    child = subprocess.Popen(["sleep", "1000"])
    crew = crew_of(quilt_root, *this_process())

    def look(pids: list[int]) -> list[tuple[int, int]]:
        assert {os.getpid(), child.pid} <= set(pids)
        child.kill()
        child.wait()
        return [(pid, pid) for pid in pids]

    found = crew.each(look)

    assert os.getpid() in found
    assert child.pid not in found


def test_first_process_of_another_time_is_nobodys(quilt_root: Paths) -> None:
    """A number that was given anew shows neither the stranger nor its root."""
    pid, started = this_process()

    assert crew_of(quilt_root, pid, started + 1).pids() == []
    with pytest.raises(ProcessLookupError):
        crew_of(quilt_root, pid, started + 1).processes()
    with pytest.raises(ProcessLookupError):
        open_root(pid, started + 1)
