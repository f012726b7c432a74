"""Where systemd owns the v2 tree: containers in a scope that it delegates, which comes and goes with them."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.paths import Paths

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("root", "systemd_cgroups")
NONE = ("--network", "none")
TREE = Path("/sys/fs/cgroup")


def scope(quilt: Quilt, slice_name: str = "system.slice", stem: str = "") -> Path:
    """Return the directory of a root's scope."""
    return TREE / slice_name / f"{Paths(str(quilt.root)).cgroup}{stem}.scope"


def systemctl(*words: str) -> str:
    """Ask systemd something and return what it says."""
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=True).stdout.strip()


def test_scope_comes_with_the_first_container_and_goes_with_the_last(quilt: Quilt) -> None:
    """It is delegated, holds the shims and the containers, and nothing is left for anybody to remove."""
    where = scope(quilt)
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "64m", "--cpus", "0.5", "box", "sleep", "1000")
    assert quilt.inspect("c")["State"]["CgroupPath"] == f"/{where.relative_to(TREE)}/{quilt.inspect('c')['Id']}"
    assert quilt.inspect("c")["HostConfig"]["CgroupManager"] == "systemd"
    assert systemctl("show", "--value", "--property=Delegate", where.name) == "yes"
    assert systemctl("show", "--value", "--property=TasksMax", where.name) == "infinity"
    assert (where / "cgroup.procs").read_text() == ""
    assert (where / "shims" / "cgroup.procs").read_text().split() == [str(quilt.shim_pid("c"))]
    quilt.ok("rm", "-f", "c")
    quilt.eventually(lambda: not where.exists())
    assert systemctl("show", "--value", "--property=LoadState", where.name) == "not-found"


def test_reload_of_systemd_takes_no_limit_away(quilt: Quilt) -> None:
    """Nor do other units that come and go."""
    limits = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0")
    quilt.ok("run", "-d", "--name", "c", *NONE, *limits, "box", "sleep", "1000")
    folder = TREE / quilt.inspect("c")["State"]["CgroupPath"].strip("/")
    files = ("memory.max", "cpu.max", "pids.max", "cpuset.cpus")
    before = [(folder / name).read_text() for name in files]
    systemctl("daemon-reload")
    subprocess.run(["systemd-run", "--quiet", "--scope", "--property=IOWeight=50", "true"], check=True)
    assert [(folder / name).read_text() for name in files] == before
    assert before == ["67108864\n", "50000 100000\n", "50\n", "0\n"]


def test_first_containers_at_once_share_one_scope(quilt: Quilt) -> None:
    """One asks for it; the others wait until it passes controllers on."""
    started = [quilt.popen("run", "-d", *NONE, "box", "sleep", "1000", stdout=-1, stderr=-1) for _ in range(6)]
    told = [one.communicate(timeout=120) for one in started]
    assert [(one.returncode, errors) for one, (_, errors) in zip(started, told, strict=True)] == [(0, b"")] * 6
    ids = [output.decode().strip() for output, _ in told]
    assert [(scope(quilt) / one / "pids.max").read_text() for one in ids] == ["2048\n"] * 6


def test_one_after_the_other_each_finds_its_scope(quilt: Quilt) -> None:
    """The one before is just going when the next is asked for."""
    for number in range(8):
        assert quilt("run", "--rm", *NONE, "box", "sh", "-c", f"exit {number}").returncode == number


def test_containers_are_stopped_with_the_scope(quilt: Quilt) -> None:
    """As at the shutdown of the host: by their stop signals, within their time, and the codes are kept."""
    trap = "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.05; done"
    polite = quilt.ok("run", "-d", "--name", "polite", *NONE, "box", "sh", "-c", trap)
    quilt.ok("run", "-d", "--name", "deaf", "--stop-timeout", "2", *NONE, "box", "sleep", "1000")
    quilt.eventually((quilt.root / "containers" / polite / "upper" / "ready").exists)
    began = time.monotonic()
    systemctl("stop", scope(quilt).name)
    assert time.monotonic() - began < 60  # 90 are what systemd gives a unit that does not end
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "", 60)
    assert quilt.ok("wait", "polite", "deaf").split() == ["9", "137"]
    assert {quilt.inspect(name)["State"]["ExitReason"] for name in ("polite", "deaf")} == {"stopped"}
    quilt.ok("start", "deaf")
    assert quilt.inspect("deaf")["State"]["Running"]


def test_slice_gets_a_scope_of_its_own(quilt: Quilt) -> None:
    """With the shim in it, which keeps it; limits of the slice hold for both."""
    above = f"quilttest{os.urandom(3).hex()}"
    name = f"{above}-job"  # which lies in the other one
    quilt.ok("run", "-d", "--name", "c", *NONE, "--cgroup-parent", f"{name}.slice", "box", "sleep", "1000")
    where = scope(quilt, f"{above}.slice/{name}.slice", f"-{name}")
    state = quilt.inspect("c")
    assert state["State"]["CgroupPath"] == f"/{where.relative_to(TREE)}/{state['Id']}"
    assert Path(f"/proc/{quilt.shim_pid('c')}/cgroup").read_text() == f"0::/{where.relative_to(TREE)}/shims\n"
    assert quilt.ok("exec", "c", "echo", "in") == "in"
    quilt.ok("pause", "c")
    quilt.ok("rm", "-f", "c")
    quilt.eventually(lambda: not where.exists())
    assert quilt.ok("gc") == ""


def test_cgroup_that_is_not_delegated_is_refused(quilt: Quilt) -> None:
    """Before anything is made."""
    done = quilt("run", "--rm", *NONE, "--cgroup-parent", "/system.slice/other", "box", "true")
    assert (done.returncode, "systemd owns that cgroup" in done.stderr) == (125, True)


def test_cgroup_of_a_delegated_unit_is_taken(quilt: Quilt) -> None:
    """The container lies in it; its shim in the usual scope."""
    unit = f"quilttest{os.urandom(3).hex()}.service"
    subprocess.run(["systemd-run", "--quiet", f"--unit={unit}", "--property=Delegate=yes", "sleep", "1000"], check=True)
    try:
        main_pid = systemctl("show", "--value", "--property=MainPID", unit)
        (TREE / "system.slice" / unit / "main").mkdir()
        (TREE / "system.slice" / unit / "main" / "cgroup.procs").write_text(main_pid)
        parent = f"/system.slice/{unit}/jobs"
        quilt.ok(
            "run", "-d", "--name", "c", *NONE, "--memory", "64m", "--cgroup-parent", parent, "box", "sleep", "1000"
        )
        folder = TREE / quilt.inspect("c")["State"]["CgroupPath"].strip("/")
        assert str(folder).startswith(f"{TREE}{parent}/quilt-")
        assert (folder / "memory.max").read_text() == "67108864\n"
        quilt.ok("rm", "-f", "c")
        assert not (TREE / parent.strip("/")).exists()
    finally:
        systemctl("stop", unit)
