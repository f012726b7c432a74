"""Whether to colour, and how."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

RED = "31"
YELLOW = "33"


def wanted(stream: TextIO) -> bool:
    """Return whether what goes to the stream may be coloured.

    In this order: NO_COLOR (no-color.org) and FORCE_COLOR, each where it is not empty; TERM=dumb; a terminal or not.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Return the text in this colour where the stream takes any, else as it is."""
    return f"\033[{colour}m{text}\033[0m" if wanted(stream) else text
