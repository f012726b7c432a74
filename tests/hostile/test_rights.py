"""What options give and take: capabilities, the filter, devices, limits, kernel parameters; and nothing beside."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.hostile.probes import NONE, NOTHING

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

RIGHTS = ("grep", "-E", "^(Cap|NoNewPrivs|Seccomp:)", "/proc/self/status")
DEFAULT = 0x800405FB
CHOWN, NET_RAW, SYS_ADMIN = 1 << 0, 1 << 13, 1 << 21


def rights(quilt: Quilt, *words: str) -> dict[str, int]:
    """Return the capability sets and the two switches of a program, by the command that runs it."""
    lines = (line.split() for line in quilt.ok(*words, *RIGHTS).splitlines())
    return {name.rstrip(":"): int(value, 16) for name, value in lines}


@pytest.mark.needs("libseccomp")
@pytest.mark.parametrize(
    ("flags", "capabilities", "confined"),
    [
        ((), DEFAULT, (1, 2)),
        (("--cap-drop", "ALL"), 0, (1, 2)),
        (("--cap-drop", "chown"), DEFAULT - CHOWN, (1, 2)),
        (("--cap-add", "CAP_NET_RAW,sys_admin"), DEFAULT + NET_RAW + SYS_ADMIN, (1, 2)),
        (("--cap-drop", "ALL", "--cap-add", "NET_RAW"), NET_RAW, (1, 2)),
        (("--security-opt", "seccomp=unconfined"), DEFAULT, (1, 0)),
        (("--security-opt", "no-new-privileges=false"), DEFAULT, (0, 2)),
        (("--privileged",), None, (0, 0)),
        (("--userns", "host"), DEFAULT, (1, 2)),
    ],
)
def test_rights_are_the_same_by_both_ways_in(
    quilt: Quilt, flags: tuple[str, ...], capabilities: int | None, confined: tuple[int, int]
) -> None:
    """What `run` was told holds for its program and for that of `exec`; nothing is ever inherited or ambient.

    Seen red with the confinement of `exec` made from the defaults.
    """
    if capabilities is None:
        capabilities = (1 << int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1) - 1
    sets = dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), capabilities)
    expected = {"CapInh": 0, **sets, "CapAmb": 0, "NoNewPrivs": confined[0], "Seccomp": confined[1]}
    assert rights(quilt, "run", "--rm", *NONE, *flags, "box") == expected
    quilt.ok("run", "-d", "--name", "c", *NONE, *flags, "box", "sleep", "1000")
    assert rights(quilt, "exec", "c") == expected
    nobody = {**expected, "CapPrm": 0, "CapEff": 0}
    assert rights(quilt, "exec", "-u", "5", "c") == nobody


@pytest.mark.parametrize("words", [("--cap-add", "NO_SUCH"), ("--cap-drop", ""), ("--cap-add", "CAP_CAP_CHOWN")])
def test_capability_that_is_none_is_refused(quilt: Quilt, words: tuple[str, str]) -> None:
    """A word that means nothing is told, and nothing is run with less or more than was meant.

    Seen red with unknown words passed over.
    """
    done = quilt("run", "--rm", *NONE, *words, "box", "true")
    assert (done.returncode, quilt.traces()) == (125, NOTHING), done


def profile(folder: Path, **changed: Any) -> str:
    """Write a profile that lets all through but what ``changed`` says, and return the option's value."""
    path = folder / "profile.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", **changed}))
    return f"seccomp={path}"


DENY_MKDIR = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]


@pytest.mark.needs("libseccomp")
def test_profile_from_a_file_is_kept(quilt: Quilt, tmp_path: Path) -> None:
    """What it denies is denied to the program, to `exec`, and after a restart without the file.

    Seen red with the default profile in its place.
    """
    option = profile(tmp_path, syscalls=DENY_MKDIR)
    run = ("run", "-d", "--name", "c", "--stop-timeout", "0", *NONE, "--security-opt", option)
    quilt.ok(*run, "box", "sh", "-c", "mkdir /x || echo denied; sleep 1000")
    (tmp_path / "profile.json").unlink()
    for _ in range(2):
        made = quilt("exec", "c", "mkdir", "/y")
        assert (made.returncode, "not supported" in made.stderr) == (1, True), made
        quilt.ok("stop", "c")
        quilt.ok("start", "c")
    assert quilt("logs", "c").stdout == "denied\n" * 3


