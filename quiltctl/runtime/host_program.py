"""Programs of the host that are the standard for a job, `nft` and `ps`: found, and run to their ends. No shell."""

from __future__ import annotations

import os

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
"""Where they are, also when PATH does not say so, as in a job of cron."""


class Ended(Value):
    """How a program ended: its exit code, what it printed, and what it complained of."""

    code: int
    output: str
    complaint: str


def find(name: str) -> str | None:
    """Return the path of a program, or None where the host has none."""
    for folder in (*os.environ.get("PATH", "").split(":"), *FOLDERS):
        if folder.startswith("/") and os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    return None


def run(path: str, arguments: Sequence[str], environment: Mapping[str, str], given: bytes = b"") -> Ended:
    """Run a program to its end with this as its standard input, and return what came of it.

    Files in memory, not pipes: whatever their sizes, neither side waits for the other.
    """
    fds = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("input", "output", "complaint")]
    try:
        os.write(fds[0], given)
        os.lseek(fds[0], 0, os.SEEK_SET)
        moves = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)]
        pid = os.posix_spawn(path, [os.path.basename(path), *arguments], environment, file_actions=moves)
        _, status = os.waitpid(pid, 0)
        output, complaint = (os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "surrogateescape") for fd in fds[1:])
    finally:
        for fd in fds:
            os.close(fd)
    return Ended(os.waitstatus_to_exitcode(status), output, complaint)
