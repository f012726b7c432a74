"""``--filter KEY=VALUE`` for images.

Filters of one key are alternatives, but labels must all hold; different keys must all hold.
"""

from __future__ import annotations

import time

from quiltctl.commands._filters import has_label, parse_filters
from quiltctl.db import images
from quiltctl.errors import UsageError
from quiltctl.model.image_name import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from quiltctl.model.image import Image

    Test = Callable[[Image, Sequence[str]], bool]

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def image_filter(connection: sqlite3.Connection, given: Iterable[str], *, only: Iterable[str] = ()) -> Test:
    """Return what says of an image and its names whether the filters leave it.

    ``only`` are the keys that the verb knows; without it all of them.

    Raises:
        UsageError: a filter that is not known, or a value that it cannot take.
        NotFound: ``since`` or ``before`` name no image.
    """
    filters = parse_filters(given, tuple(only) or _MAKERS)
    tests = [_MAKERS[key](connection, values) for key, values in filters.items()]
    return lambda image, names: all(test(image, names) for test in tests)


def references(_connection: sqlite3.Connection, values: Iterable[str]) -> Test:
    """Return what says whether a name matches one of the patterns, which may leave out host and tag."""
    wanted = tuple(values)

    def matches(image: Image, names: Sequence[str]) -> bool:
        spellings = {spelling for name in names for spelling in _spellings(name)} | {image.id, image.id[:12]}
        return any(_matches(spelling, value) for spelling in spellings for value in wanted)

    return matches


def _matches(spelling: str, pattern: str) -> bool:
    """Return whether a name matches a pattern, whose asterisk passes over no slash, as in Go's path.Match."""
    from fnmatch import fnmatchcase  # it imports re: 7 ms, for those who filter

    words, patterns = spelling.split("/"), pattern.split("/")
    return len(words) == len(patterns) and all(map(fnmatchcase, words, patterns))


def _spellings(name: str) -> list[str]:
    """Return the ways to write a complete name: without its host, without its tag, by its last word."""
    host, path, tag = split(name)
    last = path.rpartition("/")[2]
    return [f"{part}{end}" for part in (f"{host}/{path}", path, last) for end in (f":{tag}", "")]


def _dangling(_connection: sqlite3.Connection, values: list[str]) -> Test:
    unknown = [value for value in values if value.lower() not in _TRUTH]
    if unknown:
        raise UsageError(f'"dangling={unknown[0]}" is neither true nor false')
    wanted = {_TRUTH[value.lower()] for value in values}
    return lambda _image, names: (not names) in wanted


def _ids(_connection: sqlite3.Connection, values: list[str]) -> Test:
    beginnings = tuple(value.removeprefix("sha256:") for value in values)
    return lambda image, _names: image.id.startswith(beginnings)


def _labels(_connection: sqlite3.Connection, values: list[str]) -> Test:
    wanted = [value.partition("=") for value in values]
    return lambda image, _names: all(has_label(image.config.labels, *one) for one in wanted)


def _no_labels(_connection: sqlite3.Connection, values: list[str]) -> Test:
    unwanted = [value.partition("=") for value in values]
    return lambda image, _names: not any(has_label(image.config.labels, *one) for one in unwanted)


def _before(connection: sqlite3.Connection, values: list[str]) -> Test:
    moment = max(images.find(connection, value).created_at for value in values)
    return lambda image, _names: image.created_at < moment


def _since(connection: sqlite3.Connection, values: list[str]) -> Test:
    moment = min(images.find(connection, value).created_at for value in values)
    return lambda image, _names: image.created_at > moment


def _until(_connection: sqlite3.Connection, values: list[str]) -> Test:
    from quiltctl.model.times import parse_moment

    now = time.time_ns()
    moment = max(parse_moment(value, now_ns=now) for value in values)
    return lambda image, _names: image.created_at < moment


_MAKERS: dict[str, Callable[[sqlite3.Connection, list[str]], Test]] = {
    "after": _since,
    "before": _before,
    "dangling": _dangling,
    "id": _ids,
    "label": _labels,
    "label!": _no_labels,
    "reference": references,
    "since": _since,
    "until": _until,
}
