"""The question before something is destroyed."""

from __future__ import annotations

import sys

from quiltctl.errors import UsageError


def confirmed(question: str, *, force: bool) -> bool:
    """Return whether it shall be done: with ``force`` at once, else as the terminal answers.

    Raises:
        UsageError: there is no terminal to ask.
    """
    if force:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked: standard input is no terminal", hint="give --force to do it unasked")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
