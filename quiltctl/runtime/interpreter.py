"""The interpreter: where it is, and how it is executed so that no program which comes of it can write to it.

A process in a container that is still ours can be made to execute /proc/self/exe, by an entrypoint, a #! line or an
ELF interpreter of that name; then the container holds the host's file, and real root could write it (CVE-2019-5736).
A file that was executed from a read-only mount stays read-only by whatever name it is opened again. The mount has no
place, and no process keeps its descriptor: by it the mount could be made writable again. Where nobody inside is the
file's owner, which in a range of the container's own nobody is, the file's mode is enough, and no second interpreter
is paid for.
"""

from __future__ import annotations

import marshal
import os
import sys

from quiltctl.model.id_map import inside_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

_STUB = "import sys,marshal;sys.path[:]=marshal.loads(bytes.fromhex(sys.argv.pop(1)));"


def path() -> str:
    """Return the real interpreter: not a version manager's wrapper, nor a virtual environment's link, which may go."""
    return os.readlink("/proc/self/exe")


def search_path() -> list[str]:
    """Return where a fresh one finds its modules: quiltctl's own folder first, then what this one searches."""
    home = os.path.abspath(__file__).removesuffix("/quiltctl/runtime/interpreter.py")
    return [home, *(entry for entry in sys.path[1:] if entry not in {home, ""})]


def is_within_reach(python: str, uid_map: tuple[str, ...], gid_map: tuple[str, ...]) -> bool:
    """Return whether an id of the container owns the interpreter: real root, or the user who has installed it."""
    facts = os.stat(python)
    return inside_id(uid_map, facts.st_uid) is not None or inside_id(gid_map, facts.st_gid) is not None


def pass_on(order: dict[str, Any]) -> int:
    """Return the descriptor of a memory file that holds an order, at its beginning."""
    fd = os.memfd_create("order", os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(marshal.dumps(order))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def execute_read_only(python: str, stub: str, search_path: Sequence[str], fds: Sequence[int]) -> NoReturn:
    """Become a fresh interpreter, ``python``, that runs ``stub`` with the numbers of the descriptors as its arguments.

    The stub finds ``sys`` imported, and quiltctl by the search path. -1 is no descriptor, and passed on as that.

    Raises:
        OSError: the mount cannot be made, or the interpreter has gone.
    """
    from quiltctl.runtime.linux import mounts

    # By its name: what /proc/self/exe opens belongs to the mount namespace that it was executed in (open_tree(2)).
    source_fd = os.open(python, os.O_PATH | os.O_CLOEXEC)
    python_fd = mounts.clone_mount(source_fd, attributes=mounts.RDONLY | mounts.NOSUID, subject=python)
    for fd in fds:
        if fd >= 0:
            os.set_inheritable(fd, True)
    words = [python, "-I", "-S", "-c", _STUB + stub, marshal.dumps(list(search_path)).hex(), *map(str, fds)]
    os.execve(python_fd, words, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
