"""Starting a shim: early, while quiltctl still has work to do, so that three processes get ready side by side.

A helper brings itself into our cgroup for shims and a session of its own, clones PID 1 of a new PID namespace, and
ends. That one forks ``build``, which shares all that is loaded already and ends as soon as the container runs, and
becomes the ``watch`` by executing a fresh interpreter: a fork of this one would keep 25 MiB for as long as the
container runs. Neither gets anything by arguments or environment: the orders come down pipes. Build is a child of the
watch, and so is the process that build clones, from its birth.
"""

from __future__ import annotations

import errno
import fcntl
import marshal
import os

from quiltctl import errors
from quiltctl.model.value import Value
from quiltctl.runtime import interpreter, liveness
from quiltctl.runtime.cgroup import group, place, tree
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.linux import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths

# By -c, not as a script: a script given by path is compiled each time. The search path comes first, because an
# isolated interpreter finds neither quiltctl nor prctl by itself.
_STUB = (
    "import sys,marshal;f=open(0,'rb',closefd=False);sys.path[:]=marshal.load(f);"
    "from quiltctl.runtime.shim.watch import main;main(f)"
)


_ATTEMPTS = 5


class Shim(Value):
    """A shim that waits for its order, and our ends of the pipes to it. Descriptors that are not there are -1."""

    helper: int
    born_fd: int
    order_fd: int
    build_fd: int
    answer_fd: int
    stdin_fd: int
    stdout_fd: int
    stderr_fd: int

    def identify(self) -> tuple[int, int]:
        """Return the shim's pid and start time, once the helper has told; call it once.

        Raises:
            KernelError: there is no shim: the kernel has refused something.
        """
        with open(self.born_fd, "rb") as file:
            told = file.read().decode(errors="replace")
        os.waitpid(self.helper, 0)
        if not told.isdigit():
            raise errors.KernelError(
                f"cannot start a shim: {told or 'it died at once'}", hint="see: quiltctl system check"
            )
        return int(told), liveness.start_time(int(told)) or 0

    def give_order(self, order: dict[str, Any]) -> None:
        """Tell watch and build what to run.

        Raises:
            BrokenPipeError: they have died.
        """
        data = marshal.dumps(order)
        for fd in (self.build_fd, self.order_fd):
            _write_all(fd, data)
        os.close(self.build_fd)

    def hear_answer(self) -> tuple[str, ...]:
        """Return the shim's next message, or () when it has ended without one."""
        try:
            with open(self.answer_fd, "rb", buffering=0, closefd=False) as file:
                answer: tuple[str, ...] = marshal.load(file)
        except EOFError:
            return ()
        return answer


def is_nested(spec: Spec) -> bool:
    """Return whether the container's PID namespace is below that of its shim."""
    return spec.pid == "private"


def cgroup_of(paths: Paths, spec: Spec) -> str:
    """Return the cgroup in which the shim of a container shall live, "" for its caller's."""
    return place.of_shim(paths, spec.cgroup_parent) if spec.cgroups == "enabled" else ""


class _Pipes:
    """The pipes between the three, each as (reading end, writing end), and who keeps which ends."""

    def __init__(self, *, attached: bool) -> None:
        self.order, self.build, self.answer, self.born, self.ready = (os.pipe2(os.O_CLOEXEC) for _ in range(5))
        # Between the container and the watch.
        self.inputs, self.outputs, self.errors = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
        # Between the watch and us, in the foreground.
        self.client = tuple(os.pipe2(os.O_CLOEXEC) if attached else (-1, -1) for _ in range(3))

    def of_watch(self, held: Sequence[int]) -> list[int]:
        """Return what becomes the watch's descriptors 0, 1, ...; -1 is /dev/null. See runtime/shim/watch.py."""
        (client_in, _), (_, client_out), (_, client_err) = self.client
        streams = (self.outputs[0], self.errors[0], self.inputs[1])
        return [self.order[0], self.answer[1], -1, client_in, client_out, client_err, *streams, self.ready[0], *held]

    def of_build(self) -> tuple[int, ...]:
        """Return what build keeps: its order, the answer, the pipe to the watch, and the program's streams."""
        return (self.build[0], self.answer[1], self.ready[1], self.inputs[0], self.outputs[1], self.errors[1])

    def ours(self) -> tuple[int, ...]:
        """Return what this process keeps."""
        (_, client_in), (client_out, _), (client_err, _) = self.client
        return (self.born[0], self.order[1], self.build[1], self.answer[0], client_in, client_out, client_err)

    def close_but(self, kept: tuple[int, ...]) -> None:
        """Close every end but these."""
        pairs = (self.order, self.build, self.answer, self.born, self.ready)
        for pair in (*pairs, self.inputs, self.outputs, self.errors, *self.client):
            for fd in pair:
                if fd >= 0 and fd not in kept:
                    os.close(fd)


