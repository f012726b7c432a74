"""The foreground of `run`, `start --attach` and `exec`: bytes carried, signals passed on, until the program has ended.

Nothing is interpreted on the way. Standard input is read only when there is some, and never switched to another
mode: the terminal belongs to the caller.
"""

from __future__ import annotations

import _signal
import errno
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK_BYTES = 65536
_NOT_FORWARDED = (4, 5, 6, 7, 8, 11, 31, 9, 19, 13, 17, 18, 20, 21, 22, 23, 28)
"""ILL to SYS are our own faults; KILL and STOP cannot be; PIPE is ours; CHLD to WINCH are of our terminal."""
_HIGHEST_STANDARD_SIGNAL = 31


class Relay:
    """Carries the three standard streams between this process and pipes. An fd of -1 is not carried."""

    def __init__(self, stdin_fd: int, stdout_fd: int, stderr_fd: int, *, to_the_end: bool) -> None:
        """With ``to_the_end``, the other side closes its outputs when all is said, and that is waited for."""
        self._to_the_end = to_the_end
        self._input_fd = stdin_fd
        self._outputs = {fd: target for fd, target in ((stdout_fd, 1), (stderr_fd, 2)) if fd >= 0}
        self._pending = b""
        self._input_open = stdin_fd >= 0
        if self._input_open:
            os.set_blocking(stdin_fd, False)

    def carry(
        self, end_fd: int, on_end: Callable[[], None], forward: Callable[[int], None], *, signals_fd: int
    ) -> None:
        """Carry until ``end_fd`` is readable, which is told by ``on_end``, and then what is left to read.

        What comes out of ``signals_fd`` (see ``catch_signals``; -1 is none) is given to ``forward``.
        """
        ended = False
        while not ended:
            poller = select.poll()
            for fd in self._waited_for(end_fd, signals_fd):
                poller.register(fd, select.POLLIN)
            if self._pending:
                poller.register(self._input_fd, select.POLLOUT)
            happened = {fd for fd, _ in poller.poll()}
            if signals_fd in happened:
                for number in os.read(signals_fd, 64):
                    forward(number)
            self._carry_output(happened)
            self._carry_input(happened)
            if end_fd in happened:
                on_end()
                ended = True
        self._drain()

    def _drain(self) -> None:
        """Carry what is left: to its end, or what has been written by now.

        A process that `exec` left behind may hold the other end of a pipe for ever, and nobody waits for that.
        """
        while self._outputs:
            poller = select.poll()
            for fd in self._outputs:
                poller.register(fd, select.POLLIN)
            happened = {fd for fd, _ in poller.poll(None if self._to_the_end else 0)}
            if not happened:
                return
            self._carry_output(happened)

    def _waited_for(self, end_fd: int, signals_fd: int) -> Iterator[int]:
        yield from self._outputs
        yield end_fd
        if signals_fd >= 0:
            yield signals_fd
        if self._input_open and not self._pending:
            yield 0

    def _carry_output(self, happened: set[int]) -> None:
        for source_fd in happened & self._outputs.keys():
            chunk = os.read(source_fd, CHUNK_BYTES)
            if chunk:
                _write_all(self._outputs[source_fd], chunk)
            else:
                os.close(source_fd)
                del self._outputs[source_fd]

    def _carry_input(self, happened: set[int]) -> None:
        if self._input_open and 0 in happened and not self._pending:
            try:
                self._pending = os.read(0, CHUNK_BYTES)
            except OSError as error:
                if error.errno != errno.EIO:  # the terminal went away, or we are in its background
                    raise
            if not self._pending:
                self._close_input()
        if self._pending:
            try:
                self._pending = self._pending[os.write(self._input_fd, self._pending) :]
            except BlockingIOError:
                return
            except BrokenPipeError:
                self._close_input()

    def _close_input(self) -> None:
        self._pending = b""
        if self._input_open:
            os.close(self._input_fd)
        self._input_open = False


def catch_signals() -> int:
    """Have every signal that a program could want arrive as a byte in a pipe, from now on. Returns its reading end.

    Caught before the program is started, none is lost, and none ends this process between the two.
    """
    wake_r, wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    _signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
    for number in range(1, _HIGHEST_STANDARD_SIGNAL + 1):
        if number not in _NOT_FORWARDED:
            _signal.signal(number, lambda *_: None)
    return wake_r


def _write_all(fd: int, data: bytes) -> None:
    """Write it all, also to a descriptor that its owner has made non-blocking."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            poller = select.poll()
            poller.register(fd, select.POLLOUT)
            poller.poll()
