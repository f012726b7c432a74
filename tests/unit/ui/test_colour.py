"""Whether a stream gets colour."""

from __future__ import annotations

import io

import pytest

from quiltctl.ui import colour


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


DECISIONS = [
    ({}, True, True),
    ({}, False, False),
    ({"NO_COLOR": "1"}, True, False),
    ({"NO_COLOR": ""}, True, True),
    ({"FORCE_COLOR": "1"}, False, True),
    ({"FORCE_COLOR": ""}, False, False),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ({"TERM": "dumb"}, True, False),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
]


@pytest.mark.parametrize(("environment", "terminal", "coloured"), DECISIONS)
def test_colour_is_decided_by_the_environment_then_the_stream(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool, coloured: bool
) -> None:
    """NO_COLOR first, then FORCE_COLOR, then a dumb terminal, then whether it is one at all."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    painted = "\033[31mno\033[0m" if coloured else "no"
    assert (colour.wanted(stream), colour.paint("no", colour.RED, stream)) == (coloured, painted)
