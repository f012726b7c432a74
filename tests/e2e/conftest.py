"""The installed command, as a user runs it, in a root of its own that must be empty of traces afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import quiltctl
from tests.netns import HOST, OUTSIDE, Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Pause = Callable[[], AbstractContextManager[None]]

COMMAND = str(Path(sys.executable).with_name("quiltctl"))
MOUNT = Path("/sys/fs/cgroup")


class Quilt:
    """One root directory, and the command over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.command = COMMAND
        self.environment = {**os.environ, "QUILT_ROOT": str(root)}

    def __call__(
        self, *words: str | Path, stdin: bytes | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end and return what it wrote and its code."""
        done = subprocess.run(
            [self.command, *map(str, words)],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env=self.environment,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def ok(self, *words: str | Path, stdin: bytes | None = None, timeout: float = 60) -> str:
        """Run the command, which must succeed, and return its output without the last line's end."""
        done = self(*words, stdin=stdin, timeout=timeout)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.rstrip("\n")

    def popen(self, *words: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start the command and return it running."""
        return subprocess.Popen([self.command, *map(str, words)], env=self.environment, **options)

    def inspect(self, reference: str) -> dict[str, Any]:
        """Return what inspect says of one container."""
        document: list[dict[str, Any]] = json.loads(self.ok("inspect", reference))
        return document[0]

    def shim_pid(self, reference: str) -> int:
        """Return the pid of a container's shim on the host."""
        rows = json.loads(self.ok("monitor", "ls", "--json"))
        return next(int(row["Pid"]) for row in rows if reference in {row["Container"], row["Name"]})

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        rows: list[dict[str, Any]] = json.loads(self.ok("system", "sql", "--json", query))
        return rows

    def network_traces(self) -> dict[str, list[str]]:
        """Return what is left of networks: interfaces, rules, leases, ports, and tasks that are not done."""
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
        rules = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        leases = self.sql("SELECT ip FROM network_allocations WHERE state <> 'cleaned'")
        return {
            "links": sorted({line.split(": ")[1].partition("@")[0] for line in links} - {"lo", "uplink"}),
            "tables": rules.splitlines(),
            "leases": [row["ip"] for row in leases],
            "ports": [str(row["host_port"]) for row in self.sql("SELECT host_port FROM published_ports")],
            "tasks": [row["resource"] for row in self.sql("SELECT resource FROM open_cleanup WHERE type = 'network'")],
        }

    @staticmethod
    def eventually(check: Callable[[], object], seconds: float = 10) -> None:
        """Wait until a condition holds, and fail when it does not in time."""
        deadline = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < deadline, "it did not come to hold in time"
            time.sleep(0.01)

    def traces(self) -> dict[str, list[str]]:
        """Return what is left in the kernel, on disk and in the database of containers that should be gone."""
        folders = os.listdir(self.root / "containers") if (self.root / "containers").exists() else []
        mounts = [
            line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.root) in line
        ]
        rows = self.sql("SELECT id FROM containers UNION ALL SELECT container_id FROM cleanup_tasks")
        return {
            "folders": folders,
            "cgroups": self.cgroups(),
            "mounts": mounts,
            "rows": [row["id"] for row in rows],
            "processes": processes_of(self.root),
        }

    def cgroups(self) -> list[str]:
        """Return the directories of the cgroups of this root's containers, in whatever hierarchy and scope."""
        from quiltctl.paths import Paths

        tag = Paths(str(self.root)).cgroup
        homes = [(path, names) for path, names, _ in os.walk(MOUNT) if os.path.basename(path) in {tag, f"{tag}.scope"}]
        return [f"{path}/{name}" for path, names in homes for name in names if len(name) == 64]

    def cgroup_file(self, reference: str, name: str) -> Path:
        """Return a file of a container's cgroup, in the hierarchy that has it."""
        own = (Path(folder) for folder in self.cgroups() if folder.endswith(self.inspect(reference)["Id"]))
        return next(folder / name for folder in own if (folder / name).exists())


@pytest.fixture
def other(quilt: Quilt, store: Path) -> Iterator[Quilt]:
    """Give another root on the same host, that of ``quilt``."""
    root = quilt.root.with_name("other")
    subprocess.run(["cp", "-a", store, root], check=True)
    second = Quilt(root)
    yield second
    second("rm", "-f", "-a", timeout=120)
    second("gc")


@pytest.fixture
def outside(quilt: Quilt) -> Iterator[Namespace]:  # noqa: ARG001 (its namespace is the host's)
    """Give what is outside of the host: 192.0.2.2, one wire away from the host's 192.0.2.1."""
    space = Namespace()
    commands = (
        f"link add uplink type veth peer name uplink netns {space.path}",
        f"addr add {HOST}/24 dev uplink",
        "link set uplink up",
    )
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)
    space.ip(f"addr add {OUTSIDE}/24 dev uplink", "link set uplink up")
    subprocess.run(["ip", "route", "add", "default", "via", OUTSIDE], check=True)
    yield space
    space.close()


