"""The program `nft`: a script in, one transaction of the kernel, what it lists out."""

from __future__ import annotations

import os

from quiltctl import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin")
_ABSENT = "No such file or directory"


def run(script: str, *options: str) -> str:
    """Have nft read a script, all of which happens or nothing, and return what it prints.

    Raises:
        HostLacks: there is no nft.
        KernelError: it refuses; the sentence ends with the first line that it says.
    """
    return _execute((*options, "-f", "-"), script)


def list_table(family: str, table: str) -> list[dict[str, Any]]:
    """Return what is in a table, as the items of libnftables-json(5), or [] when there is no such table.

    Numbers stand for protocols: their names are in a file that a small host need not have.

    Raises:
        HostLacks: there is no nft.
        KernelError: it refuses.
    """
    from quiltctl.model.document import decode  # only those who look need it

    try:
        text = _execute(("-n", "-j", "list", "table", family, table), "")
    except errors.KernelError as error:
        if str(error).endswith(_ABSENT):
            return []
        raise
    items: list[dict[str, Any]] = decode(text)["nftables"]
    return items


def _execute(arguments: tuple[str, ...], script: str) -> str:
    """Run nft to its end, and return what it prints.

    Files in memory, not pipes: whatever their sizes, neither side waits for the other.
    """
    program = _find()
    fds = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("script", "output", "complaint")]
    try:
        os.write(fds[0], script.encode())
        os.lseek(fds[0], 0, os.SEEK_SET)
        moves = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)]
        environment = {"PATH": ":".join(_FOLDERS), "LC_ALL": "C"}
        pid = os.posix_spawn(program, ["nft", *arguments], environment, file_actions=moves)
        _, status = os.waitpid(pid, 0)
        output, complaint = (_text(fd) for fd in fds[1:])
    finally:
        for fd in fds:
            os.close(fd)
    if status:
        code = os.waitstatus_to_exitcode(status)
        lines = complaint.splitlines() or [f"nft ended with code {code}"]
        raise errors.KernelError(f"cannot change the firewall: {lines[0].removeprefix('/dev/stdin:')}")
    return output


def _find() -> str:
    for folder in (*os.environ.get("PATH", "").split(":"), *_FOLDERS):
        if folder.startswith("/") and os.access(f"{folder}/nft", os.X_OK):
            return f"{folder}/nft"
    raise errors.HostLacks(
        "cannot connect a container to the outside: there is no program nft",
        hint="apt install nftables, or use --network none or a network made with --internal",
    )


def _text(fd: int) -> str:
    return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")
