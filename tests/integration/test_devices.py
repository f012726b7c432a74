"""What a cgroup lets its processes do with devices, asked of the kernel: by its v1 controller and by our program."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.model.device import DeviceRule, parse_rule
from quiltctl.runtime import devices
from quiltctl.runtime.cgroup.layout import MOUNT, find_layout
from quiltctl.runtime.device_program import assemble
from quiltctl.runtime.linux import bpf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("root")

INMATE = """
import os, sys
with open(sys.argv[1], "w") as file:
    file.write("0")
print("inside", flush=True)
for line in sys.stdin:
    act, path, flags, device = line.split()
    try:
        if act == "open":
            os.close(os.open(path, int(flags)))
        elif act == "mknod":
            os.mknod(path, int(flags), int(device))
            os.unlink(path)
        elif not os.access(path, int(flags)):
            raise PermissionError(1, "no")
        print(0, flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""
"""A process in a cgroup that does what it is told and answers with the errno. access(2) asks the cgroup as open does,
but the driver of the device, which may be a watchdog, hears nothing of it."""


class Cell:
    """A cgroup of the test in one hierarchy, and device nodes to try in it."""

    def __init__(self, kind: str, folder: Path, name: str) -> None:
        self.kind = kind
        self.folder = folder
        mount = f"{MOUNT}/devices" if kind == "v1" else find_layout().unified
        self.directory = f"{mount}/{name}"
        os.mkdir(self.directory)
        self.fd = os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.below = f"{self.directory}/below"
        self.inmates: list[subprocess.Popen[str]] = []

    def limit(self, rules: Iterable[DeviceRule]) -> None:
        """Limit it by the code under test."""
        if self.kind == "v1":
            devices.limit_v1(self.directory, rules)
        else:
            devices.limit_v2(self.fd, rules)

    def enter(self, directory: str = "") -> None:
        """Bring a process in, or in a cgroup below."""
        procs = f"{directory or self.directory}/{'tasks' if self.kind == 'v1' else 'cgroup.procs'}"
        command = [sys.executable, "-S", "-c", INMATE, procs]
        self.inmates.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert self._told() == "inside"

    def ask(self, act: str, path: str, flags: int, device: int = 0) -> int:
        """Have the process that came last do something; return the errno, or 0."""
        stdin = self.inmates[-1].stdin
        assert stdin is not None
        print(act, path, flags, device, file=stdin, flush=True)
        return int(self._told())

    def node(self, kind: str, major: int, minor: int) -> str:
        """Return a device node with these numbers, made from outside."""
        path = f"{self.folder}/{kind}-{major}-{minor}"
        if not os.path.exists(path):
            os.mknod(path, 0o666 | (stat.S_IFCHR if kind == "c" else stat.S_IFBLK), os.makedev(major, minor))
        return path

    def open(self, kind: str, major: int, minor: int, flags: int = os.O_RDONLY) -> int:
        """Open such a node inside; return the errno, or 0."""
        return self.ask("open", self.node(kind, major, minor), flags | os.O_NONBLOCK | os.O_NOCTTY)

    def allows(self, kind: str, major: int, minor: int, access: str) -> bool:
        """Return whether the kernel lets the process inside have this access, without opening the device."""
        if access == "m":
            mode = 0o600 | (stat.S_IFCHR if kind == "c" else stat.S_IFBLK)
            return not self.ask("mknod", f"{self.folder}/new", mode, os.makedev(major, minor))
        wanted = (os.R_OK if "r" in access else 0) | (os.W_OK if "w" in access else 0)
        return not self.ask("access", self.node(kind, major, minor), wanted)

    def close(self) -> None:
        """Let the processes end, and remove the cgroup and, if a test made one, that below."""
        while self.inmates:
            self.inmates.pop().communicate()
        os.close(self.fd)
        if os.path.exists(self.below):
            os.rmdir(self.below)
        os.rmdir(self.directory)

    def _told(self) -> str:
        stdout = self.inmates[-1].stdout
        assert stdout is not None
        return stdout.readline().strip()


def make_cell(kind: str, folder: Path) -> Cell:
    """Return a cell, or skip: no host limits devices in both ways but a hybrid one."""
    if not os.path.exists(f"{MOUNT}/devices/devices.allow" if kind == "v1" else find_layout().unified):
        pytest.skip(f"this host has no {kind} hierarchy for devices")
    if os.statvfs(folder).f_flag & os.ST_NODEV:
        pytest.skip(f"{folder} is mounted nodev")
    return Cell(kind, folder, f"quilt-test-{os.getpid()}")


@pytest.fixture(params=["v1", "v2"])
def cell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cell]:
    """Give a cgroup of each hierarchy."""
    made = make_cell(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def cell_v1(tmp_path: Path) -> Iterator[Cell]:
    """Give a cgroup of the v1 controller."""
    made = make_cell("v1", tmp_path)
    yield made
    made.close()


@pytest.fixture
def cell_v2(tmp_path: Path) -> Iterator[Cell]:
    """Give a cgroup of the v2 tree."""
    made = make_cell("v2", tmp_path)
    yield made
    made.close()


def test_default_devices_open_and_others_do_not(cell: Cell) -> None:
    """Null and its like open for both; the log, the memory and a disk of the host do not, and any node can be made."""
    cell.limit(devices.DEFAULT_RULES)
    cell.enter()
    for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9)):
        assert (major, minor, cell.open("c", major, minor, os.O_RDWR)) == (major, minor, 0)
    os.close(os.open(cell.node("c", 1, 11), os.O_RDONLY | os.O_NONBLOCK))  # outside it does
    for kind, major, minor in (("c", 1, 11), ("c", 1, 1), ("c", 10, 237), ("b", 7, 0), ("b", 1, 3)):
        assert (major, minor, cell.open(kind, major, minor)) == (major, minor, errno.EPERM)
        assert cell.allows(kind, major, minor, "m")
    # Here is no terminal, nor a devpts beside the node, for these to open; but the cgroup is not what says no.
    assert all(cell.allows("c", major, minor, "rw") for major, minor in ((5, 0), (5, 1), (5, 2), (136, 4095)))


