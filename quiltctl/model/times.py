"""Moments and lengths of time as text. Inside, a moment is integer nanoseconds since 1970 in UTC.

Written by hand: ``datetime`` knows microseconds only, and ``re`` costs a third of what `ps` may take.
"""

from __future__ import annotations

import time

from quiltctl.errors import UsageError

SECOND_NS = 1_000_000_000
_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # both of Unicode's micro signs, as Go's time.ParseDuration
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3600 * SECOND_NS,
    "d": 86400 * SECOND_NS,
}
_DATE = "2026-11-23"
_WHOLE_SECOND = "2026-11-23T00:00:00"
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2
_DAYS_BEFORE_1970 = 719162
_NANOSECOND_DIGITS = 9
_MOST_DIGITS = 30
_LAST_NS = (1 << 63) - 1
"""In the year 2262. What is further away than the database and the kernel can say is brought to this."""
_LONGEST_NS = _LAST_NS >> 1
"""146 years: now and so much is still a moment."""


def format_ns(at_ns: int) -> str:
    """Return a moment in RFC 3339, in UTC and with all nine digits: ``2026-11-23T00:00:00.123456789Z``."""
    second, nanosecond = divmod(at_ns, SECOND_NS)
    year, month, day, hours, minutes, seconds = time.gmtime(second)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{nanosecond:09}Z"


def parse_moment(text: str, *, now_ns: int, later: bool = False) -> int:
    """Return the moment a user means, in nanoseconds since 1970.

    RFC 3339, its fraction and zone may be missing (then UTC, as podman); a date alone; seconds since 1970 with
    a fraction; or a duration such as ``1h30m``: so long ago, or, with ``later``, so long from now.

    Raises:
        UsageError: it is none of them.
    """
    moment = _seconds(text)
    if moment is None:
        moment = parse_rfc3339(text)
    if moment is not None:
        return _within(moment, _LAST_NS)
    length = _duration(text)
    if length is None:
        raise UsageError(
            f'cannot read the time "{text}"',
            hint="write 2026-11-23T00:00:00Z, 2026-11-23, seconds since 1970, or how long ago: 10m, 1h30m",
        )
    return _within(now_ns + length if later else now_ns - length, _LAST_NS)


def parse_duration(text: str) -> int:
    """Return a length of time in nanoseconds: ``90s``, ``1h30m``, ``1.5h``, ``30d``; a leading ``-`` makes it negative.

    Raises:
        UsageError: it is none; a number needs its unit.
    """
    length = _duration(text)
    if length is None:
        raise UsageError(f'cannot read the duration "{text}"', hint="write a number and its unit: 90s, 10m, 1h30m, 7d")
    return _within(length, _LONGEST_NS)


def parse_rfc3339(text: str) -> int | None:
    """Return the moment of an RFC 3339 time, whose time of day, fraction and zone may be missing, or None."""
    rest, offset_s = _split_zone(text)
    if offset_s is None:
        return None
    second, dot, fraction = rest.partition(".")
    nanosecond = _fraction_ns(fraction) if dot else 0
    days = _days(second[: len(_DATE)])
    if days is None or nanosecond is None:
        return None
    clock = second[len(_DATE) :]
    if not clock:
        return None if dot else (days * 86400 - offset_s) * SECOND_NS
    seconds = _second_of_day(clock)
    return None if seconds is None else (days * 86400 + seconds - offset_s) * SECOND_NS + nanosecond


def _within(value: int, most: int) -> int:
    return max(-most, min(value, most))


def _split_zone(text: str) -> tuple[str, int | None]:
    """Return what stands before the zone, and the zone in seconds east of UTC: None when it is none."""
    if text[-1:] in {"Z", "z"}:
        return text[:-1], 0
    if text[-6:-5] not in {"+", "-"} or text[-3:-2] != ":":
        return text, 0
    hours, minutes = _number(text[-5:-3], 0, 23), _number(text[-2:], 0, 59)
    if hours is None or minutes is None:
        return text, None
    east = hours * 3600 + minutes * 60
    return text[:-6], -east if text[-6] == "-" else east


def _days(date: str) -> int | None:
    """Return the days from 1970 to a date of the form YYYY-MM-DD, or None."""
    year, month = _number(date[:4], 1, 9999), _number(date[5:7], 1, 12)
    if len(date) != len(_DATE) or date[4] != "-" or date[7] != "-" or year is None or month is None:
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    day = _number(date[8:], 1, _DAYS_OF_MONTH[month - 1] + (leap and month == _FEBRUARY))
    if day is None:
        return None
    before = year - 1
    days_of_years = before * 365 + before // 4 - before // 100 + before // 400
    return days_of_years + _DAYS_BEFORE_MONTH[month - 1] + (leap and month > _FEBRUARY) + day - 1 - _DAYS_BEFORE_1970


def _second_of_day(clock: str) -> int | None:
    """Return the seconds of ``Thh:mm:ss``, or None. The letter may be a blank (RFC 3339, 5.6)."""
    if len(clock) != len(_WHOLE_SECOND) - len(_DATE) or clock[0] not in "Tt " or clock[3] != ":" or clock[6] != ":":
        return None
    hours, minutes, seconds = _number(clock[1:3], 0, 23), _number(clock[4:6], 0, 59), _number(clock[7:], 0, 59)
    if hours is None or minutes is None or seconds is None:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _seconds(text: str) -> int | None:
    """Return the moment of seconds since 1970, which may be negative and have a fraction, or None."""
    whole, dot, fraction = text.removeprefix("-").partition(".")
    nanosecond = _fraction_ns(fraction) if dot else 0
    if not _digits(whole) or nanosecond is None:
        return None
    moment = int(whole) * SECOND_NS + nanosecond
    return -moment if text.startswith("-") else moment


def _duration(text: str) -> int | None:
    rest = text[1:] if text[:1] in {"-", "+"} else text
    total = 0
    while rest:
        figures = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(figures) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµμmshd"))]
        rest = rest[len(unit) :]
        whole, dot, fraction = figures.partition(".")
        # Go takes "1.5h", ".5h" and "1.h", but no lone dot.
        if unit not in _UNITS_NS or not _digits(whole + fraction) or (dot and "." in fraction):
            return None
        total += int(whole + fraction) * _UNITS_NS[unit] // 10 ** len(fraction)
    if text in {"", "-", "+"}:
        return None
    return -total if text[0] == "-" else total


def _fraction_ns(digits: str) -> int | None:
    if not _digits(digits):
        return None
    return int(digits[:_NANOSECOND_DIGITS].ljust(_NANOSECOND_DIGITS, "0"))


def _number(text: str, least: int, most: int) -> int | None:
    return int(text) if _digits(text) and least <= int(text) <= most else None


def _digits(text: str) -> bool:
    # int() refuses what is longer than 4300 digits with a ValueError.
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
