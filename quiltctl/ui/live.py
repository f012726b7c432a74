"""A terminal that shows one picture, drawn anew in its place until somebody has seen enough.

The picture stands on the terminal's other screen, so that whatever was there before is there again afterwards. Each
drawing is one write, framed so that terminals which know how show it at once (mode 2026): nothing flickers.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

    Picture = Callable[[int, int], list[str]]
    """Takes columns and rows of the window and returns lines that fit; what they show is printable, or ours."""

# xterm's control sequences: the other screen, no cursor, no wrapping at the right edge; and all of it undone.
_ENTER = "\033[?1049h\033[?25l\033[?7l"
_LEAVE = "\033[?7h\033[?25h\033[?1049l"
_BEGIN, _END = "\033[?2026h\033[H", "\033[?2026l"
_CLEAR_REST, _CLEAR_BELOW = "\033[K", "\033[J"
_USUAL = os.terminal_size((80, 24))


def can_redraw(fd: int) -> bool:
    """Return whether this is a terminal whose cursor can be moved."""
    return os.isatty(fd) and os.environ.get("TERM", "dumb") != "dumb"


def size_of(fd: int) -> os.terminal_size:
    """Return how many columns and rows a terminal has now, 80 and 24 where it does not know."""
    try:
        size = os.get_terminal_size(fd)
    except OSError:
        return _USUAL
    return size if size.columns > 0 and size.lines > 0 else _USUAL


class Screen:
    """A terminal, taken for the time of a ``with`` block and given back as it was, whatever ends the block.

    The last picture stays. SIGTERM ends the block too, and while a stopped process waits, its shell has the terminal.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._picture: Picture | None = None

    def __enter__(self) -> Self:
        import signal

        self._wake_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._write_fd = write_fd
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGWINCH, _nothing)
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGTSTP, self._stop)
        self._write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import signal

        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGTSTP):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.close(self._wake_fd)
        os.close(self._write_fd)
        size = size_of(self._fd)
        last = [] if self._picture is None else self._picture(size.columns, size.lines - 1)
        self._write(_LEAVE + "".join(f"{line}\r\n" for line in last))

    def draw(self, picture: Picture) -> None:
        """Show a picture, and from now on again whenever the window gets another size."""
        self._picture = picture
        size = size_of(self._fd)
        *lines, last = picture(*size) or [""]
        # What is cleared is cleared first: after a full line it would take the last character of that. And no newline
        # comes after the last line: on the last row it would move all of them.
        above = "".join(f"{_CLEAR_REST}{line}\r\n" for line in lines)
        self._write(f"{_BEGIN}{above}{_CLEAR_BELOW}{last}{_END}")

    def wait(self, seconds: float) -> None:
        """Sleep so long, and follow the window meanwhile."""
        from select import POLLIN, poll

        until = time.monotonic() + seconds
        waiting = poll()
        waiting.register(self._wake_fd, POLLIN)
        while (left := until - time.monotonic()) > 0:
            # Rounded up: a wait cut to 0 ms would spin through the last millisecond.
            if waiting.poll(int(left * 1000 + 0.999)):
                os.read(self._wake_fd, 512)
                if self._picture is not None:
                    self.draw(self._picture)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        import signal

        self._write(_LEAVE)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._write(_ENTER)  # it goes on; the signal has woken who waits, and that draws

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._fd, data) :]


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Be called for a signal that has to do no more than wake the one who waits."""


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