def test_access_is_no_wider_than_its_rule(cell: Cell) -> None:
    """To read is not to write; two rules for one device count together."""
    cell.limit([parse_rule("c 1:3 r")])
    cell.enter()
    opened = [cell.open("c", 1, 3, flags) for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)]
    assert opened == [0, errno.EPERM, errno.EPERM]
    assert not cell.allows("c", 1, 3, "m")
    cell.limit([parse_rule("c 1:3 r"), parse_rule("c 1:3 w")])
    assert cell.open("c", 1, 3, os.O_RDWR) == 0
    cell.limit([parse_rule("c 1:3 r"), parse_rule("c 1:* w")])
    assert cell.open("c", 1, 3, os.O_RDWR) == errno.EPERM


def test_second_limit_replaces_the_first(cell: Cell) -> None:
    """A cgroup that is used again has the new rules alone: nothing stays open, nothing stays shut."""
    cell.limit([parse_rule("c 1:3 rwm")])
    cell.limit([parse_rule("c 1:5 rwm")])
    cell.enter()
    assert [cell.open("c", 1, minor) for minor in (3, 5)] == [errno.EPERM, 0]
    cell.limit([devices.EVERYTHING])
    assert cell.open("c", 1, 11) == 0
    cell.limit(())
    assert cell.open("c", 1, 3) == errno.EPERM


def test_v1_refuses_more_than_above(cell_v1: Cell) -> None:
    """The error names the file and the rule, and what was allowed before the rule stays so."""
    cell_v1.limit([parse_rule("c 1:3 rw")])
    os.mkdir(cell_v1.below)
    with pytest.raises(PermissionError) as caught:
        devices.limit_v1(cell_v1.below, [parse_rule("c 1:3 r"), parse_rule("c 1:5 r")])
    assert caught.value.filename == f"{cell_v1.below}/devices.allow c 1:5 r"
    cell_v1.enter(cell_v1.below)
    assert [cell_v1.open("c", 1, minor) for minor in (3, 5)] == [0, errno.EPERM]


