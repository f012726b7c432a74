"""The end of the watch: the exit record, then the database, by whoever is there to write it, then nothing.

This module is loaded by the watch: built-in modules only, and nothing after the container runs.
"""

from __future__ import annotations

import marshal
import posix
import select
import time

from quiltctl.runtime.shim.pump import milliseconds_to
from quiltctl.runtime.shim.watched import ANSWER_FD, FIRST_HELD_FD, ORDER_FD, SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from quiltctl.runtime.shim.watched import Watched

ACKNOWLEDGE_MS = 2000
"""How long the foreground may take to write the end to the database before ``settle`` does it."""
OOM = "oom-killed"
_SETTLE = "import sys;sys.path[:]=sys.argv[3:];from quiltctl.runtime.shim.settle import main;main(*sys.argv[1:3])"


def finish(order: dict[str, Any], watched: Watched) -> NoReturn:
    """Write the exit record, then have the end written to the database, and end."""
    posix.closerange(FIRST_HELD_FD, FIRST_HELD_FD + order["held"] + order["bound"])
    watched.oom.look()
    _write_record(order, watched, _reason(watched))
    acknowledged = False
    if order["attached"]:
        try:
            _write_all(ANSWER_FD, marshal.dumps(("exited",)))
            acknowledged = _wait_for_acknowledgement(watched)
        except OSError:  # EPIPE: the foreground has gone
            acknowledged = False
    if not acknowledged:
        # While a client is stuck with its output, settle goes on beside us; it would end with us, so we wait for it.
        beside = posix.fork() if any(pump.pending for pump in watched.pumps) else 0
        if beside == 0:
            execute(order, _SETTLE, order["root"], order["id"])
        _flush(watched, None)
        posix.waitpid(beside, 0)
    _flush(watched, None)
    posix._exit(0)


def _wait_for_acknowledgement(watched: Watched) -> bool:
    """Give the foreground its last output while it writes the end to the database. Returns whether it says it has."""
    _flush(watched, time.monotonic() + ACKNOWLEDGE_MS / 1000)
    poller = select.poll()
    poller.register(ORDER_FD, select.POLLIN)
    return bool(poller.poll(ACKNOWLEDGE_MS)) and posix.read(ORDER_FD, 1) == b"k"


def _flush(watched: Watched, deadline: float | None) -> None:
    """Give the clients what is left for them, until a deadline or for as long as they take, then let them go."""
    while any(pump.pending for pump in watched.pumps):
        poller = select.poll()
        for pump in watched.pumps:
            if pump.pending:
                poller.register(pump.client_fd, select.POLLOUT)
        if not poller.poll(milliseconds_to(deadline)):
            return
        for pump in watched.pumps:
            if pump.pending:
                pump.push()
    for pump in watched.pumps:
        pump.drop_client()


def _reason(watched: Watched) -> str:
    """Return why it has ended: by the OOM killer if that was at work and nothing else accounts for SIGKILL.

    The code is 137 also where PID 1 is an init or a shell, and tells what has become of the program.
    """
    if watched.stop_requested:
        return "stopped"
    if watched.left_alone:
        return "caller-ended"
    if watched.timed_out:
        return "timeout"
    killed = watched.ended_as == 128 + SIGKILL and not watched.kill_requested
    return OOM if killed and watched.oom.kills else "exited"


def _write_record(order: dict[str, Any], watched: Watched, reason: str) -> None:
    """Write the exit record (runtime/exit_record.py), whole or not at all, and see it on the disk."""
    text = (
        f"quiltctl-exit 1\ngeneration {order['generation']}\ncode {watched.ended_as or 0}\nreason {reason}\n"
        f"oom_killed {int(reason == OOM)}\noom_kills {watched.oom.kills}\nfinished_at {time.time_ns()}\n"
    )
    # The file was given its blocks when the container started, so that a full disk cannot keep the code from landing.
    path = order["exit_record"]
    try:
        fd = posix.open(f"{path}.tmp", posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC, 0o600)
        _write_all(fd, text.encode())
        posix.ftruncate(fd, len(text))
        posix.fsync(fd)
        posix.close(fd)
        posix.rename(f"{path}.tmp", path)
    except OSError:
        # The disk itself is broken, or the folder gone. The end will be told as unknown, and never guessed.
        return


def execute(order: dict[str, Any], stub: str, *facts: str) -> NoReturn:
    """Become another program of ours, from the code that is installed now; end where that has gone."""
    try:
        posix.execv(order["python"], [order["python"], "-I", "-S", "-c", stub, *facts, *order["search_path"]])
    finally:
        posix._exit(1)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[posix.write(fd, data) :]
