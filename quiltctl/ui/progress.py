"""A progress bar for long work: on a terminal, on stderr, and nowhere else."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(description: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs, and give it a function that takes the number of bytes done since its last call.

    ``total_bytes`` None is for work whose size nobody knows. The bar goes when the block ends.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield _nothing
        return
    from rich import progress as rich  # 60 ms, where somebody looks and waits for more than that
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total_bytes)
        yield lambda count: bar.advance(task, count)


def _nothing(_count: int) -> None:
    """Take the number of bytes where nobody watches."""
