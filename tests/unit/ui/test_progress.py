"""Long work where nobody watches."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from quiltctl.ui.progress import progress
with progress("importing", 10) as advance:
    advance(4)
    advance(6)
print("rich" in sys.modules)
"""


def test_progress_without_a_terminal_shows_and_costs_nothing() -> None:
    """In a pipe nothing is written, and rich is not even loaded."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("False\n", "")
