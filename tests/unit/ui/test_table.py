"""Columns of text."""

from __future__ import annotations

from quiltctl.ui.table import aligned


def test_aligned_is_podmans() -> None:
    """Columns are at least 12 wide with their gap of 2, as wide as their widest cell, and the last has no blanks."""
    rows = [
        ("CONTAINER ID", "IMAGE", "PORTS", "NAMES"),
        ("29cf50ac0321", "localhost/tiny:latest", "", "one"),
        ("5248d330d4f6", "x", "", "a-longer-name"),
    ]

    assert aligned(rows) == (
        "CONTAINER ID  IMAGE                  PORTS       NAMES\n"
        "29cf50ac0321  localhost/tiny:latest              one\n"
        "5248d330d4f6  x                                  a-longer-name\n"
    )


def test_aligned_without_rows_is_nothing() -> None:
    """Nothing to list, and no heading, is no line."""
    assert (aligned([("A", "B")]), aligned([])) == ("A           B\n", "")


def test_aligned_shows_what_would_break_the_table() -> None:
    """A cell stays one cell of one line, whatever it holds, and is as wide as it is shown."""
    assert aligned([("a\n\x1b[2Jb-----------", "c"), ("d", "e%s")]) == (
        "a\\n\\x1b[2Jb-----------  c\nd                       e%s\n"
    )


def test_aligned_takes_rows_of_any_length() -> None:
    """A row that ends early ends its line, and one without cells is an empty line."""
    assert aligned([("a", "b", "c"), ("d",), (), ("e", "f")]) == ("a           b           c\nd\n\ne           f\n")
