"""A curve in text."""

from __future__ import annotations

import time
from typing import Any

import pytest

from quiltctl.ui.plot import Span, can_show_blocks, plot

MINUTE = 60 * 1_000_000_000
HOUR = 60 * MINUTE
NOON = 1_767_268_800 * 1_000_000_000


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def drawn(*spans: Span, length: int = HOUR, **how: Any) -> list[str]:
    """Draw spans over the time from noon on."""
    options: dict[str, Any] = {"columns": 29, "rows": 2, "label": lambda value: f"{value:g}", **how}
    return plot(spans, NOON, NOON + length, **options)


def test_plot_is_blocks_over_two_axes() -> None:
    """The scale is the next round number; the axis says when it begins and ends."""
    lines = drawn(Span(NOON, NOON + HOUR // 2, 25.0), Span(NOON + HOUR // 2, NOON + HOUR, 50.0))

    assert lines == [
        "50 |            █████████████",
        "25 |█████████████████████████",
        " 0 +-------------------------",
        "    12:00     12:30     13:00",
    ]


def test_plot_shows_the_highest_of_what_shares_a_place() -> None:
    """A peak is not smoothed away."""
    lines = drawn(*[Span(NOON + n * MINUTE, NOON + n * MINUTE, 100.0 if n == 30 else 1.0) for n in range(61)])

    assert lines[0] == "100 |            █"


def test_plot_shows_a_gap_as_a_gap_and_zero_as_something() -> None:
    """What nobody knows is not drawn, what is known always is."""
    lines = drawn(Span(NOON, NOON + 10 * MINUTE, 0.0), Span(NOON + 50 * MINUTE, NOON + HOUR, 0.0))

    assert lines[1] == "0.5 |▁▁▁▁▁               ▁▁▁▁▁"


def test_plot_leaves_out_what_is_outside_of_its_time() -> None:
    """A span that began before is drawn from the beginning."""
    lines = drawn(
        Span(NOON - HOUR, NOON + 5 * MINUTE, 1.0),
        Span(NOON - 2 * HOUR, NOON - HOUR, 9.0),
        Span(NOON + 2 * HOUR, NOON + 3 * HOUR, 9.0),
        rows=1,
    )

    assert lines[0] == "1 |███"


@pytest.mark.parametrize(
    ("value", "top"), [(0.0, "1"), (0.4, "1"), (1.5, "2"), (3.0, "5"), (99.0, "100"), (101.0, "200")]
)
def test_plot_scale_is_a_round_number(value: float, top: str) -> None:
    """1, 2 or 5 of some power of ten, and not below 1."""
    assert drawn(Span(NOON, NOON + HOUR, value))[0].split(" |")[0].strip() == top


@pytest.mark.parametrize(
    ("length", "first", "last"),
    [(30 * MINUTE, "12:00:00", "12:30:00"), (3 * HOUR, "12:00", "15:00"), (48 * HOUR, "01 Jan 12:00", "03 Jan 12:00")],
)
def test_plot_says_when_as_finely_as_it_makes_sense(length: int, first: str, last: str) -> None:
    """Seconds below an hour, dates beyond a day."""
    line = drawn(Span(NOON, NOON, 1.0), length=length, columns=80)[-1].split("  ")
    words = [word.strip() for word in line if word.strip()]

    assert (words[0], words[-1]) == (first, last)


@pytest.mark.parametrize("columns", [1, 29, 40, 80, 200])
def test_plot_is_as_wide_as_it_may_be(columns: int) -> None:
    """And never so narrow that nothing can be seen."""
    lines = drawn(Span(NOON, NOON + HOUR, 50.0), columns=columns)

    assert max(map(len, lines)) == max(columns, 29)


def test_plot_without_blocks_is_ascii() -> None:
    """For who cannot write others."""
    assert "".join(drawn(Span(NOON, NOON + HOUR, 30.0), blocks=False)).isascii()


@pytest.mark.parametrize(("encoding", "can"), [("utf-8", True), ("ascii", False), (None, False), ("nonsense", False)])
def test_blocks_need_an_encoding_that_has_them(encoding: str | None, *, can: bool) -> None:
    """ASCII has none."""
    assert can_show_blocks(encoding) is can
