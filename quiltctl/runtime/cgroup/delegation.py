"""Cgroups from systemd: where it owns the v2 tree, a scope that is delegated to quiltctl is the only honest place.

What were made beside its units would lose its controllers when systemd reloads: it writes to the root of the tree what
its units need, and nothing else. Below a unit with ``Delegate=`` it touches nothing ("Control Group APIs and
Delegation" of systemd). A scope lives as long as a process is in it, and systemd removes it with all that lies below.
So the first shim or container brings it about, and nobody has to remove it.
"""

from __future__ import annotations

import errno
import os
import time

from quiltctl.runtime import interpreter
from quiltctl.runtime.cgroup import place, tree
from quiltctl.runtime.cgroup.layout import find_layout

_ASK = "/usr/bin/systemd-run"
_ATTEMPTS = 50
_STEP_S = 0.05
_HOLDER = (
    "import posix,sys;d=sys.argv[1];posix.mkdir(d);f=posix.open(d+'/cgroup.procs',1);posix.write(f,b'0');"
    "posix.write(1,b'y');posix.read(0,1)"
)
"""The first process of a scope. It leaves the scope itself for a cgroup below: one with processes in it passes no
controllers on. It ends when we do, or let it go, and by then somebody else is in the scope."""


def open_shared(path: str) -> int | None:
    """Return the descriptor of a cgroup for many on v2, or None without one, made with its scope if it is not there.

    A new scope is kept until this process and those that it forks have ended or executed something.

    Raises:
        OSError: it cannot be made, or systemd does not make its scope.
    """
    layout = find_layout()
    if not layout.unified:
        return None
    before, scope, _ = path.partition(".scope/")
    if scope:
        _ensure(f"{layout.unified}/{before}.scope")
    return tree.make(layout.unified, path)


def _ensure(directory: str) -> None:
    for _ in range(_ATTEMPTS):
        if os.path.isdir(directory) or _ask_for(directory):
            return
        # Somebody else has just asked for the same, or the one before is not quite gone.
        time.sleep(_STEP_S)
    raise OSError(errno.EIO, "systemd does not make this scope", directory)


def _ask_for(directory: str) -> bool:
    """Have systemd make a scope with a process in it that keeps it. Returns whether it has."""
    hold_r, hold_w = os.pipe2(os.O_CLOEXEC)
    ready_r, ready_w = os.pipe2(os.O_CLOEXEC)
    slice_name, unit = directory.split("/")[-2:]
    properties = ("Delegate=yes", "TasksMax=infinity", "CollectMode=inactive-or-failed")
    words = [
        *("systemd-run", "--quiet", "--scope", f"--slice={slice_name}", f"--unit={unit}"),
        "--description=Containers of quiltctl",
        *(f"--property={text}" for text in properties),
        *("--", interpreter.path(), "-I", "-S", "-c", _HOLDER, f"{directory}/{place.HOLDER}"),
    ]
    null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    files = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((hold_r, ready_w, null_fd))]
    try:
        os.posix_spawn(_ASK, words, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, file_actions=files)
    finally:
        for fd in (hold_r, ready_w, null_fd):
            os.close(fd)
    with open(ready_r, "rb") as file:
        made = bool(file.read(1))
    if not made:
        os.close(hold_w)
    return made
