"""Moments and lengths of time in docker's and podman's words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.ui import ago

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = 1_000_000_000
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the machine into a time zone with a summer time."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "Less than a second"),
        (0.999, "Less than a second"),
        (1, "1 second"),
        (1.999, "1 second"),
        (2, "2 seconds"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (HOUR - 1, "59 minutes"),
        (HOUR, "About an hour"),
        (1.5 * HOUR - 1, "About an hour"),
        (1.5 * HOUR, "2 hours"),
        (47.4 * HOUR, "47 hours"),
        (47.5 * HOUR, "2 days"),
        (13.9 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59.9 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
        (3650 * DAY, "10 years"),
    ],
)
def test_duration_is_in_dockers_words(seconds: float, words: str) -> None:
    """The borders between the words are those of docker's HumanDuration."""
    assert ago.duration(int(seconds * SECOND)) == words


def test_ago_counts_from_now() -> None:
    """Without a moment to count from, it is now."""
    moment = time.time_ns() - 180 * SECOND

    assert (ago.ago(moment), ago.ago(moment, now=moment + SECOND)) == ("3 minutes ago", "1 second ago")


@pytest.mark.parametrize(
    ("state", "exit_code", "finished_at", "words"),
    [
        ("created", None, None, "Created"),
        ("starting", None, None, "Starting"),
        ("running", None, None, "Up 3 seconds"),
        ("paused", None, None, "Paused"),
        ("exited", 137, 8 * SECOND, "Exited (137) 2 seconds ago"),
        ("exited", 0, 8 * SECOND, "Exited (0) 2 seconds ago"),
        ("exited", None, None, "Exited (-1)"),
        ("exited", None, 8 * SECOND, "Exited (-1) 2 seconds ago"),
        ("error", None, 8 * SECOND, "Failed to start 2 seconds ago"),
        ("error", None, None, "Failed to start"),
    ],
)
def test_status_says_what_a_container_does(
    state: str, exit_code: int | None, finished_at: int | None, words: str
) -> None:
    """Each state has its words; a code that nobody knows is -1, never 0."""
    shown = ago.status(state, started_at=7 * SECOND, finished_at=finished_at, exit_code=exit_code, now=10 * SECOND)

    assert shown == words


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_392_317_534_741_462, "2026-11-23T00:05:17.534741462Z"),
        (1_795_392_317_500_000_000, "2026-11-23T00:05:17.5Z"),
        (1_795_392_317_000_000_001, "2026-11-23T00:05:17.000000001Z"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_timestamp_is_rfc_3339_in_utc(ns: int, text: str) -> None:
    """As Go writes it: a fraction without trailing zeros, wherever the machine stands."""
    assert ago.timestamp(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (1_795_392_317_534_741_462, "2026-11-23 01:05:17.534741462 +0100 CET"),
        (1_784_000_000_000_000_000, "2026-07-14 05:33:20 +0200 CEST"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_local_time_is_podmans(ns: int, text: str) -> None:
    """In the machine's zone, with its offset and name at that moment."""
    assert ago.local_time(ns) == text


def test_local_time_west_of_utc_has_a_minus(monkeypatch: pytest.MonkeyPatch) -> None:
    """An offset of half an hour west is -hhmm."""
    monkeypatch.setenv("TZ", "NST3:30")
    time.tzset()
    shown = ago.local_time(0)
    monkeypatch.undo()
    time.tzset()

    assert shown == "1969-12-31 20:30:00 -0330 NST"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (20_000_000, "20ms"),
        (999_999_999, "999.999999ms"),
        (7_500_000_000, "7.5s"),
        (60_000_000_000, "1m0s"),
        (3_723_040_000_000, "1h2m3.04s"),
        (360_000_000_000_000, "100h0m0s"),
    ],
)
def test_go_duration_is_written_as_go_does(ns: int, text: str) -> None:
    """The units there are, no blanks, and no zeros at the end of a fraction."""
    assert ago.go_duration(ns) == text
