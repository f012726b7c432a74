"""The foreground: standing by a run until it has ended, and then writing its end, since everything is loaded already.

The shim waits two seconds for that before it has ``settle`` do it: a caller that is stopped, or whose own output is
stuck, holds nothing up.
"""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.runtime.lifecycle import (
    lease,  # noqa: F401 (what the end needs, loaded while nobody waits)
    observe,
    settle,
)
from quiltctl.runtime.linux import pidfd
from quiltctl.runtime.network import detach  # noqa: F401 (the same)
from quiltctl.runtime.relay import Relay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.runtime.lifecycle.spawn import Shim
    from quiltctl.runtime.lifecycle.start import Begun, Run


def attend(begun: Begun, run: Run, *, signals_fd: int) -> int:
    """Carry the input and output of a program that runs until it has ended, and return its exit code.

    What comes out of ``signals_fd``, if it is not -1, is passed on to the program.

    Raises:
        KernelError: the shim was killed, and the container with it: nobody knows the code.
    """
    shim = begun.shim
    init_fd = pidfd.open_verified(run.pid, run.pid_started)
    codes: list[int] = []

    def forward(number: int) -> None:
        if init_fd is not None:
            pidfd.send_signal(init_fd, number)

    def hear_end() -> None:
        if shim.hear_answer() == ("exited",):
            over = settle.settle(begun.paths, begun.connection, run.container_id)
            if over is not None and over.exit_code is not None:
                codes.append(over.exit_code)
            _acknowledge(shim)

    # Input only for a container that takes it: a shell loop around us has lines of its own to read.
    wanted = {*(begun.streams or ())} - (set() if begun.spec.interactive else {"stdin"})
    possible = (("stdin", shim.stdin_fd), ("stdout", shim.stdout_fd), ("stderr", shim.stderr_fd))
    relay = Relay(*(_carried(fd, stream in wanted) for stream, fd in possible), to_the_end=True)
    relay.carry(shim.answer_fd, hear_end, forward, signals_fd=signals_fd)
    if codes:
        return codes[0]
    return _code_without_shim(begun, run)


def _carried(fd: int, wanted: bool) -> int:  # noqa: FBT001 (one caller, beside it)
    """Return the descriptor, or close it and return -1: the shim then knows that nobody listens."""
    if wanted:
        return fd
    os.close(fd)
    return -1


def _acknowledge(shim: Shim) -> None:
    try:
        os.write(shim.order_fd, b"k")
    except BrokenPipeError:
        # The shim has waited long enough and gone its own way: the transition is a compare-and-set.
        return


def _code_without_shim(begun: Begun, run: Run) -> int:
    """Return the code from the row or the events: somebody else has written the end, or removed the container."""
    connection = begun.connection
    container = containers.get(connection, run.container_id)
    if container is not None and container.generation == run.generation:
        container = observe.observe(connection, begun.paths, container)
        if container is not None and container.exit_code is not None:
            return container.exit_code
    else:
        last = containers.last_exit(connection, run.container_id)
        if last is not None and last[1] is not None:
            return last[1]
    raise errors.KernelError(
        f"the shim of {begun.spec.name} was killed, and the container with it: its exit code is unknown"
    )
