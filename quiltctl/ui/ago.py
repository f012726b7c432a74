"""Moments, lengths of time and what a container does, in docker's and podman's words."""

from __future__ import annotations

import time

SECOND = 1_000_000_000
_HOUR = 3600


def duration(ns: int) -> str:
    """Return a length of time given in nanoseconds: ``3 seconds``, ``About a minute``, ``5 weeks``."""
    seconds = ns // SECOND
    if seconds < 1:
        return "Less than a second"
    if seconds < 2 * 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds" if seconds < 60 else "About a minute"  # noqa: PLR2004
    if seconds < _HOUR:
        return f"{seconds // 60} minutes"
    # docker/go-units, HumanDuration: hours are rounded, what is made of hours is cut off.
    hours = (seconds + _HOUR // 2) // _HOUR
    if hours == 1:
        return "About an hour"
    for unit, size, most in (
        ("hours", 1, 48),
        ("days", 24, 24 * 14),
        ("weeks", 168, 24 * 60),
        ("months", 720, 24 * 730),
    ):
        if hours < most:
            return f"{hours // size} {unit}"
    return f"{seconds // _HOUR // 24 // 365} years"


def go_duration(ns: int) -> str:
    """Return a length of time, none or a millisecond at least, as Go and podman write it: ``20ms``, ``1h2m3.04s``."""
    seconds, rest = divmod(ns, SECOND)
    if not seconds and rest:
        return f"{rest / 1e6:.6f}".rstrip("0").rstrip(".") + "ms"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{before}{seconds}{_fraction(rest)}s"


def ago(at: int, *, now: int | None = None) -> str:
    """Return how long ago a moment was, both in nanoseconds since 1970: ``3 seconds ago``."""
    return f"{duration((time.time_ns() if now is None else now) - at)} ago"


def status(
    state: str, *, started_at: int | None, finished_at: int | None, exit_code: int | None, now: int | None = None
) -> str:
    """Return what a container does or did: ``Up 3 seconds``, ``Exited (137) 2 minutes ago``, ``Created``.

    An exit code that nobody knows is -1. The moments are nanoseconds since 1970.
    """
    now = time.time_ns() if now is None else now
    if state == "running" and started_at is not None:
        return f"Up {duration(now - started_at)}"
    if state == "exited":
        text = f"Exited ({-1 if exit_code is None else exit_code})"
    elif state == "error":
        text = "Failed to start"
    else:
        return state.capitalize()
    return text if finished_at is None else f"{text} {ago(finished_at, now=now)}"


def timestamp(at: int) -> str:
    """Return a moment, nanoseconds since 1970, as RFC 3339 in UTC: ``2026-11-23T00:05:17.5Z``."""
    seconds, rest = divmod(at, SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}{_fraction(rest)}Z"


def local_time(at: int) -> str:
    """Return a moment as podman writes it, in local time: ``2026-11-23 00:05:17.5 +0000 UTC``."""
    seconds, rest = divmod(at, SECOND)
    local = time.localtime(seconds)
    minutes = abs(local.tm_gmtoff) // 60
    zone = f"{'-' if local.tm_gmtoff < 0 else '+'}{minutes // 60:02d}{minutes % 60:02d} {local.tm_zone}"
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', local)}{_fraction(rest)} {zone}"


def _fraction(ns: int) -> str:
    return f".{ns:09d}".rstrip("0") if ns else ""
