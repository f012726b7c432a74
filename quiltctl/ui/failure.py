"""How an error is shown: ``Error: sentence``, ``hint: the way out``, or the two as one line of JSON."""

from __future__ import annotations

import sys

from quiltctl.ui import colour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.errors import QuiltError


def tell(error: QuiltError, *, as_json: bool = False) -> None:
    """Write the error to standard error, one line for the sentence and one for the hint.

    What was already written to standard output goes out first, so that the two stay in order where they meet.
    """
    try:
        sys.stdout.flush()
    except OSError:  # it may be the very thing that failed
        sys.stderr.flush()
    sys.stderr.write(_document(error) if as_json else _lines(error))
    sys.stderr.flush()


def _lines(error: QuiltError) -> str:
    lines = f"{colour.paint('Error:', colour.RED, sys.stderr)} {_visible(str(error))}\n"
    if error.hint is not None:
        lines += f"{colour.paint('hint:', colour.YELLOW, sys.stderr)} {_visible(error.hint)}\n"
    return lines


def _document(error: QuiltError) -> str:
    from quiltctl.model.document import encode

    return encode({"error": {"code": error.code, "message": str(error), "hint": error.hint}}) + "\n"


def _visible(text: str) -> str:
    """Return the text on one line: names come from outside, and may hold line ends and escape sequences."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
