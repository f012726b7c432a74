"""Rows that make their values when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.ui.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable


def test_fields_makes_a_value_once_and_only_when_asked() -> None:
    """A column that nobody shows costs nothing, one that is shown twice is made once."""
    made: list[str] = []

    def make(name: str) -> Callable[[str], str]:
        def maker(about: str) -> str:
            made.append(name)
            return f"{name} of {about}"

        return maker

    row = Fields({"A": make("A"), "B": make("B")}, "x")

    assert [row["A"], row["A"]] == ["A of x", "A of x"]
    assert made == ["A"]


def test_fields_knows_no_other_names() -> None:
    """What has no maker is not there."""
    with pytest.raises(KeyError):
        Fields({}, "x")["A"]


def test_whole_leaves_methods_out() -> None:
    """The whole row has every value, in the order of the makers, and none that is to be called."""
    row = Fields({"B": lambda about: about + 1, "M": lambda _about: str.upper, "A": lambda about: about}, 1)

    assert list(row.whole().items()) == [("B", 2), ("A", 1)]
