"""Figures of a real cgroup, made for the test in each hierarchy of this host, against the kernel's own files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.model.figures import NOTHING
from quiltctl.runtime import host
from quiltctl.runtime.cgroup.figures import Reader
from quiltctl.runtime.cgroup.layout import Layout, find_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_BYTES = 48 << 20
LIMIT_BYTES = 256 << 20
WORK = f"""
import sys, time
sys.stdin.readline()
held = bytearray(b"x") * {HELD_BYTES}
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
print("ready", flush=True)
sys.stdin.readline()
"""

pytestmark = pytest.mark.needs("root")


class Group:
    """A cgroup of one path in every hierarchy, with a process in it that has worked and holds memory."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.path = f"quilttest-{uuid.uuid4().hex[:12]}"
        self.directories = [Path(mount) / self.path for mount in layout.hierarchies if not mount.endswith("/cpuset")]
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self) -> None:
        """Make the cgroup, bring the process into it, and wait until it has worked."""
        for directory in self.directories:
            directory.mkdir()
        memory = Path(self.layout.directory("memory", self.path) or "/nonexistent")
        for name in ("memory.limit_in_bytes", "memory.max"):
            if (memory / name).exists():
                (memory / name).write_text(str(LIMIT_BYTES))
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(self.process.pid))
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"

    def end(self) -> None:
        """End the process and remove the cgroup, which takes the kernel a moment."""
        self.process.kill()
        self.process.communicate()
        for directory in self.directories:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    directory.rmdir()
                if not directory.exists():
                    break
                time.sleep(0.01)

    def number(self, controller: str, *names: str) -> int:
        """Return the number in the first of these files that there is."""
        directory = Path(self.layout.directory(controller, self.path))
        return int(next((directory / name).read_text() for name in names if (directory / name).exists()))


@pytest.fixture
def group() -> Iterator[Group]:
    """Give a cgroup with a process in it; where systemd owns the tree there is none for us."""
    layout = find_layout()
    if layout.is_unified and os.path.isdir("/run/systemd/system"):
        pytest.skip("systemd owns the cgroups of this host")
    made = Group(layout)
    try:
        made.begin()
        yield made
    finally:
        made.end()


def test_figures_of_a_real_cgroup_are_the_kernels(group: Group) -> None:
    """Within a per cent: the process waits, so nothing changes between the two looks."""
    figures = Reader(group.layout, host.memory().total_bytes).read(group.path)

    used = group.number("memory", "memory.current", "memory.usage_in_bytes")
    assert figures.memory_bytes is not None
    assert figures.cache_bytes is not None
    assert figures.memory_bytes + figures.cache_bytes == pytest.approx(used, rel=0.01)
    assert HELD_BYTES < figures.memory_bytes < 2 * HELD_BYTES
    assert figures.memory_limit_bytes == LIMIT_BYTES
    assert (figures.pids, figures.oom_kills) == (group.number("pids", "pids.current"), 0)
    assert figures.cpu_ns is not None
    assert 300_000_000 < figures.cpu_ns < 10_000_000_000
    assert figures.user_ns is not None
    assert figures.system_ns is not None
    assert figures.user_ns + figures.system_ns == pytest.approx(figures.cpu_ns, rel=0.01)
    assert figures.read_bytes is not None


def test_time_is_the_same_by_every_hierarchy_that_counts_it(group: Group) -> None:
    """The v2 tree and cpuacct count the same process, where a host has both."""
    layout = group.layout
    if not layout.unified or "cpuacct" not in layout.v1:
        pytest.skip("this host counts time once")
    total = host.memory().total_bytes

    both, v1_alone = (Reader(one, total).read(group.path).cpu_ns for one in (layout, Layout("", (), layout.v1)))

    assert both == pytest.approx(v1_alone, rel=0.05)


def test_figures_of_a_removed_cgroup_are_nothing(group: Group) -> None:
    """A container that ends between two looks is no error."""
    reader = Reader(group.layout, host.memory().total_bytes)
    group.end()

    assert reader.read(group.path) == NOTHING
