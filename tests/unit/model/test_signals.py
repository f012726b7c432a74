"""Names and numbers of signals."""

from __future__ import annotations

import signal

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.signals import NUMBERS, name_of, parse_signal


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("TERM", 15),
        ("SIGTERM", 15),
        ("sigterm", 15),
        ("15", 15),
        ("-9", 9),
        ("RTMIN", 34),
        ("RTMIN+3", 37),
        ("SIGRTMAX-1", 63),
        ("64", 64),
    ],
)
def test_signal_is_read_in_every_usual_spelling(text: str, number: int) -> None:
    """Name, SIGname, number, any case, and the real-time ones."""
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "NOPE", "0", "65", "999999999999", "RTMIN+31", "RTMIN-1", "RTMAX-99", "TERM ME"])
def test_signal_that_is_none_is_refused(text: str) -> None:
    """The message repeats what was given."""
    with pytest.raises(UsageError, match="invalid signal"):
        parse_signal(text)


def test_signals_are_those_of_this_system() -> None:
    """Our table says what the C library says."""
    theirs = {one.name.removeprefix("SIG"): int(one) for one in signal.Signals if not one.name.startswith("SIGRT")}
    assert {name: number for name, number in theirs.items() if name in NUMBERS} == NUMBERS | {}


def test_signal_name_of_a_number() -> None:
    """With SIG; a real-time signal has none."""
    assert (name_of(15), name_of(40)) == ("SIGTERM", "40")
