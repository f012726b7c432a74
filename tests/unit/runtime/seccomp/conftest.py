"""A child that loads a filter and makes calls: the kernel is the judge."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
from typing import TYPE_CHECKING, NamedTuple

import prctl
import pytest

from quiltctl.runtime.linux import seccomp
from quiltctl.runtime.linux.libc import libc

if TYPE_CHECKING:
    from collections.abc import Callable

# push rbx; eax=edi; ebx=esi; r8d=ecx; ecx=edx; edx=r8d; int 0x80; cdqe; pop rbx; ret
INT80 = bytes.fromhex("53 89f8 89f3 4189c8 89d1 4489c2 cd80 4898 5b c3")


class Call(NamedTuple):
    """One system call: its name or number, its arguments, and the way in: native, x32 or x86 (int 0x80)."""

    name: str | int
    arguments: tuple[int, ...] = ()
    way: str = "native"


def make(call: Call, number: int) -> int:
    """Make a call and return its result, or the negative errno."""
    if call.way == "x86":
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(INT80)
        entry = ctypes.PYFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * 4)(
            ctypes.addressof(ctypes.c_char.from_buffer(code))
        )
        return int(entry(number, *call.arguments, *[0] * (3 - len(call.arguments))))
    result: int = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in call.arguments))
    return -ctypes.get_errno() if result < 0 else result


def number_of(call: Call) -> int:
    """Return the number of a call on its way in, as libseccomp knows it."""
    import pyseccomp  # a host may lack libseccomp

    if isinstance(call.name, int):
        return call.name
    ways = {"native": pyseccomp.Arch.NATIVE, "x86": pyseccomp.Arch.X86, "x32": pyseccomp.Arch.X32}
    number = pyseccomp.resolve_syscall(ways[call.way], call.name)
    # On x86 those that socketcall and ipc once carried; they have numbers of their own since Linux 4.3.
    number = {-101: 359, -108: 360}.get(number, number)
    assert number >= 0
    return number


def fate_of(program: bytes, calls: list[Call]) -> list[int] | signal.Signals:
    """Return what each call gave back below the filter, or the signal that ended the child."""
    numbered = [(call, number_of(call)) for call in calls]
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            prctl.set_no_new_privs(True)
            seccomp.load(program)
            own = os.getpid()
            for call, number in numbered:
                result = make(call, number)
                if os.getpid() != own:  # a clone that was let through: it must not go on
                    os._exit(0)
                os.write(write_fd, f"{result} ".encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="ascii") as pipe:
        results = [int(word) for word in pipe.read().split()]
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status))
    assert len(results) == len(calls), f"the child stopped after {results}"
    return results


@pytest.fixture
def call() -> type[Call]:
    """Return what a call is described by: ``call(name, arguments, way)``."""
    return Call


@pytest.fixture
def fate() -> Callable[[bytes, list[Call]], list[int] | signal.Signals]:
    """Return ``fate_of``."""
    return fate_of
