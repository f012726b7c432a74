"""Entering a running container: from a process of the host's to a program inside, for `exec`.

The helper is in the container's cgroup from its birth. It forbids to be looked into before it joins anything, joins
all namespaces at once, and clones the program's process, which takes an identity, the confinement of the container,
and becomes the program. Where an id inside owns the interpreter, the helper first executes itself anew from a read-only
mount of it (runtime/interpreter.py).
"""

from __future__ import annotations

import marshal
import os

from quiltctl.model.spec import Spec
from quiltctl.model.value import Value
from quiltctl.runtime import confinement, interpreter, namespaces, program, rlimits
from quiltctl.runtime.cgroup import group, place
from quiltctl.runtime.linux import privileges, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from quiltctl.paths import Paths
    from quiltctl.runtime.rlimits import Limit

_STUB = "from quiltctl.runtime.enter import main;main(*map(int,sys.argv[1:]))"


class Entry(Value):
    """What the helper inherits, as descriptors; standard ones are -1 for /dev/null."""

    init_fd: int
    """A pidfd of the container's first process."""
    tasks_fds: tuple[int, ...]
    """By these it enters the v1 cgroups."""
    stdio_fds: tuple[int, int, int]
    failure_fd: int
    born_fd: int
    """Where the pid of the program's process is told."""


def order(paths: Paths, spec: Spec, session: dict[str, Any], exact: tuple[Limit, ...]) -> dict[str, Any]:
    """Return what the helper has to know, in plain types: what shall run, and how it is confined."""
    capabilities = privileges.known_capabilities() if session["privileged"] else None
    return {
        "shims": place.of_shim(paths, spec.cgroup_parent) if spec.cgroups == "enabled" else "",
        "spec": spec.to_dict(),
        "session": session,
        "confinement": confinement.of(paths, spec, exact, capabilities).to_dict(),
    }


def be_helper(order: dict[str, Any], entry: Entry, python: str, search_path: Sequence[str]) -> NoReturn:
    """Be the helper, in a process that was forked for it. ``python`` is the path of the interpreter."""
    try:
        # Before it joins: from now on nobody inside may look into this process or open what it has open.
        privileges.forbid_dumps()
        # The command line that we are a fork of is the caller's, with whatever secrets stand in it.
        privileges.set_title("quiltctl-exec")
        rlimits.set_oom_score(order["spec"]["oom_score_adj"])
        if interpreter.is_within_reach(python, order["spec"]["uid_map"], order["spec"]["gid_map"]):
            order_fd = interpreter.pass_on(order)
            fds = (order_fd, entry.init_fd, entry.failure_fd, entry.born_fd, *entry.stdio_fds, *entry.tasks_fds)
            interpreter.execute_read_only(python, _STUB, search_path, fds)
        _enter(order, entry)
    except BaseException as error:  # noqa: BLE001 (nothing may leave this process but through its pipe)
        program.tell_and_leave(entry.failure_fd, "join", error)


def main(order_fd: int, init_fd: int, failure_fd: int, born_fd: int, *fds: int) -> NoReturn:
    """Go on as the helper in a fresh interpreter."""
    try:
        privileges.forbid_dumps()
        processes.close_at_exec(3)
        with open(order_fd, "rb") as file:
            order = marshal.load(file)
        _enter(order, Entry(init_fd, tuple(fds[3:]), (fds[0], fds[1], fds[2]), failure_fd, born_fd))
    except BaseException as error:  # noqa: BLE001 (as above)
        program.tell_and_leave(failure_fd, "join", error)


def _enter(order: dict[str, Any], entry: Entry) -> NoReturn:
    spec = Spec(**order["spec"])
    rights = program.Confinement(**order["confinement"])
    # Where the container has no cgroup of its own, it is in that of the shims, and so is this one.
    if order["shims"]:
        group.leave_callers(order["shims"])
    group.enter(group.Joinable(None, entry.tasks_fds))
    processes.join(entry.init_fd, namespaces.to_enter(spec))
    pid = processes.clone(processes.CLONE_PARENT)
    if pid == 0:
        _become_program(spec, order["session"], entry, rights)
    os.write(entry.born_fd, str(pid).encode())
    os._exit(0)


def _become_program(spec: Spec, session: dict[str, Any], entry: Entry, rights: program.Confinement) -> NoReturn:
    """Walk from the clone to the exec, in the container's namespaces and root."""
    step = "session"
    try:
        program.become_root_inside(spec)
        os.setsid()
        processes.drop_session_keyring()
        step = "user"
        root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        identity = program.look_up(root_fd, session["user"], spec.groups)
        step = "stdio"
        program.take_stdio(entry.stdio_fds, identity)
        step = "workdir"
        # Nothing of the host's is left for a working directory such as /proc/self/fd/N/new to be made in.
        processes.close_all_but(entry.failure_fd)
        os.umask(spec.umask)
        program.go_to(session["workdir"], make=False)
        step = "identity"
        program.reset_signals()
        program.confine(identity, rights)
        step = "exec"
        program.execute(session["argv"], program.environment(session["env"], identity))
    except BaseException as error:  # noqa: BLE001 (as above)
        program.tell_and_leave(entry.failure_fd, step, error)