def test_v2_has_one_program(cell_v2: Cell) -> None:
    """The former one is let go of, also where there were several."""
    cell_v2.limit(devices.DEFAULT_RULES)
    former = bpf.attached(cell_v2.fd, bpf.CGROUP_DEVICE)
    stranger_fd = bpf.load(bpf.PROG_TYPE_CGROUP_DEVICE, assemble(()), "stranger")
    bpf.attach(cell_v2.fd, stranger_fd, bpf.CGROUP_DEVICE)
    os.close(stranger_fd)
    assert len(bpf.attached(cell_v2.fd, bpf.CGROUP_DEVICE)) == 2
    cell_v2.limit(devices.DEFAULT_RULES)
    assert len(bpf.attached(cell_v2.fd, bpf.CGROUP_DEVICE)) == 1
    assert bpf.attached(cell_v2.fd, bpf.CGROUP_DEVICE) != former


def test_v2_program_below_opens_nothing(cell_v2: Cell) -> None:
    """What an engine inside the container allows to its own is no more than the container has."""
    cell_v2.limit(devices.DEFAULT_RULES)
    os.mkdir(cell_v2.below)
    below_fd = os.open(cell_v2.below, os.O_PATH | os.O_CLOEXEC)
    devices.limit_v2(below_fd, [devices.EVERYTHING])
    os.close(below_fd)
    cell_v2.enter(cell_v2.below)
    assert cell_v2.open("c", 1, 3) == 0
    assert cell_v2.open("c", 1, 11) == errno.EPERM


def test_v2_program_that_is_wrong_is_explained_by_the_verifier() -> None:
    """The error says call, errno and what the kernel's verifier found."""
    with pytest.raises(OSError, match=r"bpf BPF_PROG_LOAD wrong: .*R0 !read_ok"):
        bpf.load(bpf.PROG_TYPE_CGROUP_DEVICE, b"\x95" + bytes(7), "wrong")


def test_v2_takes_as_many_rules_as_it_says(cell_v2: Cell) -> None:
    """The verifier's work grows with the rules, not with their square; what is too much is said."""
    most = [DeviceRule("c", minor % 3 or None, minor, "r") for minor in range(4096)]
    cell_v2.limit(most)
    cell_v2.enter()
    assert cell_v2.allows("c", 1, 4090, "r")
    assert not cell_v2.allows("c", 1, 4091, "r")
    with pytest.raises(UsageError, match="more than 4096 rules"):
        cell_v2.limit([*most, most[0]])


# Few numbers, so that rules overlap; none is 0:0, which is no device and about which the kernel asks nobody.
NUMBER = st.sampled_from([None, 1, 3])
ACCESS = st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm"])
RULE = st.builds(DeviceRule, st.sampled_from("bc"), NUMBER, NUMBER, ACCESS)
RULES = st.lists(RULE, max_size=8) | st.just([devices.EVERYTHING])
ASKED = [
    (kind, major, minor, access)
    for kind in "bc"
    for major in (1, 3, 7)
    for minor in (1, 3, 7)
    for access in ("r", "w", "rw", "m")
]


def says_yes(rules: list[DeviceRule], kind: str, major: int, minor: int, access: str) -> bool:
    """Return what rules mean: those for the same devices are one, and one must allow the whole access."""
    merged: dict[tuple[str, int | None, int | None], set[str]] = {}
    for rule in rules:
        merged.setdefault((rule.kind, rule.major, rule.minor), set()).update(rule.access)
    return any(
        rule_kind == "a"
        or (
            rule_kind == kind and rule_major in {None, major} and rule_minor in {None, minor} and set(access) <= letters
        )
        for (rule_kind, rule_major, rule_minor), letters in merged.items()
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=RULES)
@example(rules=[DeviceRule("c", None, 3, "r"), DeviceRule("c", 1, 3, "w"), DeviceRule("c", None, 1, "m")])
def test_kernel_reads_rules_as_a_plain_model_does(cell: Cell, rules: list[DeviceRule]) -> None:
    """For any rules, on either hierarchy, each time replacing the rules before."""
    if not cell.inmates:
        cell.enter()
    cell.limit(rules)
    assert {each: cell.allows(*each) for each in ASKED} == {each: says_yes(rules, *each) for each in ASKED}
