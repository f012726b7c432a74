"""The watch: the one process that stays beside a container, for seconds or for weeks.

Its life. It is started by quiltctl as PID 1 of a PID namespace of its own, in which the container's is nested: when
it dies, by whatever cause, the kernel kills the container with it. Beside it, in the same namespace, ``build`` makes
the container, whose first process is born as the watch's child, tells its pid, and ends. The watch sleeps in
poll(2), and wakes when the container has written something (it goes to the log and to whoever is attached), when a
command has written to the control FIFO, when the kernel has killed a process for memory (a helper writes that to the
database), when the timeout has passed, when the process has ended with which the container shall end, or when its
first process has. Then it drains the output, writes the exit record, durably, and has the end written to the database:
by the quiltctl that waits in the foreground, if there is one and it says so in time, otherwise by ``settle``, which it
executes in its own place.

It imports built-in modules and its neighbours, all before the container runs: what waits must be small, and the
program may be upgraded or removed meanwhile.
"""

from __future__ import annotations

import _signal
import marshal
import posix
import select
import time

from quiltctl.runtime.shim.ending import execute, finish
from quiltctl.runtime.shim.log import Log
from quiltctl.runtime.shim.oom import OomCounter
from quiltctl.runtime.shim.pump import Feed, Pump, milliseconds_to
from quiltctl.runtime.shim.watched import (
    CLIENT_FDS,
    ERROR_FD,
    FIRST_HELD_FD,
    INPUT_FD,
    OUTPUT_FD,
    READY_FD,
    SIGKILL,
    SIGTERM,
    Watched,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, NoReturn

_NOTE_OOM = "import sys;sys.path[:]=sys.argv[5:];from quiltctl.runtime.shim.note_oom import main;main(*sys.argv[1:5])"


def main(order_file: IO[bytes]) -> NoReturn:
    """Watch over one run of a container; the order comes through the file."""
    _be_spared()
    try:
        order: dict[str, Any] = marshal.load(order_file)
    except (EOFError, ValueError):
        posix._exit(0)  # quiltctl has changed its mind: no such image, a name that is taken
    watched = Watched()
    _wait_for_birth(watched)
    if watched.init_pid == 0:
        posix._exit(0)  # build has told why, and undone what it had done
    _follow(order, watched)
    finish(order, watched)


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


def _wait_for_birth(watched: Watched) -> None:
    """Learn from build which process is the container's first, once the program runs, or that it came to nothing."""
    build_pid, _, init_pid = posix.read(READY_FD, 64).partition(b" ")
    if init_pid:
        watched.init_pid = int(init_pid)
        # It ends now; unreaped, it would stand in every list of processes for as long as the container runs.
        posix.waitpid(int(build_pid), 0)
    posix.close(READY_FD)


def _follow(order: dict[str, Any], watched: Watched) -> None:
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
    _signal.signal(SIGTERM, lambda *_: posix.write(control_fd, b"end\n"))
    init_fd = posix.pidfd_open(watched.init_pid)  # also where it has ended by now: nobody else reaps it
    watched.deadline = time.monotonic() + order["timeout_s"] if order["timeout_s"] else None
    watched.freezer = order["freezer"]
    watched.oom = OomCounter(order["memory_events"])
    watched.bound_fd = FIRST_HELD_FD + order["held"] if order["bound"] else -1
    while watched.ended_as is None:
        _note_oom(order, watched)
        _poll_once(order, watched, init_fd, control_fd)
    for pump in watched.pumps:
        # Until EAGAIN, not until the end: a copy of the pipe that was passed elsewhere would never give an end.
        while pump.source_fd >= 0 and pump.pull():
            continue
    if log is not None:
        log.close()


def _poll_once(order: dict[str, Any], watched: Watched, init_fd: int, control_fd: int) -> None:
    """Sleep until something happens, and do what it calls for."""
    interests = [
        *(stream.interest() for stream in (*watched.pumps, watched.feed, watched.oom) if stream is not None),
        (watched.oom_helper_fd, select.POLLIN, lambda: _let_helper_go(watched)),
        (watched.bound_fd, select.POLLIN, lambda: _end_with_it(order, watched)),
        (control_fd, select.POLLIN, lambda: _hear_command(order, watched, control_fd)),
        (init_fd, select.POLLIN, lambda: _reap(watched)),
    ]
    poller = select.poll()
    acts = {}
    for interest in interests:
        if interest is not None and interest[0] >= 0:
            fd, events, acts[interest[0]] = interest
            poller.register(fd, events)
    deadlines = [deadline for deadline in (watched.deadline, watched.oom.due()) if deadline is not None]
    for fd, _ in poller.poll(milliseconds_to(min(deadlines, default=None))):
        acts[fd]()
    watched.oom.act()
    if watched.deadline is not None and time.monotonic() >= watched.deadline:
        watched.deadline = None
        watched.timed_out = _signal_first(watched, SIGKILL)


def _signal_first(watched: Watched, number: int) -> bool:
    """Send a signal to the first process, and let it go on if it stands still: frozen, it would hear nothing.

    Returns False where it has ended and been reaped just now: its pid means nobody.
    """
    if watched.ended_as is not None:
        return False
    posix.kill(watched.init_pid, number)
    if watched.freezer:
        try:
            fd = posix.open(watched.freezer, posix.O_WRONLY | posix.O_CLOEXEC)
        except OSError:  # it had ended, and its cgroup is gone
            return True
        posix.write(fd, b"0" if watched.freezer.endswith("/cgroup.freeze") else b"THAWED")
        posix.close(fd)
    return True


def _note_oom(order: dict[str, Any], watched: Watched) -> None:
    """Have it written that more processes were killed for memory, by one helper at a time."""
    if watched.oom.kills <= watched.oom_noted or watched.oom_helper_fd >= 0:
        return
    kills = watched.oom.kills
    try:
        pid = posix.fork()
        if pid == 0:
            # Of ours it keeps nothing but /dev/null, the 2: it may wait for the database longer than we live.
            posix.dup2(2, 0)
            posix.dup2(2, 1)
            posix.closerange(3, FIRST_HELD_FD + order["held"] + order["bound"])
            execute(order, _NOTE_OOM, order["root"], order["id"], str(order["generation"]), str(kills))
        watched.oom_helper_fd = posix.pidfd_open(pid)
    except OSError:  # the host itself is short of memory, processes or descriptors: it is written with the end then
        return
    watched.oom_noted = kills


def _let_helper_go(watched: Watched) -> None:
    posix.close(watched.oom_helper_fd)
    watched.oom_helper_fd = -1
    _reap(watched)


def _hear_command(order: dict[str, Any], watched: Watched, control_fd: int) -> None:
    """Take what was written to the control FIFO, a word a line.

    Commands say that they ``stop`` or ``kill`` the container. ``end`` is our own: we have got SIGTERM, as all have when
    systemd stops the scope we live in, above all at the shutdown of the host. Then we stop the container ourselves.
    """
    words = posix.read(control_fd, 4096).splitlines()
    watched.stop_requested |= b"stop" in words or b"end" in words
    watched.kill_requested |= b"kill" in words
    if b"end" in words:
        _stop(order, watched)


def _end_with_it(order: dict[str, Any], watched: Watched) -> None:
    """Stop the container: the process has ended with which it shall end."""
    watched.bound_fd = -1
    watched.left_alone = True
    _stop(order, watched)


def _stop(order: dict[str, Any], watched: Watched) -> None:
    """Send the stop signal, and have SIGKILL follow when its time is over."""
    _signal_first(watched, order["stop_signal"])
    if order["stop_timeout_s"] >= 0:
        deadline = time.monotonic() + order["stop_timeout_s"]
        watched.deadline = deadline if watched.deadline is None else min(deadline, watched.deadline)


def _reap(watched: Watched) -> None:
    """Reap those of our children that have ended; build cloned the container's first process as one of ours."""
    pid = -1
    while pid and watched.ended_as is None:
        pid, status = posix.waitpid(-1, posix.WNOHANG)
        if pid == watched.init_pid:
            code = posix.waitstatus_to_exitcode(status)
            watched.ended_as = code if code >= 0 else 128 - code
