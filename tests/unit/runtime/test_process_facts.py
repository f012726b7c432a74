"""What is read of a process in /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime import process_facts
from quiltctl.runtime.linux import pidfd

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = ") 9\n(x"
PROGRAM = f"import prctl, sys, time; prctl.set_name({NAME!r}); print('up', flush=True); time.sleep(1000)"


@pytest.fixture
def forger() -> Iterator[int]:
    """Start a process whose name looks like the rest of a line in /proc, and give its pid."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.communicate()


def test_name_of_a_process_forges_no_field(forger: int) -> None:
    """Brackets and newlines in a name leave every other field what it is."""
    found = process_facts.read(forger, 0)

    assert found is not None
    assert (found.comm, found.host_pid, found.pid, found.ppid) == (NAME, forger, forger, os.getpid())
    assert found.argv == (sys.executable, "-c", PROGRAM)
    assert found.state in {"R", "S"}
    assert (found.uids, found.gids) == ((os.geteuid(),) * 4, (os.getegid(),) * 4)
    assert (found.pgid, found.nice, found.tty) == (os.getpgid(0), os.nice(0), "?")
    assert 0 < found.resident_bytes < found.virtual_bytes
    assert found.started_ticks == pidfd.start_time(forger)
    assert set(found.capabilities) == {"inh", "prm", "eff", "bnd", "amb"}


def test_time_of_the_processor_is_counted() -> None:
    """What this process has computed is in it, in clock ticks."""
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass

    found = process_facts.read(os.getpid(), 0)

    used = os.times()
    assert found is not None
    assert found.cpu_ticks == pytest.approx((used.user + used.system) * os.sysconf("SC_CLK_TCK"), abs=3)


def test_process_that_has_ended_is_none(forger: int) -> None:
    """Neither a number without a process nor one in too shallow a namespace is a process of the container."""
    gone = subprocess.Popen(["true"])
    gone.wait()

    assert process_facts.read(gone.pid, 0) is None
    assert process_facts.read(forger, 1) is None
    with pytest.raises(ProcessLookupError):
        process_facts.depth(forger, 1)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "?"),
        (0x8803, "pts/3"),
        (0x8901, "pts/257"),
        (0x401, "tty1"),
        (0x441, "ttyS1"),
        (0x501, "console"),
        (0x500, "?"),
    ],
)
def test_terminal_is_named_by_its_number(number: int, name: str) -> None:
    """As the kernel numbers them."""
    assert process_facts._terminal(number) == name  # noqa: SLF001 (no process has such a terminal here)


@pytest.mark.needs("root")
def test_process_with_many_groups_is_read_whole() -> None:
    """What comes after its long list of groups in /proc is known too; of the groups the first 1,024 are."""
    program = "import os, time; os.setgroups(range(10**9, 10**9 + 60000)); print('up', flush=True); time.sleep(1000)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()

    found = process_facts.read(process.pid, 0)

    process.kill()
    process.communicate()
    assert found is not None
    assert (found.pid, found.groups) == (process.pid, tuple(range(10**9, 10**9 + 1024)))
