"""What a container sees, what it cannot do, and what an image cannot make of it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
DEFAULT_CAPABILITIES = 0x800405FB
"""CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP."""


def inside(quilt: Quilt, script: str, *flags: str) -> str:
    """Run a script in a container of its own and return what it printed."""
    return quilt.ok("run", "--rm", *NONE, *flags, "box", "sh", "-c", script)


@pytest.fixture
def image(rootfs: ModuleType, tmp_path: Path) -> Path:
    """Give a root filesystem as a folder, to be spoilt."""
    folder: Path = rootfs.busybox_tree(tmp_path / "image")
    return folder


def test_rights_are_the_default_ones(quilt: Quilt) -> None:
    """Eleven capabilities, none to inherit, none ambient, and no way to more."""
    status = dict(
        line.split(":\t") for line in inside(quilt, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status").splitlines()
    )
    assert {name: int(value, 16) for name, value in status.items()} == {
        "CapInh": 0,
        "CapPrm": DEFAULT_CAPABILITIES,
        "CapEff": DEFAULT_CAPABILITIES,
        "CapBnd": DEFAULT_CAPABILITIES,
        "CapAmb": 0,
        "NoNewPrivs": 1,
    }


def test_user_has_no_capabilities(quilt: Quilt) -> None:
    """Whoever is not root has an empty effective set, by run and by exec."""
    look = ("sh", "-c", "id -u; grep CapEff /proc/self/status")
    quilt.ok("run", "-d", "--name", "s", *NONE, "box", "sleep", "1000")
    by_exec = quilt.ok("exec", "-u", "tester", "s", *look)
    by_run = quilt.ok("run", "--rm", *NONE, "-u", "tester", "box", *look)
    assert (by_exec, by_run) == ("1000\nCapEff:\t0000000000000000",) * 2


@pytest.mark.parametrize(
    ("script", "fails"),
    [
        ("echo 1 > /proc/sys/kernel/hostname", True),
        ("echo b > /proc/sysrq-trigger", True),
        ("echo x > /sys/kernel/mm/ksm/run", True),
        ("mkdir /sys/fs/cgroup/mine", True),
        ("mount -t tmpfs tmpfs /tmp", True),
        ("mount -o remount,rw /proc/sys", True),
        ("umount /proc/keys", True),
        ("hostname other", True),
        ("chroot / true", False),
        ("mknod /tmp/n p", False),
    ],
)
def test_kernel_is_out_of_reach(quilt: Quilt, script: str, *, fails: bool) -> None:
    """Root of the container changes nothing of the kernel's; what stays is harmless."""
    done = quilt("run", "--rm", *NONE, "box", "sh", "-c", script)
    assert (done.returncode != 0) is fails


def test_masked_files_are_empty(quilt: Quilt) -> None:
    """What would tell of the host reads as nothing."""
    names = "/proc/keys /proc/timer_list /proc/interrupts"
    assert inside(quilt, f"cat {names} | wc -c; ls /sys/firmware /proc/acpi | grep -v : | wc -w") == "0\n0"


def test_dev_has_what_was_promised(quilt: Quilt) -> None:
    """Six devices, the links, and three folders; nothing of the host's."""
    assert inside(quilt, "ls /dev").split() == sorted(
        [
            "fd",
            "full",
            "mqueue",
            "null",
            "ptmx",
            "pts",
            "random",
            "shm",
            "stderr",
            "stdin",
            "stdout",
            "tty",
            "urandom",
            "zero",
        ]
    )


def test_mounts_are_the_containers_own(quilt: Quilt) -> None:
    """Every mount is one that was made for it: no other path of the host shows."""
    targets = inside(quilt, "awk '{print $5}' /proc/self/mountinfo").splitlines()
    tops = {target.split("/")[1] for target in targets}
    assert tops == {"", "proc", "sys", "dev", "etc"}
    assert {target for target in targets if target.startswith("/etc")} == {"/etc/hosts", "/etc/hostname"}


