"""Starting a shim: early, while quiltctl still has work to do, in a shape that lets the order follow later.

A first child brings itself into our cgroup for shims and its own session, and clones the shim into a new PID
namespace; then it ends. The shim is a fresh interpreter: a fork of this one would keep 25 MiB for as long as the
container runs. It gets nothing by its arguments and its environment; the order comes down a pipe, first the
module search path (an isolated interpreter finds neither quiltctl nor prctl by itself), then what to do.
"""

from __future__ import annotations

import marshal
import os
import sys

from quiltctl import errors
from quiltctl.model.value import Value
from quiltctl.runtime import liveness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from quiltctl.paths import Paths

# By -c, not as a script: a script given by path is compiled each time.
_STUB = (
    "import sys,marshal;f=open(0,'rb',closefd=False);sys.path[:]=marshal.load(f);"
    "from quiltctl.runtime.shim.watch import main;main(f)"
)


class Shim(Value):
    """A shim that waits for its order, and our ends of the pipes to it. Descriptors that are not there are -1."""

    helper: int
    born_fd: int
    order_fd: int
    answer_fd: int
    stdin_fd: int
    stdout_fd: int
    stderr_fd: int

    def identify(self) -> tuple[int, int]:
        """Return the shim's pid and start time, once its parent has told; call it once.

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
        return int(told), liveness.start_time(told) or 0

    def give_order(self, order: dict[str, Any]) -> None:
        """Tell the shim what to run.

        Raises:
            QuiltError: it has died.
        """
        data = memoryview(marshal.dumps(order))
        try:
            while data:
                data = data[os.write(self.order_fd, data) :]
        except BrokenPipeError as error:
            raise errors.KernelError("the shim has died before it was told what to run") from error

    def hear_answer(self) -> tuple[str, ...]:
        """Return the shim's next message, or () when it has ended without one."""
        try:
            with open(self.answer_fd, "rb", buffering=0, closefd=False) as file:
                answer: tuple[str, ...] = marshal.load(file)  # noqa: S302 (from our own child)
        except EOFError:
            return ()
        return answer


def spawn(paths: Paths, *, attached: bool) -> Shim:
    """Start a shim and return it, without waiting for anything.

    Raises:
        HostLacks: without the rights of root nothing can be run.
    """
    if os.geteuid() != 0:
        raise errors.HostLacks("cannot run containers without being root", hint="run it through sudo")
    order_r, order_w = os.pipe2(os.O_CLOEXEC)
    answer_r, answer_w = os.pipe2(os.O_CLOEXEC)
    born_r, born_w = os.pipe2(os.O_CLOEXEC)
    (in_r, in_w), (out_r, out_w), (err_r, err_w) = (
        [os.pipe2(os.O_CLOEXEC) for _ in range(3)] if attached else [(-1, -1)] * 3
    )
    helper = os.fork()
    if helper == 0:
        _become_parent_of_shim(paths, born_w, [order_r, answer_w, -1, *((in_r, out_w, err_w) if attached else ())])
    for fd in (order_r, answer_w, born_w, in_r, out_w, err_w):
        if fd >= 0:
            os.close(fd)
    os.write(order_w, marshal.dumps(search_path()))
    return Shim(helper, born_r, order_w, answer_r, in_w, out_r, err_r)


def search_path() -> list[str]:
    """Return where a shim finds its modules: quiltctl's own folder first, then what this interpreter searches."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [home, *(entry for entry in sys.path[1:] if entry != home and entry)]


def interpreter() -> str:
    """Return the real interpreter: not a version manager's wrapper, nor a virtual environment's link, which may go."""
    return os.readlink("/proc/self/exe")


def _become_parent_of_shim(paths: Paths, born_fd: int, fds: list[int]) -> NoReturn:
    """Clone the shim, tell its pid, and end. It is the only child, so that it is nobody's when we have ended."""
    try:
        from quiltctl.runtime import cgroups
        from quiltctl.runtime.linux import processes

        python = interpreter()
        os.setsid()
        cgroup_fd = cgroups.enter_shims(paths.cgroup)
        pid = processes.clone(processes.CLONE_NEWPID, cgroup_fd=cgroup_fd)
        if pid == 0:
            _become_shim(python, fds)
        os.write(born_fd, str(pid).encode())
    except OSError as error:
        os.write(born_fd, f"{error.filename}: {error.strerror}".encode())
    finally:
        os._exit(0)


def _become_shim(python: str, fds: list[int]) -> NoReturn:
    """Take the descriptors 0, 1, ... as given, -1 being /dev/null, close all others, and execute the interpreter."""
    try:
        null_fd = os.open("/dev/null", os.O_RDWR)
        # Out of the way first: a descriptor may stand where another has to go.
        high = [_above(null_fd if fd < 0 else fd, len(fds)) for fd in fds]
        for wanted, fd in enumerate(high):
            os.dup2(fd, wanted)
        os.closerange(len(fds), 1 << 30)
        os.chdir("/")
        os.umask(0o022)
        os.execve(python, [python, "-I", "-S", "-c", _STUB], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    finally:
        os._exit(1)


def _above(fd: int, least: int) -> int:
    """Return a copy of the descriptor that is at least this high (F_DUPFD, fcntl(2))."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)
