"""What a program can ask of the kernel from inside: the calls themselves, made by a program of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.probes import NONE, compiled, spoilt_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("gcc", "libseccomp")

HARMLESS = {"chroot", "socket unix", "write /proc/self/uid_map", "write /proc/1/oom_score_adj"}
"""What goes through by default: the two files are the process's own, and neither can be written to its gain."""
OF_THE_HOST = {
    *("bpf", "perf_event_open", "open_by_handle_at", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff"),
    *("init_module", "finit_module", "delete_module", "acct", "syslog", "clock_settime", "quotactl", "iopl", "ioperm"),
    *("fanotify_init", "setrlimit above", "nice", "sched_setscheduler", "kmsg", "mem", "kcore", "device of the image"),
    *("write /proc/sys/kernel/core_pattern", "write /proc/sys/vm/drop_caches", "write /proc/sysrq-trigger"),
    *("write /proc/irq/default_smp_affinity", "write /sys/kernel/mm/transparent_hugepage/enabled"),
}
"""What no root of a user namespace may, whatever else it was given."""


@pytest.fixture
def surface(quilt: Quilt) -> Callable[..., dict[str, str]]:
    """Give a function that runs the program with flags of `run`, and returns how each call went."""
    content = compiled("surface")
    disk = {"name": "disk", "type": b"4", "devmajor": 8, "devminor": 0, "mode": 0o666}
    image = spoilt_image(quilt, {"name": "bin/surface", "mode": 0o755, "content": content}, disk)

    def run(*flags: str, word: str = "all") -> dict[str, str]:
        said = quilt.ok("run", "--rm", *NONE, *flags, image, "surface", word)
        return dict(line.split(": ") for line in said.splitlines())

    return run


def through(results: dict[str, str]) -> set[str]:
    """Return the calls that the kernel did."""
    return {name for name, result in results.items() if result == "ok"}


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--userns", "host"),
        ("--userns", "host", "--cap-add", "MKNOD"),
        ("--cap-drop", "ALL", "--cap-add", "SYS_CHROOT"),
        ("-u", "1000", "--cap-add", "SYS_CHROOT", "--security-opt", "no-new-privileges=false"),
    ],
)
def test_nothing_but_the_harmless_goes_through(surface: Callable[..., dict[str, str]], flags: tuple[str, ...]) -> None:
    """Of some ninety calls for root, mounts, namespaces, keys, devices and modules, none is done.

    Seen red with the filter switched off, and with the device rules left out.
    """
    results = surface(*flags)
    assert through(results) <= HARMLESS
    assert len(results) > 90


@pytest.mark.needs("ia32")
def test_old_door_is_shut_as_well(surface: Callable[..., dict[str, str]]) -> None:
    """The same calls through int 0x80, by the numbers of a 32-bit program, do not go through either.

    Seen red with the filter switched off.
    """
    assert through(surface(word="int80")) == {"getpid"}


@pytest.mark.parametrize("flags", [("--privileged",), ("--security-opt", "seccomp=unconfined", "--cap-add", "ALL")])
def test_what_is_the_hosts_stays_so_without_a_filter(
    surface: Callable[..., dict[str, str]], flags: tuple[str, ...]
) -> None:
    """Everything given away that there is to give, root inside is still nobody outside.

    Seen red with --userns host as the default.
    """
    results = surface(*flags)
    assert set(results) >= OF_THE_HOST
    assert through(results) & OF_THE_HOST == set()
    assert not any(name.startswith("device b") for name in through(results))


def test_more_capabilities_open_what_they_are_for(surface: Callable[..., dict[str, str]]) -> None:
    """CAP_SYS_ADMIN lets mount, in the container alone; without user namespaces of its own making.

    Seen red with the profile compiled for the default capabilities.
    """
    done = through(surface("--cap-add", "SYS_ADMIN"))
    assert {"mount", "unshare mnt"} <= done
    assert done & OF_THE_HOST == set()


@pytest.mark.parametrize("flags", [(), ("--cap-add", "ALL")])
def test_process_that_joins_is_not_looked_into(quilt: Quilt, flags: tuple[str, ...]) -> None:
    """Root inside, on the hunt while `exec` comes in again and again, sees no interpreter and no descriptor of ours.

    Seen red with all that joins made dumpable.
    """
    content = {"name": "bin/surface", "mode": 0o755, "content": compiled("surface")}
    quilt.ok("run", "-d", "--name", "c", *NONE, *flags, spoilt_image(quilt, content), "surface", "hunt", "2")
    while quilt("exec", "c", "true").returncode == 0:
        continue
    quilt.ok("wait", "c")
    assert quilt.ok("logs", "c") == "hunted"
