"""Text from containers and images, made harmless for a terminal."""

from __future__ import annotations

import sys


def printable(text: str, *, keep: str = "") -> str:
    r"""Return the text with everything in it that does not print made visible: escape as ``\x1b``, newline as ``\n``.

    That takes in what reorders or hides text (U+202E and its kin) and bytes that were not UTF-8. ``keep`` are
    characters that stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _visible(char) for char in text)


def harmless(text: str) -> str:
    """Return a text of several lines as it may go to a terminal: printable but for its newlines and tabs."""
    return printable(text, keep="\n\t")


def harmless_json(text: str) -> str:
    r"""Return an equal JSON text as it may go to a terminal: JSON itself escapes only what is below U+0020."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in text)


def write(text: str) -> None:
    """Write data to stdout; a name that is no UTF-8 goes out as the bytes it came as."""
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        sys.stdout.flush()
        sys.stdout.buffer.write(b"".join(map(_bytes, text)))


def _bytes(char: str) -> bytes:
    try:
        return char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair that stands for no byte: from JSON, not from the system
        return _visible(char).encode()


def _visible(char: str) -> str:
    return ascii(char)[1:-1]


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
