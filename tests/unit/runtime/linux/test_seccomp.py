"""Loading a filter: it answers from then on, and an error says the call."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

import prctl
import pytest

from quiltctl.runtime.linux import seccomp
from quiltctl.runtime.linux.libc import libc

GETPPID = {"x86_64": 110, "aarch64": 173}[os.uname().machine]
ALLOW = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
NO_GETPPID = b"".join(
    (
        struct.pack("<HBBI", 0x20, 0, 0, 0),  # load the number of the call
        struct.pack("<HBBI", 0x15, 0, 1, GETPPID),
        struct.pack("<HBBI", 0x06, 0, 0, 0x00050000 | 77),
        ALLOW,
    )
)


def outcome(program: bytes, *, uid: int = 0, no_new_privs: bool = True) -> str:
    """Load a program in a child and return the errno of getppid afterwards, or the error of the loading."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            if no_new_privs:
                prctl.set_no_new_privs(True)
            seccomp.load(program)
            ctypes.set_errno(0)
            libc.syscall(ctypes.c_long(GETPPID))
            os.write(write_fd, f"getppid: {ctypes.get_errno()}".encode())
        except OSError as error:
            os.write(write_fd, f"{error.filename}: {error.errno}".encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def test_loaded_filter_answers() -> None:
    """From then on the kernel asks the program about each call."""
    assert outcome(ALLOW) == "getppid: 0"
    assert outcome(NO_GETPPID) == "getppid: 77"


@pytest.mark.needs("root")
def test_load_needs_no_new_privs_or_the_administrator() -> None:
    """One of the two is enough."""
    assert outcome(ALLOW, no_new_privs=False) == "getppid: 0"
    assert outcome(ALLOW, uid=65534) == "getppid: 0"
    assert outcome(ALLOW, uid=65534, no_new_privs=False) == f"seccomp: {errno.EACCES}"


@pytest.mark.parametrize("program", [b"", ALLOW[:7], b"\xff" * 16, ALLOW * 4097, ALLOW * 0x10001])
def test_what_is_no_program_is_einval(program: bytes) -> None:
    """Empty, cut, garbage, too long, and so long that its length would wrap to 1."""
    assert outcome(program) == f"seccomp: {errno.EINVAL}"