@pytest.fixture(params=["as it is", "v1 alone"])
def either(quilt: Quilt, tmp_path: Path, request: pytest.FixtureRequest) -> Quilt:
    """Give the command on the cgroups that this host has, and once more where the v2 tree is not mounted beside v1."""
    if request.param == "v1 alone":
        request.getfixturevalue("needs")("hybrid")
        command = tmp_path / "on-v1"
        command.write_text(
            f'#!/bin/sh\nexec unshare --mount sh -c \'umount --lazy {MOUNT}/unified && exec {COMMAND} "$@"\' sh "$@"\n'
        )
        command.chmod(0o755)
        quilt.command = str(command)
    return quilt


@pytest.fixture
def pausing(quilt: Quilt, tmp_path: Path) -> Callable[[str, str], tuple[Quilt, Pause]]:
    """Return a function that gives a command which waits before a line of a module, and the pause: ``with pause():``.

    It is run from a copy of what is installed, in which a FIFO is read at that line. Inside of the ``with`` it waits.
    """

    def make(module: str, line: str) -> tuple[Quilt, Pause]:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        shutil.copytree(Path(quiltctl.__file__).parent, tmp_path / "quiltctl")
        path = tmp_path / "quiltctl" / module
        text, count = re.subn(
            rf"^( +)(?={re.escape(line)})", rf"\1open({str(fifo)!r}).read()\n\1", path.read_text(), flags=re.MULTILINE
        )
        assert count == 1
        path.write_text(text)
        command = tmp_path / "command"
        launch = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom quiltctl.__main__ import main\nmain()\n"
        command.write_text(f"#!{sys.executable} -P\n{launch}")
        command.chmod(0o755)
        paused = Quilt(quilt.root)
        paused.command = str(command)
        return paused, lambda: _pause(fifo)

    return make


@contextlib.contextmanager
def _pause(fifo: Path) -> Iterator[None]:
    opened: list[int] = []

    def is_reached() -> bool:
        with contextlib.suppress(OSError):  # ENXIO: nobody reads it yet
            opened.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        return bool(opened)

    try:
        Quilt.eventually(is_reached)
        yield
    finally:
        for fd in opened:
            os.close(fd)


def processes_of(root: Path) -> list[str]:
    """Return the living processes whose root file system is an overlay below this root, or that are its shims."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if f"upperdir={root}/" in (entry / "mountinfo").read_text(errors="replace"):
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.fixture(scope="session")
def store(rootfs_tar: Path) -> Iterator[Path]:
    """Give a root with the busybox image in it, which each test copies: an import for each would take longer."""
    folder = Path(tempfile.mkdtemp(prefix="quilt-e2e-"))
    quilt = Quilt(folder / "root")
    quilt.ok("image", "import", "--quiet", rootfs_tar, "box")
    yield folder / "root"
    shutil.rmtree(folder)


@pytest.fixture
def quilt(store: Path, own_network: None, request: pytest.FixtureRequest) -> Iterator[Quilt]:  # noqa: ARG001 (it comes first)
    """Give the command over a root of its own with the image ``box``; end what the test has left running."""
    request.getfixturevalue("needs")("root", "overlay", "busybox")
    folder = Path(tempfile.mkdtemp(prefix="quilt-e2e-"))
    subprocess.run(["cp", "-a", store, folder / "root"], check=True)
    quilt = Quilt(folder / "root")
    yield quilt
    quilt("rm", "-f", "-a", timeout=120)
    quilt("gc")
    for pid in processes_of(quilt.root):
        os.kill(int(pid), signal.SIGKILL)
    shutil.rmtree(folder)
