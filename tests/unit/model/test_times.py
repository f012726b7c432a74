"""Moments and durations as users write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.model.times import SECOND_NS, format_ns, parse_duration, parse_moment, parse_rfc3339

NOW = 1_800_000_000 * SECOND_NS
NOVEMBER = 1_795_392_000 * SECOND_NS  # 2026-11-23T00:00:00Z
HOUR = 3600 * SECOND_NS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)), st.integers(0, 999_999_999))  # noqa: DTZ001 (hypothesis wants them naive)
def test_a_moment_comes_back_from_its_text(moment: datetime, nanosecond: int) -> None:
    """What format_ns writes is what datetime says it is, and parse_rfc3339 reads it back to the nanosecond."""
    second = moment.replace(microsecond=0, tzinfo=UTC)
    at_ns = (second - EPOCH) // timedelta(seconds=1) * SECOND_NS + nanosecond
    text = format_ns(at_ns)
    assert (text[:19], parse_rfc3339(text)) == (second.isoformat()[:19], at_ns)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T00:00:00Z", NOVEMBER),
        ("2026-11-23t00:00:00z", NOVEMBER),
        ("2026-11-23T00:00:00.000000001Z", NOVEMBER + 1),
        ("2026-11-23T00:00:00.5", NOVEMBER + SECOND_NS // 2),
        ("2026-11-23 01:00:00+01:00", NOVEMBER),
        ("2026-11-22T18:30:00-05:30", NOVEMBER),
        ("2026-11-23", NOVEMBER),
        ("2026-11-23+01:00", NOVEMBER - HOUR),
        ("2024-02-29", 1_709_164_800 * SECOND_NS),
        ("1795392000", NOVEMBER),
        ("1795392000.000000001", NOVEMBER + 1),
        ("-1.5", -3 * SECOND_NS // 2),
        ("0", 0),
        ("1h30m", NOW - 3 * HOUR // 2),
        ("1.5h", NOW - 3 * HOUR // 2),
        ("24h", NOW - 24 * HOUR),
        ("250ms", NOW - SECOND_NS // 4),
        ("-10s", NOW + 10 * SECOND_NS),
    ],
)
def test_a_moment_is_read_as_docker_and_podman_read_it(text: str, moment: int) -> None:
    """RFC 3339 in its forms, a date, seconds since 1970 and how long ago are all understood."""
    assert parse_moment(text, now_ns=NOW) == moment


def test_a_duration_may_mean_from_now_on() -> None:
    """For an end that is still to come, a duration counts forward."""
    assert parse_moment("10m", now_ns=NOW, later=True) == NOW + 600 * SECOND_NS


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "+", "yesterday", "1hh", "h", "10x", "1..5h", ".h", "1e5", "٣", "9" * 5000, "9" * 5000 + "h"),
        *(
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-11-31",
            "26-11-23",
            "2026-11-23.5",
            "0000-01-01",
        ),
        *("2026-11-23T24:00:00Z", "2026-11-23T00:60:00Z", "2026-11-23T00:00:60Z", "2026-11-23T00:00Z"),
        *("2026-11-23T00:00:00.Z", "2026-11-23T00:00:00+25:00", "2026-11-23T00:00:00+1:00", "2026-11-23T00:00:00ZZ"),
    ],
)
def test_a_bad_moment_is_an_error_of_usage(text: str) -> None:
    """What is no time is refused in a sentence, whatever it is."""
    with pytest.raises(UsageError, match=r"^cannot read the time"):
        parse_moment(text, now_ns=NOW)


@given(st.text(alphabet="0123456789-+.:TZ hms", max_size=30))
def test_no_text_whatever_is_a_traceback(text: str) -> None:
    """Every text is a time or an error of usage."""
    try:
        assert isinstance(parse_moment(text, now_ns=NOW), int)
    except UsageError as error:
        assert str(error) == f'cannot read the time "{text}"'  # noqa: PT017 (either is right)


@pytest.mark.parametrize(
    ("text", "ns"), [("30d", 720 * HOUR), ("24h", 24 * HOUR), ("1m30s", 90 * SECOND_NS), ("5µs", 5000)]
)
def test_a_duration_has_units(text: str, ns: int) -> None:
    """Days to nanoseconds, and several units in one."""
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["10", "", "d", "1w"])
def test_a_bad_duration_is_an_error_of_usage(text: str) -> None:
    """A number without a unit is refused, since nobody can know which was meant."""
    with pytest.raises(UsageError, match=r"^cannot read the duration"):
        parse_duration(text)
