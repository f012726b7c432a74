"""Programs that the kernel runs when a process of a cgroup acts: bpf(2), as far as containers need it.

What the kernel is told is ``union bpf_attr`` of linux/bpf.h: for each command a part of it, zero behind the end.
"""

from __future__ import annotations

import ctypes
import os

from quiltctl.runtime.linux.libc import syscall

# linux/bpf.h
PROG_TYPE_CGROUP_DEVICE = 15
CGROUP_DEVICE = 6
INSTRUCTION_BYTES = 8
_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_DETACH = 9
_PROG_GET_FD_BY_ID = 13
_PROG_QUERY = 16
_F_ALLOW_MULTI = 1 << 1
_MOST_PROGRAMS = 64
"""BPF_CGROUP_MAX_PROGS of linux/bpf-cgroup-defs.h."""
_LOG_BYTES = 65536
_ENOSYS = 38
_SYS_BPF = {"x86_64": 321, "aarch64": 280}


class _Load(ctypes.Structure):
    """The part of union bpf_attr for BPF_PROG_LOAD, up to the name (Linux 4.15)."""

    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_char_p),
        ("license", ctypes.c_char_p),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_void_p),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
    )


class _Attach(ctypes.Structure):
    """The part of union bpf_attr for BPF_PROG_ATTACH and BPF_PROG_DETACH."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_bpf_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
    )


class _Query(ctypes.Structure):
    """The part of union bpf_attr for BPF_PROG_QUERY."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("query_flags", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("prog_ids", ctypes.c_void_p),
        ("prog_cnt", ctypes.c_uint32),
    )


class _ById(ctypes.Structure):
    """The part of union bpf_attr for BPF_PROG_GET_FD_BY_ID."""

    _fields_ = (("prog_id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("open_flags", ctypes.c_uint32))


def load(program_type: int, instructions: bytes, name: str) -> int:
    """Have a program verified and return its descriptor, which is close-on-exec.

    The name, of at most 15 letters, digits and underscores, is what `bpftool prog` shows.

    Raises:
        OSError: the kernel refuses the program; the filename ends with what its verifier says.
    """
    attributes = _Load(
        prog_type=program_type,
        insn_cnt=len(instructions) // INSTRUCTION_BYTES,
        insns=instructions,
        license=b"Apache-2.0",
        prog_name=name.encode(),
    )
    try:
        return _bpf("BPF_PROG_LOAD", _PROG_LOAD, attributes, name)
    except OSError as error:
        # The log slows the verifier down and makes it fail where it is too short, so it is asked for afterwards.
        log = ctypes.create_string_buffer(_LOG_BYTES)
        attributes.log_level, attributes.log_size, attributes.log_buf = 1, _LOG_BYTES, ctypes.addressof(log)
        try:
            return _bpf("BPF_PROG_LOAD", _PROG_LOAD, attributes, name)
        except OSError:
            error.filename = f"{error.filename}: {_verdict(log.value)}" if log.value else error.filename
            raise error from None  # the first: the second may be ENOSPC, for the log


def attach(cgroup_fd: int, program_fd: int, attach_type: int) -> None:
    """Run a program for the processes of a cgroup and of those below it, beside those that already run for them.

    BPF_F_ALLOW_MULTI: every program must say yes, here, above (systemd's, of a slice) and below (of an engine in the
    container). The kernel mixes no other mode with it in one cgroup, and systemd, runc and crun use it too.
    """
    _bpf("BPF_PROG_ATTACH", _PROG_ATTACH, _Attach(cgroup_fd, program_fd, attach_type, _F_ALLOW_MULTI), cgroup_fd)


def detach(cgroup_fd: int, program_fd: int, attach_type: int) -> None:
    """Run a program no longer for the processes of a cgroup."""
    _bpf("BPF_PROG_DETACH", _PROG_DETACH, _Attach(cgroup_fd, program_fd, attach_type, 0), cgroup_fd)


def attached(cgroup_fd: int, attach_type: int) -> list[int]:
    """Return the numbers of the programs attached to a cgroup itself, the oldest first."""
    numbers = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    query = _Query(target_fd=cgroup_fd, attach_type=attach_type, prog_cnt=_MOST_PROGRAMS)
    query.prog_ids = ctypes.addressof(numbers)
    _bpf("BPF_PROG_QUERY", _PROG_QUERY, query, cgroup_fd)
    return list(numbers[: query.prog_cnt])


def open_program(number: int) -> int:
    """Return a descriptor, which is close-on-exec, of a loaded program.

    Raises:
        OSError: ENOENT when it has gone meanwhile.
    """
    return _bpf("BPF_PROG_GET_FD_BY_ID", _PROG_GET_FD_BY_ID, _ById(prog_id=number), number)


def _bpf(name: str, command: int, attributes: ctypes.Structure, subject: object) -> int:
    number = _SYS_BPF.get(os.uname().machine)
    if number is None:
        raise OSError(_ENOSYS, os.strerror(_ENOSYS), f"bpf {name}")
    return syscall(
        "bpf",
        number,
        ctypes.c_int(command),
        ctypes.byref(attributes),
        ctypes.c_uint(ctypes.sizeof(attributes)),
        subject=f"{name} {subject}",
    )


def _verdict(log: bytes) -> str:
    """Return the last line of the verifier's log that is not its statistics."""
    lines = [line for line in log.decode(errors="replace").splitlines() if line and not line.startswith("processed ")]
    return lines[-1] if lines else ""
