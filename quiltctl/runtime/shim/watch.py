"""The watch: the one process that stays beside a container, for seconds or for weeks.

Its life. It is started by quiltctl as PID 1 of a PID namespace of its own, in which the container's is nested: when
it dies, by whatever cause, the kernel kills the container with it. Beside it, in the same namespace, ``build`` makes
the container, whose first process is born as the watch's child, tells its pid, and ends. The watch sleeps in
poll(2), and wakes when the container has written something (it goes to the log and to whoever is attached), when a
command has written to the control FIFO, when the timeout has passed, or when the first process has ended. Then it
drains the output, writes the exit record, durably, and has the end written to the database: by the quiltctl that
waits in the foreground, if there is one and it says so in time, otherwise by ``settle``, which it executes in its own
place.

It imports built-in modules and its two neighbours, all before the container runs: what waits must be small, and the
program may be upgraded or removed meanwhile.
"""

from __future__ import annotations

import marshal
import posix
import select
import time

from quiltctl.runtime.shim.log import Log
from quiltctl.runtime.shim.pump import Feed, Pump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, NoReturn

# The descriptors it is born with (runtime/lifecycle/spawn.py).
ORDER_FD = 0
ANSWER_FD = 1
CLIENT_FDS = (3, 4, 5)
"""The ends that a waiting quiltctl passes: its standard input, and where output and errors go."""
OUTPUT_FD = 6
ERROR_FD = 7
INPUT_FD = 8
"""The container's standard streams."""
READY_FD = 9
"""Where build tells that the program runs."""
FIRST_HELD_FD = 10
"""From here on: the sockets that keep the container's ports of the host from others."""
ACKNOWLEDGE_MS = 2000
"""How long the foreground may take to write the end to the database before ``settle`` does it."""
SIGKILL = 9
SETTLE = "import sys;sys.path[:]=sys.argv[3:];from quiltctl.runtime.shim.settle import main;main(*sys.argv[1:3])"


class _Watched:
    """What the watch knows of the container it watches."""

    __slots__ = ("ended_as", "feed", "init_pid", "pumps", "stop_requested", "timed_out")

    def __init__(self) -> None:
        self.init_pid = 0
        self.pumps: list[Pump] = []
        self.feed: Feed | None = None
        self.ended_as: int | None = None
        self.stop_requested = False
        self.timed_out = False


def main(order_file: IO[bytes]) -> NoReturn:
    """Watch over one run of a container; the order comes through the file."""
    _be_spared()
    try:
        order: dict[str, Any] = marshal.load(order_file)
    except (EOFError, ValueError):
        posix._exit(0)  # quiltctl has changed its mind: no such image, a name that is taken
    watched = _Watched()
    _wait_for_birth(watched)
    if watched.init_pid == 0:
        posix._exit(0)  # build has told why, and undone what it had done
    _follow(order, watched)
    _finish(order, watched)


def _be_spared() -> None:
    """Have the OOM killer take the container before its watch, where the host allows it; carry a name in `ps`."""
    for path, text in (("/proc/self/comm", b"quiltctl-shim"), ("/proc/self/oom_score_adj", b"-900")):
        fd = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC)
        try:
            posix.write(fd, text)
        except OSError:  # proc_pid_oom_score_adj(5): lowering the score needs CAP_SYS_RESOURCE
            continue
        finally:
            posix.close(fd)


def _wait_for_birth(watched: _Watched) -> None:
    """Learn from build which process is the container's first, once the program runs, or that it came to nothing."""
    build_pid, _, init_pid = posix.read(READY_FD, 64).partition(b" ")
    if init_pid:
        watched.init_pid = int(init_pid)
        # It ends now; unreaped, it would stand in every list of processes for as long as the container runs.
        _reap(watched, int(build_pid))
    posix.close(READY_FD)


