"""Long work before the eyes of somebody: the progress bar on a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
import time
from quiltctl.ui.progress import progress
with progress("importing [red]tar", {total}) as advance:
    for _ in range(4):
        advance(250_000)
        time.sleep(0.15)
print("done")
"""


def watched(total: str, **environment: str) -> tuple[str, str]:
    """Run the program with its stderr on a terminal, and return what came on stdout and on the terminal."""
    ours_fd, theirs_fd = pty.openpty()
    command = [sys.executable, "-c", PROGRAM.format(total=total)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs_fd, text=True, env=environment) as process:
        os.close(theirs_fd)
        shown = b""
        try:
            while chunk := os.read(ours_fd, 4096):
                shown += chunk
        except OSError:  # pty(7): EIO once the other side is closed
            pass
        assert process.stdout is not None
        out = process.stdout.read()
    os.close(ours_fd)
    assert process.returncode == 0
    return out, shown.decode()


@pytest.mark.parametrize(("total", "end"), [("1_000_000", "1.0/1.0 MB"), ("None", "1.0/? MB")])
def test_progress_on_a_terminal_counts_the_bytes(total: str, end: str) -> None:
    """The bar shows the words as they are and the bytes as they come, also where nobody knows how many will."""
    out, shown = watched(total)

    assert out == "done\n"
    assert "importing [red]tar" in shown
    assert end in shown


def test_progress_on_a_dumb_terminal_is_silent() -> None:
    """Where the cursor cannot move, no bar is drawn."""
    assert watched("1_000_000", TERM="dumb") == ("done\n", "")
