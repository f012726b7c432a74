"""A command on a terminal of the test, and what a person would see there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_S = 10
_SEQUENCE = re.compile(r"\x1b\[(\?[0-9]+[hl]|[0-9;]*[A-Za-z])")


class Terminal:
    """A command whose output goes to a terminal of so many columns and rows."""

    def __init__(self, words: Sequence[str], columns: int, rows: int, environment: dict[str, str]) -> None:
        self._ours_fd, theirs_fd = os.openpty()
        self.columns, self.rows = columns, rows
        self.raw = ""
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            words, stdin=theirs_fd, stdout=theirs_fd, stderr=theirs_fd, env=environment, start_new_session=True
        )
        os.close(theirs_fd)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size. Whoever is on it must be told by a signal, since it is not its own terminal."""
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self._ours_fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float = 0) -> str:
        """Return all that came so far, with what comes within so long."""
        deadline = time.monotonic() + seconds
        while select.select([self._ours_fd], [], [], max(deadline - time.monotonic(), 0))[0]:
            try:
                self.raw += os.read(self._ours_fd, 65536).decode()
            except OSError:  # pty(7): EIO once the other side is closed
                break
        return self.raw

    def until(self, check: Callable[[Terminal], object]) -> None:
        """Read until something holds, and fail when it does not in time."""
        deadline = time.monotonic() + PATIENCE_S
        while not check(self):
            assert time.monotonic() < deadline, self.raw[-2000:]
            assert self.process.poll() is None or check(self), self.read(0.1)[-2000:]
            self.read(0.05)

    @property
    def screen(self) -> list[str]:
        """Return the rows of the window, by what is understood of the sequences that were written to it last."""
        _, begun, last = self.raw.rpartition("\x1b[?2026h")
        return rendered(last if begun else self.raw, self.columns, self.rows)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal, and return the code that the command ends with and all that it wrote."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        return code, self.read(0.2)

    def close(self) -> None:
        """Give the terminal back, and end the command if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._ours_fd)


def rendered(text: str, columns: int, rows: int) -> list[str]:
    """Return what a window shows that was empty before, and wraps no lines."""
    grid = [[" "] * columns for _ in range(rows)]
    row = column = at = 0
    while at < len(text):
        sequence = _SEQUENCE.match(text, at)
        if sequence is not None:
            at = sequence.end()
            row, column = _obey(sequence[1], grid, row, column)
            continue
        char = text[at]
        at += 1
        if char == "\r":
            column = 0
        elif char == "\n":
            if row == rows - 1:
                grid = [*grid[1:], [" "] * columns]
            row = min(row + 1, rows - 1)
        else:
            grid[row][min(column, columns - 1)] = char
            column = min(column + 1, columns)
    return ["".join(line).rstrip() for line in grid]


def _obey(sequence: str, grid: list[list[str]], row: int, column: int) -> tuple[int, int]:
    """Follow one control sequence, and return where the cursor is."""
    columns = len(grid[0])
    place = min(column, columns - 1)  # behind a full line the cursor is still on its last character
    blank: dict[str, Any] = {"K": [row], "J": range(row, len(grid))}
    for line in blank.get(sequence, ()):
        start = place if line == row else 0
        grid[line][start:] = [" "] * (columns - start)
    return (0, 0) if sequence == "H" else (row, column)
