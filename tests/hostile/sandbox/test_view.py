"""What a container sees of the host and of another container: nothing.

The host, and a first container, have a process, shared memory, an abstract socket, a file in /dev/shm and, the host, a
key; a second container looks for them. Each red was seen with the namespace of the host's given, by --pid host and the
like, where nothing else is said.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
KEY, THEIR_KEY = 0x5155494C, 0x5155494D
NAME, THEIR_NAME = "quilt-hostile-host", "quilt-hostile-first"
IPC_CREAT, IPC_EXCL, IPC_RMID = 0o1000, 0o2000, 0
SYS_ADD_KEY, SYS_KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
KEYCTL_UNLINK, USER_KEYRING = 9, -4
EVENT = Path("/sys/devices/virtual/mem/null/uevent")
libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(scope="module", autouse=True)
def belongings() -> Iterator[None]:
    """Give the host what a container could look for, for a while."""
    key = libc.syscall(SYS_ADD_KEY, b"user", b"quilt-secret", b"secret", ctypes.c_size_t(6), USER_KEYRING)
    memory = libc.shmget(KEY, 4096, IPC_CREAT | IPC_EXCL | 0o666)
    assert memory >= 0
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(f"\0{NAME}")
        listening.listen()
        yield
    libc.shmctl(memory, IPC_RMID, None)
    if key >= 0:
        libc.syscall(SYS_KEYCTL, KEYCTL_UNLINK, ctypes.c_int(key), USER_KEYRING)


@pytest.fixture(scope="module", params=["auto", "host"])
def report(request: pytest.FixtureRequest, house: Quilt) -> dict[str, Any]:
    """Give what a second container says of the host and the first, with a user namespace and without."""
    options = (*NONE, "--userns", request.param)
    words = ("attacks", "python", "/attacks/own.py", str(THEIR_KEY), THEIR_NAME)
    first = house.ok("run", "-d", *options, *words)
    house.eventually(lambda: house("logs", first).stdout == "ready\n")
    found = look(house, KEY, NAME, *options)
    # Another look, for what the first container has.
    other = look(house, THEIR_KEY, THEIR_NAME, *options)
    found["of the first"] = {name: other[name] for name in ("shared memory", "socket")}
    return found


def look(quilt: Quilt, key: int, name: str, *options: str) -> dict[str, Any]:
    """Run a container that looks around, while a device of the host changes, and return its report."""
    words = ("attacks", "python", "/attacks/look.py", str(key), name)
    pipe = subprocess.PIPE
    process = quilt.popen("run", "-i", "--rm", "--hostname", "second", *options, *words, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    EVENT.write_text("change")
    said = process.communicate(b"\n", timeout=60)[0]
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found


def test_processes_of_others_are_not_seen(report: dict[str, Any]) -> None:
    """It sees itself, as 1."""
    assert report["processes"] == [1]


def test_mounts_show_no_path_but_its_own(report: dict[str, Any], house: Quilt) -> None:
    """Only / and the files of /etc name a path of the host, which is below its own folder and the layers.

    Red with the old root left mounted.
    """
    fields = [line.split() for line in report["mounts"]]
    roots = {entry[4]: entry[3] for entry in fields if entry[3] != "/" and not entry[4].startswith(("/proc", "/sys"))}
    assert roots.keys() == {"/etc/hosts", "/etc/hostname"}
    folder = os.path.dirname(roots["/etc/hosts"])
    assert (os.path.dirname(folder), os.path.dirname(roots["/etc/hostname"])) == (f"{house.root}/containers", folder)
    kinds = {entry[entry.index("-") + 1] for entry in fields}
    assert kinds <= {"overlay", "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2", "ext4", "xfs", "btrfs"}


def test_name_is_not_the_hosts(report: dict[str, Any]) -> None:
    """It has the name that it was given."""
    assert report["hostname"] == ["second"] * 3


def test_interfaces_of_the_host_are_not_seen(report: dict[str, Any]) -> None:
    """It has the loopback; some kernels put unused tunnels beside it, which lead nowhere."""
    assert "lo" in report["interfaces"]
    real = {path.name for path in Path("/sys/class/net").iterdir() if (path / "device").exists()}
    assert not real & set(report["interfaces"])


def test_keys_of_the_host_are_not_found(report: dict[str, Any]) -> None:
    """Neither in the keyring of the user, who may be root of the host, nor in the session's. Red without seccomp."""
    assert report["keys"] == ["EPERM", "EPERM", ""] or report["keys"] == ["ENOSYS", "ENOSYS", ""]


def test_memory_of_the_host_is_not_found(report: dict[str, Any]) -> None:
    """No shared memory, semaphores, queues, by key or by name; one line of each is the heading."""
    assert (report["shared memory"], report["sysv"], report["posix"]) == ("ENOENT", [1, 1, 1], [])


def test_abstract_sockets_of_the_host_are_not_reached(report: dict[str, Any]) -> None:
    """Names without a file belong to the network namespace."""
    assert report["socket"] == ["ECONNREFUSED", []]


def test_place_among_the_cgroups_is_not_told(report: dict[str, Any]) -> None:
    """It is at the root of what it sees."""
    assert report["cgroups"] == ["/"]


def test_kernel_tells_nothing(report: dict[str, Any]) -> None:
    """No address of the kernel's, none of its messages, none of its memory. Red with CAP_SYSLOG, red without masks."""
    assert report["core"] in {"", "ENOENT"}
    assert "works" not in report["messages"]
    # perf_event_open(2): at 1 or below, this host tells every user of its own.
    if int(Path("/proc/sys/kernel/perf_event_paranoid").read_text()) > 1:
        assert report["symbols"] == 0


def test_devices_of_the_host_are_not_heard_of(report: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Events of devices go to network namespaces of the first user namespace alone, and so not to ours.

    Red in a container without a user namespace, which hears them as in every engine: that is not asked here.
    """
    if "auto" in request.node.name:
        assert report["events"] == "silence"


def test_settings_of_the_kernel_cannot_be_opened(report: dict[str, Any]) -> None:
    """Of /proc/sys and /sys nothing can be opened for writing. Red without the read-only mounts."""
    assert (report["settings"], report["devices"]) == ([], [])


def test_first_container_is_not_found(report: dict[str, Any]) -> None:
    """What the second did not find of the host it does not find of the first either."""
    assert report["of the first"] == {"shared memory": "ENOENT", "socket": ["ECONNREFUSED", []]}
