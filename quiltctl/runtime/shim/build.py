"""The first helper of the shim: it makes the container, reports, and ends.

It lives beside the watch, and is forked before the order is there, so that what it needs (ctypes, prctl) is imported
while quiltctl still writes to the database, and a mount namespace of its own is made. Then it prepares the folder,
has the container's first process born, and waits for its exec. A program that runs is written to the database and
told to quiltctl; whatever fails is undone, written and told instead.

Where an id inside owns the interpreter, it first executes itself anew, from a read-only mount of that: the container's
first process is its fork, and an image whose program is /proc/self/exe would get hold of the file.
"""

from __future__ import annotations

import errno
import marshal
import os

from quiltctl.db.connection import open_to_write
from quiltctl.errors import HostLacks, KernelError, QuiltError
from quiltctl.model.endpoint import Endpoint, routed
from quiltctl.model.spec import Spec
from quiltctl.paths import Paths
from quiltctl.runtime import interpreter, program, rlimits, sandbox
from quiltctl.runtime.lifecycle import settle
from quiltctl.runtime.lifecycle.failure import explain
from quiltctl.runtime.linux import mounts, pidfd, privileges, processes
from quiltctl.runtime.shim import birth, folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_SIGKILL = 9
_SHOWS_ALL = {"fsmount proc": "/proc", "fsmount sysfs": "/sys"}
"""In a user namespace these are mounted only where the caller sees them whole (user_namespaces(7))."""


def main(order_fd: int, answer_fd: int, ready_fd: int, *stdio_fds: int) -> NoReturn:
    """Make the container that the order describes; tell the watch its pid, and quiltctl how it went."""
    unready = _get_ready()
    try:
        with open(order_fd, "rb") as file:
            order: dict[str, Any] = marshal.load(file)
    except (EOFError, ValueError):
        os._exit(0)  # quiltctl has changed its mind
    try:
        answer = _build(order, (answer_fd, ready_fd, *stdio_fds), unready)
    except Exception as error:  # noqa: BLE001 (the last one that can tell)
        answer = ("failed", "failed", f"the shim failed: {type(error).__name__}: {error}", "")
    try:
        os.write(answer_fd, marshal.dumps(answer))
    finally:
        os._exit(0)


def _get_ready() -> OSError | None:
    """Do what needs no order, while quiltctl still writes to the database. Returns what went wrong, to be told then."""
    try:
        privileges.forbid_dumps()
        # The command line that this is a fork of is the caller's, with whatever secrets stand in it.
        privileges.set_title("quiltctl-build")
        rlimits.set_oom_score(0)
        processes.leave(processes.CLONE_NEWNS)
        mounts.make_private()
    except OSError as error:
        return error
    return None


def _build(order: dict[str, Any], fds: tuple[int, ...], unready: OSError | None) -> tuple[str, ...]:
    """Make the container and return the answer: running, or failed with code and sentence."""
    paths, spec = Paths(order["root"]), Spec(**order["spec"])
    try:
        if unready is not None:
            raise unready
        if not order.get("guarded") and interpreter.is_within_reach(order["python"], spec.uid_map, spec.gid_map):
            _start_anew(order, fds)
        born, warning = _bear(paths, spec, order, fds[2:])
        _announce(paths, spec, order, born, fds[1])
    except birth.NoUserNamespace as error:
        return _do_without(paths, spec, order, fds, error)
    except QuiltError as error:
        return _give_up(paths, spec, order["generation"], error)
    except OSError as error:
        failure = program.Failure("prepare", "kernel", error.errno or 0, str(error.filename or ""))
        return _give_up(paths, spec, order["generation"], explain(spec, failure))
    return ("running", str(born.host_pid), str(born.started), spec.fallback, warning)


def _bear(paths: Paths, spec: Spec, order: dict[str, Any], stdio_fds: tuple[int, ...]) -> tuple[birth.Born, str]:
    """Return the first process once it has become the program, and what the user should be warned of.

    Raises:
        QuiltError: it has not; the error says why.
        NoUserNamespace, OSError: something could not be made.
    """
    endpoints = _endpoints(order)
    if spec.oom_score_adj:
        rlimits.set_oom_score(spec.oom_score_adj)
    folder.prepare(paths.container(spec.id), spec, order["log_dir"], f"{paths.layers}/{spec.layers[-1]}", endpoints)
    born = birth.launch(paths, spec, stdio_fds, order["joined"])
    unconnected: Exception | None = None
    warning = ""
    if spec.network == "bridge":
        try:
            warning = _connect(paths, endpoints, born)  # while it builds its root
        except (OSError, QuiltError) as error:
            unconnected = error  # it may have ended meanwhile, and then what it tells is the reason
    born.gate.close()
    with open(born.failure_fd, "rb") as file:
        told = file.read()
    if not told and unconnected is not None:
        raise unconnected
    if not told:
        return born, warning
    failure = program.Failure(*marshal.loads(told))
    if spec.uid_map and failure.errno == errno.EPERM and failure.subject in _SHOWS_ALL:
        raise birth.NoUserNamespace(f"{_SHOWS_ALL[failure.subject]} has parts of it hidden on this host")
    raise explain(spec, failure)