@pytest.mark.needs("libseccomp")
@pytest.mark.parametrize(
    "changed",
    [
        {"defaultAction": "SCMP_ACT_NOTHING"},
        {"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]},
        {"syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]},
        {"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "exclude": {"caps": ["CAP_CHOWN"]}}]},
        {"syscalls": 5},
    ],
)
def test_profile_that_is_none_is_refused(quilt: Quilt, tmp_path: Path, changed: dict[str, Any]) -> None:
    """A mistake in a profile is told, and nothing is run without it.

    Seen red with a profile that cannot be read as none at all.
    """
    done = quilt("run", "--rm", *NONE, "--security-opt", profile(tmp_path, **changed), "box", "true")
    assert (done.returncode, "seccomp profile" in done.stderr, quilt.traces()) == (125, True, NOTHING), done


@pytest.fixture
def loop() -> os.stat_result:
    """Return what stat says of a device that is nobody's by default and can be opened without a consequence."""
    path = Path("/dev/loop-control")
    if not path.exists():
        pytest.skip("this host has no /dev/loop-control")
    return path.stat()


@pytest.mark.parametrize("userns", ["auto", "host"])
def test_device_gives_what_was_said_and_no_more(quilt: Quilt, loop: os.stat_result, userns: str) -> None:
    """A device passed to be read cannot be written, also by a node that the container makes itself.

    Seen red with every rule for a passed device as rwm.
    """
    number = f"{os.major(loop.st_rdev)} {os.minor(loop.st_rdev)}"
    script = (
        f"mknod /again c {number}; for f in /dev/given /again; do [ -c $f ] || continue;"
        " (: < $f) && echo read; (: > $f) && echo written; done; true"
    )
    flags = ("--userns", userns, "--cap-add", "MKNOD", "--device", "/dev/loop-control:/dev/given:r")
    done = quilt("run", "--rm", *NONE, *flags, "box", "sh", "-c", f"{{ {script}; }} 2>/dev/null")
    assert done.stdout.split() == ["read"] * (2 if userns == "host" else 1)
    assert quilt("run", "--rm", *NONE, *flags[:-2], "box", "ls", "/dev/given").returncode == 1


def test_device_rule_opens_what_it_says(quilt: Quilt, loop: os.stat_result) -> None:
    """By number, where the container may make nodes: that one, to be read, and not its neighbour.

    Seen red with the rules left out, and with every rule for all numbers.
    """
    major, minor = os.major(loop.st_rdev), os.minor(loop.st_rdev)
    script = (
        f"for n in 227 228 229 234 235 {minor}; do rm -f /n; mknod /n c {major} $n;"
        " (: < /n) && echo read $n; (: > /n) && echo written $n; done; true"
    )
    flags = ("--userns", "host", "--cap-add", "MKNOD", "--device-cgroup-rule", f"c {major}:{minor} r")
    done = quilt("run", "--rm", *NONE, *flags, "box", "sh", "-c", f"{{ {script}; }} 2>/dev/null")
    assert done.stdout.splitlines() == [f"read {minor}"]


def test_limits_are_exact_and_cannot_be_raised(quilt: Quilt) -> None:
    """A limit is as it was said, for `exec` as well, and root inside does not raise it.

    Seen red with the limits of `exec` left out.
    """
    run = ("run", "-d", "--name", "c", *NONE, "--ulimit", "nofile=100:200", "--ulimit", "core=0")
    quilt.ok(*run, "box", "sleep", "1000")
    script = (
        "ulimit -Sn; ulimit -Hn; ulimit -n 201 2>/dev/null || echo kept; ulimit -c unlimited 2>/dev/null || echo kept"
    )
    assert quilt.ok("exec", "c", "sh", "-c", script).split() == ["100", "200", "kept", "kept"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--sysctl", "kernel.core_pattern=|/x"), "it would change the whole host"),
        (("--sysctl", "vm.overcommit_memory=1"), "it would change the whole host"),
        (("--sysctl", "fs.file-max=5"), "it would change the whole host"),
        (("--sysctl", "kernel.hostname=x"), "as a sysctl"),
        (("--sysctl", "net.ipv4/../../kernel/core_pattern=x"), "invalid sysctl"),
        (("--sysctl", "net/../kernel/core_pattern=x"), "invalid sysctl"),
        (("--sysctl", "net..ipv4.ip_forward=1"), "invalid sysctl"),
        (("--sysctl", "net.ipv4.ip_forward=1", "--network", "host"), "not the container's own"),
        (("--sysctl", "kernel.shmmax=5", "--ipc", "host"), "not the container's own"),
        (("--sysctl", "fs.mqueue.msg_max=5", "--ipc", "host"), "not the container's own"),
        (("--sysctl", "kernel.domainname=x", "--uts", "host"), "not the container's own"),
    ],
)
def test_parameter_of_the_host_is_refused(quilt: Quilt, flags: tuple[str, ...], reason: str) -> None:
    """What would change the whole host, or a namespace that is not the container's, is told, and stays as it is.

    Seen red with the check of the namespace left out.
    """
    done = quilt("run", "--rm", *flags, "box", "true")
    assert (done.returncode, reason in done.stderr, quilt.traces()) == (125, True, NOTHING), done


def test_parameter_of_the_container_is_its_own(quilt: Quilt) -> None:
    """One that is set inside is set there, and not here.

    Seen red with the parameters left as they are.
    """
    names = {"net.ipv4.ip_forward": "net/ipv4/ip_forward", "kernel.shmmax": "kernel/shmmax"}
    before = {path: Path("/proc/sys", path).read_text() for path in names.values()}
    flags = [word for name in names for word in ("--sysctl", f"{name}=1")]
    look = [f"/proc/sys/{path}" for path in names.values()]
    assert quilt.ok("run", "--rm", *NONE, *flags, "box", "cat", *look).split() == ["1", "1"]
    assert {path: Path("/proc/sys", path).read_text() for path in names.values()} == before
