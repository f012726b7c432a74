"""What our own profile lets through, and what it answers to the rest: asked of the kernel."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.model.capability import CAPABILITIES
from quiltctl.runtime.seccomp import cache
from quiltctl.runtime.seccomp.compiler import compile_profile

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import TypeAlias

    Fate: TypeAlias = Callable[[bytes, list[Any]], list[int] | signal.Signals]

pytestmark = pytest.mark.needs("libseccomp", "root")

TEXT = (Path(cache.__file__).parent / "default.json").read_text(encoding="utf-8")
DROPPED = ["CHOWN", "KILL", "SETUID"]
HIGH = 0xABCD << 32
TIOCSTI, TIOCLINUX, TCGETS = 0x5412, 0x541C, 0x5401
NAMESPACES = [1 << bit for bit in (17, 25, 26, 27, 28, 29, 30)]
SIGCHLD = 17


def program(*capabilities: str) -> bytes:
    """Return our profile, compiled for these capabilities."""
    return compile_profile(TEXT, capabilities, os.uname().machine)


def test_unknown_calls_are_enosys(fate: Fate, call: Any) -> None:
    """So that libraries take another way: also io_uring, clone3, and numbers that no kernel has yet."""
    calls = [call("io_uring_setup"), call("clone3"), call("get_mempolicy"), call(700), call(0x3FFFFFFF)]
    assert fate(program(*DROPPED), calls) == [-errno.ENOSYS] * 5


GUARDED = {
    "SYS_ADMIN": (
        "fanotify_init fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root quotactl "
        "setdomainname sethostname setns umount2 unshare bpf perf_event_open syslog"
    ),
    "BPF": "bpf",
    "PERFMON": "perf_event_open",
    "SYSLOG": "syslog",
    "DAC_READ_SEARCH": "open_by_handle_at",
    "SYS_PTRACE": "kcmp pidfd_getfd process_vm_readv process_vm_writev",
    "SYS_MODULE": "delete_module finit_module init_module",
    "SYS_TIME": "clock_settime settimeofday",
    "SYS_BOOT": "reboot",
    "SYS_CHROOT": "chroot",
    "SYS_PACCT": "acct",
}
NEVER = "add_key kexec_file_load kexec_load keyctl request_key swapoff swapon userfaultfd"
NONSENSE = (-1,) * 6
"""Arguments that no call survives: what is let through fails by another errno than EPERM."""


@pytest.mark.parametrize("capability", GUARDED)
def test_guarded_calls_follow_the_capability(fate: Fate, call: Any, capability: str) -> None:
    """They are EPERM without it, and with it the kernel says what it says to anyone."""
    calls = [call(name, NONSENSE) for name in GUARDED[capability].split()]
    assert fate(program(*DROPPED), calls) == [-errno.EPERM] * len(calls)
    unfiltered = compile_profile('{"defaultAction": "SCMP_ACT_ALLOW"}', (), os.uname().machine)
    assert fate(program(*DROPPED, capability), calls) == fate(unfiltered, calls)


def test_some_calls_are_eperm_whatever_the_capabilities(fate: Fate, call: Any) -> None:
    """Another kernel, swap, keyrings, faults held open."""
    calls = [call(name, NONSENSE) for name in NEVER.split()]
    assert fate(program(*CAPABILITIES), calls) == [-errno.EPERM] * len(calls)


def test_no_program_types_into_the_terminal(fate: Fate, call: Any) -> None:
    """The kernel reads 32 bits of the request, so bits above them must not hide it (CVE-2019-10063)."""
    denied = [TIOCSTI, TIOCLINUX, TIOCSTI | HIGH, TIOCLINUX | HIGH, TIOCSTI | (0xFFFFFFFF << 32)]
    assert fate(program(*DROPPED), [call("ioctl", (-1, n)) for n in denied]) == [-errno.EPERM] * len(denied)


def test_every_other_request_reaches_the_device(fate: Fate, call: Any) -> None:
    """The neighbours of the two, one in each branch of the complement, and what musl sends: with the sign extended."""
    near = {request ^ (1 << bit) for request in (TIOCSTI, TIOCLINUX) for bit in range(32)} - {TIOCSTI, TIOCLINUX}
    requests = [*sorted(near), *range(0x5400, 0x5412), *range(0x5413, 0x541C), TCGETS | HIGH, -(1 << 31), -1]
    found = fate(program(*DROPPED), [call("ioctl", (-1, request)) for request in requests])
    assert found == [-errno.EBADF] * len(requests)


def test_namespaces_need_sys_admin(fate: Fate, call: Any) -> None:
    """Each flag of clone alone is refused, whatever stands beside it; a clone without them is a fork."""
    # CLONE_THREAD (0x10000) without CLONE_VM is EINVAL: what passes the filter makes no process.
    thread = 0x10000 | SIGCHLD
    denied = [call("clone", (flag | extra, 0, 0, 0, 0)) for flag in NAMESPACES for extra in (thread, thread | HIGH)]
    assert fate(program(*DROPPED), denied) == [-errno.EPERM] * len(denied)
    assert fate(program(*DROPPED), [call("clone", (thread, 0, 0, 0, 0))]) == [-errno.EINVAL]
    assert fate(program(*DROPPED, "SYS_ADMIN"), denied) == [-errno.EINVAL] * len(denied)


def test_families_of_sockets(fate: Fate, call: Any) -> None:
    """ALG and VSOCK are not there, whatever the high bits; TIPC and RXRPC neither; the usual ones are."""
    denied = [38, 40, 38 | HIGH, 40 | HIGH]
    assert fate(program(*DROPPED), [call("socket", (n, 1, 0)) for n in denied]) == [-errno.EAFNOSUPPORT] * 4
    assert fate(program(*DROPPED), [call("socket", (n, 1, 0)) for n in (30, 33)]) == [-errno.ENOSYS] * 2
    found = fate(program(*DROPPED), [call("socket", (n, 1, 0)) for n in (1, 2, 2 | HIGH)])
    assert isinstance(found, list)
    assert all(result > 0 for result in found)


@pytest.mark.needs("ia32")
def test_32_bit_calls_go_no_other_way(fate: Fate, call: Any) -> None:
    """The old ABIs open no door: socketcall, mount, TIOCSTI, namespaces, and x32."""
    calls = [
        call("getppid", (), "x86"),
        call("socketcall", (1, 0), "x86"),
        call("socket", (38, 1, 0), "x86"),
        call("mount", (-1, -1, -1), "x86"),
        call("ioctl", (-1, TIOCSTI), "x86"),
        call("ioctl", (-1, TCGETS), "x86"),
        call("clone", (0x10010000, 0, 0), "x86"),
        call("ioctl", (-1, TIOCSTI), "x32"),
        call("mount", (-1, -1, -1), "x32"),
    ]
    refused = -errno.EPERM
    expected = [os.getpid(), refused, -errno.EAFNOSUPPORT, refused, refused, -errno.EBADF, refused, refused, refused]
    assert fate(program(*DROPPED), calls) == expected


@pytest.mark.parametrize(("persona", "is_allowed"), [(0, True), (8, True), (0xFFFFFFFF, True), (0x40000, False)])
def test_personality_takes_the_harmless_values(fate: Fate, call: Any, persona: int, *, is_allowed: bool) -> None:
    """Linux, 32-bit Linux and the question; not the one without randomised addresses."""
    found = fate(program(*DROPPED), [call("personality", (persona,))])
    assert found == [0 if is_allowed else -errno.ENOSYS]


def test_tracing_oneself_is_allowed(fate: Fate, call: Any) -> None:
    """PTRACE_TRACEME: debuggers work inside."""
    assert fate(program(*DROPPED), [call("ptrace", (0, 0, 0, 0))]) == [0]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_default_compiles_for_every_machine_and_capability(machine: str) -> None:
    """No capability makes it contradict itself, and it stays below what the kernel takes."""
    for capability in ((), *([name] for name in CAPABILITIES), CAPABILITIES):
        assert 0 < len(compile_profile(TEXT, capability, machine)) < 4096 * 8