def _endpoints(order: dict[str, Any]) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(**facts) for facts in order["endpoints"])


def _connect(paths: Paths, endpoints: tuple[Endpoint, ...], born: birth.Born) -> str:
    """Wire the first process to its networks, tell its neighbours, and then it that all is there.

    Returns what the user should be warned of, or nothing.

    Raises:
        QuiltError, OSError: something could not be made.
    """
    from quiltctl.runtime.network import attach

    folder_fd = pidfd.open_folder(born.host_pid, born.started)
    netns_fd = os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder_fd)
    warning = attach.connect(paths, endpoints, netns_fd, way_out=routed(endpoints))
    os.close(netns_fd)
    os.close(folder_fd)
    if any(endpoint.names for endpoint in endpoints):
        from quiltctl.runtime.lifecycle import lease

        lease.tell_others(paths, open_to_write(paths), endpoints)
    sandbox.open_second_gate(born.gate)
    return warning


def _announce(paths: Paths, spec: Spec, order: dict[str, Any], born: birth.Born, ready_fd: int) -> None:
    """Write that the program runs, and tell the watch; if either cannot be, the program must not go on.

    Raises:
        KernelError: the container was removed meanwhile, or its shim is dead.
    """
    identity = {"pid": born.host_pid, "started": born.started}
    if not settle.note_running(paths, spec, order["generation"], _endpoints(order), **identity):
        os.kill(born.pid, _SIGKILL)
        raise KernelError(f"cannot start {spec.name}: the container was removed while it started")
    try:
        os.write(ready_fd, f"{os.getpid()} {born.pid}".encode())
    except BrokenPipeError as error:
        os.kill(born.pid, _SIGKILL)
        raise KernelError(f"cannot start {spec.name}: its shim died before the program ran") from error


def _do_without(
    paths: Paths, spec: Spec, order: dict[str, Any], fds: tuple[int, ...], error: birth.NoUserNamespace
) -> tuple[str, ...]:
    """Begin again without a user namespace, where that was nobody's express wish and no file has its ids yet."""
    if not spec.userns_given and not settle.has_run(paths, spec.id):
        alone = {**order["spec"], "userns": "host", "uid_map": (), "gid_map": (), "fallback": str(error)}
        from quiltctl.runtime.network import detach
        from quiltctl.runtime.tree import remove_tree

        try:
            for endpoint in _endpoints(order):
                detach.detach(endpoint)  # its wire may still be dying with the first attempt
            remove_tree(f"{paths.container(spec.id)}/upper")  # of a range that is given back
            _start_anew({**order, "spec": alone}, fds)
        except OSError as failed:
            failure = program.Failure("prepare", "kernel", failed.errno or 0, str(failed.filename or ""))
            return _give_up(paths, spec, order["generation"], explain(spec, failure))
    return _give_up(paths, spec, order["generation"], _without_user_namespace(spec, error))


def _start_anew(order: dict[str, Any], fds: tuple[int, ...]) -> NoReturn:
    """Execute this module in an interpreter that a container cannot write to, with the same order."""
    order_fd = interpreter.pass_on({**order, "guarded": True})
    stub = "from quiltctl.runtime.shim.build import main;main(*map(int,sys.argv[1:]))"
    interpreter.execute_read_only(order["python"], stub, order["search_path"], (order_fd, *fds))


def _without_user_namespace(spec: Spec, error: birth.NoUserNamespace) -> HostLacks:
    return HostLacks(
        f"cannot start {spec.name} in a user namespace: {error}",
        hint="look at `quiltctl system check`, or run it with --userns host, where root inside is root outside",
    )


def _give_up(paths: Paths, spec: Spec, generation: int, refusal: QuiltError) -> tuple[str, ...]:
    """Undo and write what did not come to run, and return the answer."""
    settle.note_failure(paths, spec, generation, refusal)
    return ("failed", refusal.code, str(refusal), refusal.hint or "")