def test_namespaces_are_not_the_hosts(quilt: Quilt) -> None:
    """Six of them differ from ours; with --network host one is shared."""
    kinds = ("mnt", "pid", "uts", "ipc", "net", "cgroup")
    look = "; ".join(f"readlink /proc/self/ns/{kind}" for kind in kinds)
    ours = [os.readlink(f"/proc/self/ns/{kind}") for kind in kinds]
    alone = quilt.ok("run", "--rm", *NONE, "box", "sh", "-c", look).splitlines()
    shared = quilt.ok("run", "--rm", "--network", "host", "box", "sh", "-c", look).splitlines()
    assert not set(ours) & set(alone)
    assert set(ours) & set(shared) == {ours[4]}


def test_processes_of_the_host_are_not_seen(quilt: Quilt) -> None:
    """A container sees itself alone, as 1."""
    assert inside(quilt, "echo /proc/[0-9]*; echo $$") == "/proc/1\n1"


def test_session_is_its_own(quilt: Quilt) -> None:
    """It leads a session without a terminal, and the caller's keys are not in its keyring."""
    assert inside(quilt, "cut -d' ' -f6,7 /proc/self/stat", "--init").split()[1] == "0"


def test_descriptors_of_the_caller_stay_outside(quilt: Quilt, tmp_path: Path) -> None:
    """A caller that leaks descriptors, as CI runners do, leaks none of them into run, exec or an init."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    fds = [os.open(secret, os.O_RDONLY) for _ in range(5)]
    count = "for p in 1 self; do ls /proc/$p/fd; done"

    def run(*words: str) -> list[str]:
        process = quilt.popen(*words, stdout=subprocess.PIPE, pass_fds=fds)
        return process.communicate(timeout=30)[0].decode().split()

    seen = run("run", "--rm", *NONE, "box", "sh", "-c", count)
    run("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    by_exec = run("exec", "c", "sh", "-c", count)
    run("run", "-d", "--init", "--name", "i", *NONE, "box", "sleep", "1000")
    for fd in fds:
        os.close(fd)
    # 3 is what ls reads the folder with. An init is looked at from the host: nobody inside may look into it.
    assert seen == ["0", "1", "2", "0", "1", "2", "3"]
    assert by_exec == ["0", "1", "2", "0", "1", "2", "3"]
    assert sorted(os.listdir(f"/proc/{quilt.inspect('i')['State']['Pid']}/fd")) == ["0", "1", "2"]


def test_loopback_is_there_and_up(quilt: Quilt) -> None:
    """Without a network a program can still speak to itself."""
    script = "(nc -l -p 7000 -e echo hello &) ; sleep 0.3; nc 127.0.0.1 7000 < /dev/null"
    assert inside(quilt, script) == "hello"


@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["/", "/etc", "../../../../../../tmp", "nowhere"])
def test_image_with_a_link_for_a_kernel_tree_is_refused(quilt: Quilt, image: Path, name: str, target: str) -> None:
    """/proc, /sys and /dev must be real: what is masked there could be gone around by a link."""
    (image / name).rmdir()
    (image / name).symlink_to(target)
    done = quilt("run", "--rm", *NONE, image, "true")
    assert (done.returncode, f"something else than a directory at {name}" in done.stderr) == (125, True), done.stderr


def test_image_with_a_file_for_a_kernel_tree_is_refused(quilt: Quilt, image: Path) -> None:
    """A file in the place of /proc."""
    (image / "proc").rmdir()
    (image / "proc").write_text("")
    assert quilt("run", "--rm", *NONE, image, "true").returncode == 125


def test_image_without_the_kernel_trees_gets_them(quilt: Quilt, image: Path) -> None:
    """What is missing is made, in the container and not in the image."""
    for name in ("proc", "sys", "dev"):
        (image / name).rmdir()
    assert quilt.ok("run", "--rm", *NONE, image, "sh", "-c", "cat /proc/1/comm; ls /sys | wc -l") != ""
    assert quilt.sql("SELECT count(*) AS n FROM containers") == [{"n": 0}]


@pytest.mark.parametrize("name", ["hosts", "hostname"])
@pytest.mark.parametrize(
    "lead", [lambda canary: canary, lambda canary: f"../../../../..{canary}", lambda _: "/no/such"]
)
def test_image_with_a_link_for_a_file_of_ours_reaches_nothing(
    quilt: Quilt, image: Path, tmp_path: Path, name: str, lead: Callable[[str], str]
) -> None:
    """/etc/hosts and /etc/hostname as links out: the host's file stays, and the container has its own all the same."""
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    (image / "etc" / name).unlink(missing_ok=True)
    (image / "etc" / name).symlink_to(lead(str(canary)))
    said = quilt.ok("run", "--rm", "--hostname", "me", *NONE, image, "cat", f"/etc/{name}")
    assert ("me" in said, canary.read_text()) == (True, "untouched")


