"""An image that makes the host's interpreter its program cannot write to it (CVE-2019-5736)."""

from __future__ import annotations

import json
import os
import signal
import struct
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
REFUSED = {"EROFS", "EACCES", "EPERM", "EINVAL", "ENOSYS", "ETXTBSY"}
"""A file that is only busy can be written a moment later; access(2) tells what is left then, and never ETXTBSY."""
RIGHTS = ("--cap-add", "SYS_ADMIN,SYS_PTRACE,DAC_READ_SEARCH", "--security-opt", "seccomp=unconfined")
MODES = {
    "default": (),
    "host": ("--userns", "host"),
    "privileged": ("--userns", "host", "--privileged"),
    "mapped to root": ("--uidmap", "0:0:65536", *RIGHTS),
    "keep-id": ("--userns", "keep-id:uid=1000,gid=1000", *RIGHTS),
}
ITSELF = ("/proc/self/exe", "-I", "-S", "/attacks/overwrite.py")
SCRIPT = ("/attacks/overwrite",)
"""Begins with #!/proc/self/exe."""
OWNER = 70001
"""Whose the interpreter is where a mode maps the owner's id: one that a user has built for himself."""


@pytest.fixture(autouse=True)
def unchanged(victim: Path) -> Iterator[None]:
    """See that the file is as it was."""
    before, bytes_before = victim.stat(), victim.read_bytes()
    yield
    after = victim.stat()
    assert victim.read_bytes() == bytes_before
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (before.st_mode, before.st_mtime_ns, before.st_size)


@pytest.fixture(params=MODES)
def options(request: pytest.FixtureRequest, quilt: Quilt, victim: Path) -> tuple[str, ...]:
    """Give the options of each mode; where it maps the owner of the interpreter, that is a user."""
    if request.param == "keep-id":
        quilt.environment |= {"SUDO_UID": str(OWNER), "SUDO_GID": str(OWNER)}
        os.chown(victim, OWNER, OWNER)
    return (*NONE, *MODES[request.param])


def check(said: str, victim: Path) -> None:
    """See that the attack has held the host's interpreter, and could not write to it by any name."""
    found: list[dict[str, Any]] = json.loads(said)
    ours = (victim.stat().st_ino, victim.stat().st_size)
    held = [entry for entry in found if (entry.pop("inode"), entry.pop("size")) == ours]
    assert held, found
    assert [way for entry in held for way, answer in entry.items() if answer not in REFUSED] == [], held


def test_program_of_run_cannot_write_to_it(quilt: Quilt, victim: Path, options: tuple[str, ...]) -> None:
    """A container whose program is /proc/self/exe, or a script for it below an init of ours.

    Red with the mount of the interpreter writable, and red where only --userns host had that mount.
    """
    check(quilt.ok("run", "--rm", *options, "attacks", *ITSELF), victim)
    check(quilt.ok("run", "--rm", "--init", *options, "attacks", *SCRIPT), victim)


def test_program_of_exec_cannot_write_to_it(quilt: Quilt, victim: Path, options: tuple[str, ...]) -> None:
    """The same programs by exec. Red with the mount of the interpreter writable, and red as above."""
    quilt.ok("run", "-d", "--name", "c", *options, "attacks", "sleep", "1000")
    check(quilt.ok("exec", "-u", "0", "c", *ITSELF), victim)
    check(quilt.ok("exec", "-u", "0", "c", *SCRIPT), victim)


def test_descriptor_that_outlives_us_cannot_write_to_it(quilt: Quilt, victim: Path) -> None:
    """Where its watch is killed and it goes on, nobody runs the file any more: only its mount keeps it from writing.

    Red with the mount of the interpreter writable.
    """
    words = ("attacks", *ITSELF, "/tmp/report")
    quilt.ok("run", "-d", "--name", "c", "--pid", "host", *NONE, "--userns", "host", *words)
    found = quilt.inspect("c")
    os.kill(quilt.shim_pid("c"), signal.SIGKILL)
    report = quilt.root / "containers" / found["Id"] / "upper/tmp/report"
    quilt.eventually(report.exists)
    said = report.read_text()
    check(said, victim)
    assert "ETXTBSY" not in said


@pytest.mark.parametrize("mode", ["default", "host"])
def test_elf_interpreter_cannot_write_to_it(quilt: Quilt, image: Path, mode: str) -> None:
    """A program that asks to be loaded by /proc/self/exe, by run and exec, is killed or refused.

    The interpreter is seen unchanged by the fixture; this has no defence of its own to take out.
    """
    (image / "elf").write_bytes(elf_with_interpreter("/proc/self/exe"))
    (image / "elf").chmod(0o755)
    assert quilt("run", "--name", "c", *NONE, *MODES[mode], image, "/elf").returncode > 125
    quilt.ok("run", "-d", "--name", "d", *NONE, *MODES[mode], image, "sleep", "1000")
    assert quilt("exec", "d", "/elf").returncode > 125


def elf_with_interpreter(path: str) -> bytes:
    """Return a program of the least size that asks to be loaded by ``path`` (elf(5))."""
    name = path.encode() + b"\0"
    machine = {"x86_64": 62, "aarch64": 183}[os.uname().machine]
    start = 64 + 2 * 56
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 3, machine, 1, 0x1000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    interpreter = struct.pack("<IIQQQQQQ", 3, 4, start, start, start, len(name), len(name), 1)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, start + len(name), start + len(name), 0x1000)
    return header + interpreter + load + name
