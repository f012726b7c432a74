"""The first helper of the shim: it makes the container, reports, and ends.

It lives beside the watch, and is forked before the order is there, so that what it needs (ctypes, prctl) is imported
while quiltctl still writes to the database, and a mount namespace of its own is made. Then it prepares the folder,
has the container's first process born, and waits for its exec. A program that runs is written to the database and
told to quiltctl; whatever fails is undone, written and told instead.

Where an id inside owns the interpreter, it first executes itself anew, from a read-only mount of that: the container's
first process is its fork, and an image whose program is /proc/self/exe would get hold of the file.
"""

from __future__ import annotations

import marshal
import os

from quiltctl.errors import HostLacks, QuiltError
from quiltctl.model.spec import Spec
from quiltctl.paths import Paths
from quiltctl.runtime import interpreter, program
from quiltctl.runtime.lifecycle import settle
from quiltctl.runtime.lifecycle.failure import explain
from quiltctl.runtime.linux import mounts, privileges, processes
from quiltctl.runtime.shim import birth, folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_SIGKILL = 9


def main(order_fd: int, answer_fd: int, ready_fd: int, *stdio_fds: int) -> NoReturn:
    """Make the container that the order describes; tell the watch its pid, and quiltctl how it went."""
    privileges.forbid_dumps()
    # The command line of the caller can hold -e NAME=VALUE, and not only root may read that of its forks.
    privileges.set_title("quiltctl-build")
    processes.leave(processes.CLONE_NEWNS)
    mounts.make_private()
    try:
        with open(order_fd, "rb") as file:
            order: dict[str, Any] = marshal.load(file)
    except (EOFError, ValueError):
        os._exit(0)  # quiltctl has changed its mind
    try:
        answer = _build(order, (answer_fd, ready_fd, *stdio_fds))
    except Exception as error:  # noqa: BLE001 (the last one that can tell)
        answer = ("failed", "failed", f"the shim failed: {type(error).__name__}: {error}", "")
    try:
        os.write(answer_fd, marshal.dumps(answer))
    finally:
        os._exit(0)


def _build(order: dict[str, Any], fds: tuple[int, ...]) -> tuple[str, ...]:
    """Make the container and return the answer: running, or failed with code and sentence."""
    _, ready_fd, *stdio_fds = fds
    paths, spec = Paths(order["root"]), Spec(**order["spec"])
    if not order.get("guarded") and interpreter.is_within_reach(spec.uid_map, spec.gid_map):
        _start_anew(order, fds)
    container_dir = paths.container(spec.id)
    try:
        folder.prepare(container_dir, spec, order["log_dir"], f"{paths.layers}/{spec.layers[-1]}")
        born = birth.launch(paths, spec, tuple(stdio_fds), order["joined"])
    except birth.NoUserNamespace as error:
        if not spec.userns_given and order["generation"] == 1:
            _fall_back(order, fds, str(error))
        return _give_up(paths, spec, order["generation"], _without_user_namespace(spec, error))
    except QuiltError as error:
        return _give_up(paths, spec, order["generation"], error)
    except OSError as error:
        failure = program.Failure("prepare", "kernel", error.errno or 0, str(error.filename or ""))
        return _give_up(paths, spec, order["generation"], explain(spec, failure))
    failed = _wait_for_exec(born)
    if failed is None:
        if settle.note_running(paths, spec, order["generation"], pid=born.host_pid, started=born.started):
            os.write(ready_fd, f"{os.getpid()} {born.pid}".encode())
            return ("running", str(born.host_pid), str(born.started), spec.fallback)
        failed = program.Failure("running", "kernel", 0, "", "the container was removed while it started")
        os.kill(born.pid, _SIGKILL)
    return _give_up(paths, spec, order["generation"], explain(spec, failed))


def _start_anew(order: dict[str, Any], fds: tuple[int, ...]) -> NoReturn:
    """Execute this module in an interpreter that a container cannot write to, with the same order."""
    order_fd = interpreter.pass_on({**order, "guarded": True})
    stub = "from quiltctl.runtime.shim.build import main;main(*map(int,sys.argv[1:]))"
    interpreter.execute_read_only(stub, order["search_path"], (order_fd, *fds))


def _fall_back(order: dict[str, Any], fds: tuple[int, ...], reason: str) -> NoReturn:
    """Begin again without a user namespace, where that was nobody's express wish."""
    spec = order["spec"]
    # Empty, and of a range that is given back: it is made again for real root.
    os.rmdir(f"{Paths(order['root']).container(spec['id'])}/upper")
    alone = {**spec, "userns": "host", "uid_map": (), "gid_map": (), "fallback": reason}
    _start_anew({**order, "spec": alone}, fds)


def _without_user_namespace(spec: Spec, error: birth.NoUserNamespace) -> HostLacks:
    return HostLacks(
        f"cannot start {spec.name} with --userns {spec.userns}: {error}",
        hint="look at `quiltctl system check`, or run it with --userns host, where root inside is root outside",
    )


def _give_up(paths: Paths, spec: Spec, generation: int, refusal: QuiltError) -> tuple[str, ...]:
    """Undo and write what did not come to run, and return the answer."""
    settle.note_failure(paths, spec, generation, refusal)
    return ("failed", refusal.code, str(refusal), refusal.hint or "")


def _wait_for_exec(born: birth.Born) -> program.Failure | None:
    """Wait until the first process has become the program, and return why it has not, if so."""
    with open(born.failure_fd, "rb") as file:
        told = file.read()
    return program.Failure(*marshal.loads(told)) if told else None