def spawn(*, cgroup: str, attached: bool, nested: bool, wired: bool, held: Sequence[int] = ()) -> Shim:
    """Start a shim and return it, without waiting for anything.

    ``cgroup`` is where it shall live, beside its caller's limits; "" is where its caller does.
    It is PID 1 of a namespace in which the container's is ``nested``, and the container cannot outlive it, unless the
    container shares the PID namespace of the host or of another container: those are not below the shim's.
    One that is ``wired`` gets interfaces in networks: build loads what makes them while it waits for its order.
    ``held`` are the sockets that keep the container's ports of the host; they pass over to the watch.
    What the caller has imported by now, build need not import again: that is why ctypes is imported above.

    Raises:
        HostLacks: without the rights of root nothing can be run.
    """
    if os.geteuid() != 0:
        raise errors.HostLacks("cannot run containers without being root", hint="run it through sudo")
    pipes = _Pipes(attached=attached)
    helper = os.fork()
    if helper == 0:
        _be_helper(cgroup, pipes, held, processes.CLONE_NEWPID if nested else 0, wired=wired)
    pipes.close_but(pipes.ours())
    for fd in held:
        os.close(fd)
    shim = Shim(helper, *pipes.ours())
    _write_all(shim.order_fd, marshal.dumps(interpreter.search_path()))
    return shim


def _be_helper(cgroup: str, pipes: _Pipes, held: Sequence[int], flags: int, *, wired: bool) -> NoReturn:
    """Clone what becomes the watch, tell its pid, and end: from then on it is nobody's child."""
    born_fd = pipes.born[1]
    try:
        os.setsid()
        pid = _clone_into(cgroup, flags)
        if pid == 0:
            _become_watch_beside_build(pipes, held, wired=wired)
        os.write(born_fd, str(pid).encode())
    except OSError as error:
        os.write(born_fd, f"{error.filename}: {error.strerror}".encode())
    finally:
        os._exit(0)


def _clone_into(cgroup: str, flags: int) -> int:
    """Clone what becomes the watch, mostly the first of a new PID namespace, into the cgroup of shims; 0 in the child.

    A gc that finds the cgroup empty, or systemd, may remove it just before the clone: then it is made again.
    """
    if not cgroup:
        return processes.clone(flags)
    for attempt in range(_ATTEMPTS):
        try:
            group.leave_callers(cgroup)
            return processes.clone(flags, cgroup_fd=_open_shared(cgroup))
        except OSError as error:
            if error.errno not in {errno.ENODEV, errno.ENOENT} or attempt == _ATTEMPTS - 1:
                raise
    return -1


def _open_shared(cgroup: str) -> int | None:
    """Return the descriptor of the shims' cgroup on v2, made if it is not there; None without v2."""
    if ".scope/" in cgroup:
        from quiltctl.runtime.cgroup import delegation  # where systemd owns the tree

        delegation.ensure_scope(cgroup)
    unified = find_layout().unified
    return tree.make(unified, cgroup) if unified else None


def _become_watch_beside_build(pipes: _Pipes, held: Sequence[int], *, wired: bool) -> NoReturn:
    """Fork build, then take the descriptors 0, 1, ... as given, close all others, and execute the interpreter."""
    try:
        python = interpreter.path()
        if os.fork() == 0:
            _become_build(pipes, held, wired=wired)
        fds = pipes.of_watch(held)
        null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        # Out of the way first: a descriptor may stand where another has to go.
        high = [fcntl.fcntl(null_fd if fd < 0 else fd, fcntl.F_DUPFD_CLOEXEC, len(fds)) for fd in fds]
        for wanted, fd in enumerate(high):
            os.dup2(fd, wanted)
        os.closerange(len(fds), 1 << 30)
        os.chdir("/")
        os.umask(0o022)
        os.execve(python, [python, "-I", "-S", "-c", _STUB], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    finally:
        os._exit(1)


def _become_build(pipes: _Pipes, held: Sequence[int], *, wired: bool) -> NoReturn:
    """Keep the pipes of build alone, and build."""
    try:
        for fd in held:
            os.close(fd)
        pipes.close_but(pipes.of_build())
        from quiltctl.runtime.shim.build import main

        if wired:
            # 4 ms, while nobody waits for them.
            from quiltctl.runtime.lifecycle import lease  # noqa: F401
            from quiltctl.runtime.network import attach  # noqa: F401
        main(*pipes.of_build())
    finally:
        os._exit(1)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