def _follow(order: dict[str, Any], watched: _Watched) -> None:
    """Carry output and input until the first process has ended, and everything it wrote has been read."""
    log = None
    if order["log_driver"] != "none":
        log_fd = posix.open(order["log_dir"], posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        log = Log(log_fd, order["log_bytes"], order["log_files"])
    client_in, client_out, client_err = CLIENT_FDS if order["attached"] else (-1, -1, -1)
    watched.pumps = [Pump("stdout", OUTPUT_FD, client_out, log), Pump("stderr", ERROR_FD, client_err, log)]
    if order["fed"]:
        watched.feed = Feed(client_in, INPUT_FD)
    elif not order["interactive"]:
        posix.close(INPUT_FD)
    control_fd = posix.open(order["control"], posix.O_RDWR | posix.O_NONBLOCK | posix.O_CLOEXEC)
    # One that has ended and been reaped already has no descriptor, and needs none.
    init_fd = posix.pidfd_open(watched.init_pid) if watched.ended_as is None else -1
    deadline = time.monotonic() + order["timeout_s"] if order["timeout_s"] else None
    while watched.ended_as is None:
        _poll_once(watched, init_fd, control_fd, None if watched.timed_out else deadline)
    for pump in watched.pumps:
        # Until EAGAIN, not until the end: a copy of the pipe that was passed elsewhere would never give an end.
        while pump.source_fd >= 0 and pump.pull():
            continue
    if log is not None:
        log.close()


def _poll_once(watched: _Watched, init_fd: int, control_fd: int, deadline: float | None) -> None:
    """Sleep until something happens, and do what it calls for."""
    interests = [stream.interest() for stream in (*watched.pumps, watched.feed) if stream is not None]
    interests += (
        (control_fd, select.POLLIN, lambda: _hear_command(watched, control_fd)),
        (init_fd, select.POLLIN, lambda: _reap(watched, watched.init_pid)),
    )
    poller = select.poll()
    acts = {}
    for interest in interests:
        if interest is not None:
            fd, events, acts[interest[0]] = interest
            poller.register(fd, events)
    for fd, _ in poller.poll(_milliseconds_to(deadline)):
        acts[fd]()
    if deadline is not None and time.monotonic() >= deadline:
        watched.timed_out = True
        posix.kill(watched.init_pid, SIGKILL)


def _hear_command(watched: _Watched, control_fd: int) -> None:
    """Take what a command has written to the control FIFO, a word a line: ``stop`` says that the end is asked for."""
    if b"stop\n" in posix.read(control_fd, 4096):
        watched.stop_requested = True


def _reap(watched: _Watched, wanted_pid: int) -> None:
    """Reap our children until the wanted one was among them; build cloned the container's first process as ours."""
    pid = 0
    while pid != wanted_pid:
        pid, status = posix.waitpid(-1, 0)
        if pid == watched.init_pid:
            code = posix.waitstatus_to_exitcode(status)
            watched.ended_as = code if code >= 0 else 128 - code


def _finish(order: dict[str, Any], watched: _Watched) -> NoReturn:
    """Write the exit record, then have the end written to the database, and end."""
    posix.closerange(FIRST_HELD_FD, FIRST_HELD_FD + order["held"])
    reason = "timeout" if watched.timed_out else "stopped" if watched.stop_requested else "exited"
    _write_record(order, watched.ended_as or 0, reason)
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
            _execute_settle(order)
        _flush(watched, None)
        posix.waitpid(beside, 0)
    _flush(watched, None)
    posix._exit(0)


def _wait_for_acknowledgement(watched: _Watched) -> bool:
    """Give the foreground its last output while it writes the end to the database. Returns whether it says it has."""
    _flush(watched, time.monotonic() + ACKNOWLEDGE_MS / 1000)
    poller = select.poll()
    poller.register(ORDER_FD, select.POLLIN)
    return bool(poller.poll(ACKNOWLEDGE_MS)) and posix.read(ORDER_FD, 1) == b"k"


def _flush(watched: _Watched, deadline: float | None) -> None:
    """Give the clients what is left for them, until a deadline or for as long as they take, then let them go."""
    while any(pump.pending for pump in watched.pumps):
        poller = select.poll()
        for pump in watched.pumps:
            if pump.pending:
                poller.register(pump.client_fd, select.POLLOUT)
        if not poller.poll(_milliseconds_to(deadline)):
            return
        for pump in watched.pumps:
            if pump.pending:
                pump.push()
    for pump in watched.pumps:
        pump.drop_client()


def _write_record(order: dict[str, Any], code: int, reason: str) -> None:
    """Write the exit record (runtime/exit_record.py), whole or not at all, and see it on the disk."""
    text = (
        f"quiltctl-exit 1\ngeneration {order['generation']}\ncode {code}\nreason {reason}\n"
        f"oom_killed 0\nfinished_at {time.time_ns()}\n"
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


def _execute_settle(order: dict[str, Any]) -> NoReturn:
    """Become ``settle``, from the code that is installed now; if that has gone, the record stays and tells."""
    settle = [order["python"], "-I", "-S", "-c", SETTLE, order["root"], order["id"], *order["search_path"]]
    try:
        posix.execv(order["python"], settle)
    finally:
        posix._exit(1)


def _milliseconds_to(deadline: float | None) -> int | None:
    # poll(2) takes an int: a deadline in a month is waited for an hour at a time.
    return None if deadline is None else min(max(0, int((deadline - time.monotonic()) * 1000) + 1), 3_600_000)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[posix.write(fd, data) :]
