"""PID 1 of a container started with --init: it forwards signals to the program and reaps whatever dies.

It forks; the child goes on and becomes the program. The parent stays, blocks every signal, and from then on only
takes them as they come: SIGCHLD means that somebody died, anything else is for the program. When the program has
ended, this process ends with its code, 128+n for a signal, and the kernel ends all that is left in the namespace.
"""

from __future__ import annotations

import _signal
import os

from quiltctl.runtime.linux import privileges

_SIGCHLD = 17


def become_init() -> None:
    """Fork: return in the child, supervise it in the parent until the end."""
    every_signal = _signal.valid_signals()
    _signal.pthread_sigmask(_signal.SIG_BLOCK, every_signal)
    pid = os.fork()
    if pid == 0:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        return
    # The ids were taken since, which made this process dumpable again: /proc/1/exe is the host's interpreter.
    privileges.forbid_dumps()
    privileges.set_title("quiltctl-init")
    # What is marked close-on-exec stays open here, since this process executes nothing.
    os.closerange(3, 1 << 30)
    os._exit(_supervise(pid, every_signal))


def _supervise(pid: int, every_signal: set[int]) -> int:
    while True:
        arrived = _signal.sigwait(every_signal)
        if arrived != _SIGCHLD:
            os.kill(pid, arrived)
        elif (code := _reap(pid)) is not None:
            return code


def _reap(pid: int) -> int | None:
    """Reap every child that has ended. Returns the exit code of the program if it was among them."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if ended == 0:
            return code
        if ended == pid:
            code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