def test_image_with_a_link_for_etc_stays_inside(quilt: Quilt, image: Path, tmp_path: Path) -> None:
    """/etc as a link out of the image is resolved inside it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (image / "etc").rename(image / "real")
    (image / "etc").symlink_to(str(outside))
    quilt("run", "--rm", *NONE, image, "true")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("workdir", ["/proc/self/fd/3", "/proc/self/fd/9", "/proc/1/cwd/../..", "/proc/self/root/.."])
def test_workdir_cannot_leave_the_root(quilt: Quilt, workdir: str) -> None:
    """A working directory through a descriptor of ours is refused, or is inside."""
    done = quilt("run", "--rm", *NONE, "-w", workdir, "box", "sh", "-c", "ls -d work bin 2>/dev/null; cat etc/hostname")
    assert done.returncode == 126 or done.stdout.startswith("bin\n")


def test_two_containers_do_not_see_each_others_files(quilt: Quilt) -> None:
    """Of one image, each has an upper folder of its own, and the image stays as it was."""
    quilt.ok("run", "-d", "--name", "a", *NONE, "box", "sh", "-c", "echo a > /mine; sleep 1000")
    quilt.eventually(lambda: quilt("exec", "a", "test", "-e", "/mine").returncode == 0)
    assert inside(quilt, "ls /mine 2>/dev/null | wc -l") == "0"


def test_fork_bomb_stops_at_the_limit(quilt: Quilt) -> None:
    """2,048 processes and no more; the host goes on, and rm -f ends them all."""
    # The shell that cannot fork any more ends; PID 1 needs no fork to go on.
    bomb = "(i=0; while sleep 1000 & do i=$((i+1)); [ $i -gt 2200 ] && break; done 2>/dev/null); exec sleep 1000"
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", bomb, timeout=120)
    limit, current = quilt.cgroup_file("c", "pids.max"), quilt.cgroup_file("c", "pids.current")
    quilt.eventually(lambda: int(current.read_text()) >= 2040, 60)
    assert (limit.read_text(), int(current.read_text()) <= 2048) == ("2048\n", True)
    quilt.ok("rm", "-f", "c")
    assert quilt.traces()["processes"] == []


def test_init_reaps_what_others_leave(quilt: Quilt) -> None:
    """With --init no zombie stays."""
    script = "for i in 1 2 3 4 5; do sh -c 'sleep 0.1 &' ; done; sleep 0.6; cat /proc/[0-9]*/stat | grep -c ' Z '"
    done = quilt("run", "--rm", "--init", *NONE, "box", "sh", "-c", script)
    assert done.stdout.strip() == "0"


def test_root_directory_is_closed_to_others(quilt: Quilt) -> None:
    """Nobody but root may look below the root directory."""
    quilt.ok("run", "--name", "c", *NONE, "box", "true")
    modes = {name: (quilt.root / name).stat().st_mode & 0o77 for name in ("quilt.db", "containers", "layers", ".")}
    assert modes == dict.fromkeys(modes, 0)
