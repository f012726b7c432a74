"""``--filter KEY=VALUE`` for networks.

Filters of one key are alternatives, but labels must all hold; different keys must all hold.
"""

from __future__ import annotations

import time

from quiltctl.commands._filters import has_label, parse_filters, pattern
from quiltctl.errors import UsageError
from quiltctl.model.membership import DEFAULT_NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quiltctl.commands._network_document import Row

    Test = Callable[[Row], bool]

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def network_filter(given: Iterable[str], *, only: Iterable[str] = ()) -> Test:
    """Return what says of a network whether the filters leave it.

    ``only`` are the keys that the verb knows; without it all of them.

    Raises:
        UsageError: a filter that is not known, or a value that it cannot take.
    """
    filters = parse_filters(given, tuple(only) or _MAKERS)
    tests = [_MAKERS[key](values) for key, values in filters.items()]
    return lambda row: all(test(row) for test in tests)


def is_dangling(row: Row) -> bool:
    """Return whether no container is in a network; the default one is there for the next."""
    return not row.containers and row.network.name != DEFAULT_NETWORK


def _ids(values: list[str]) -> Test:
    tests = [pattern(value, prefix=True) for value in values]
    return lambda row: any(test(row.network.id) for test in tests)


def _names(values: list[str]) -> Test:
    tests = [pattern(value) for value in values]
    return lambda row: any(test(row.network.name) for test in tests)


def _drivers(values: list[str]) -> Test:
    return lambda _row: "bridge" in values


def _labels(values: list[str]) -> Test:
    wanted = [value.partition("=") for value in values]
    return lambda row: all(has_label(row.config["labels"], *one) for one in wanted)


def _no_labels(values: list[str]) -> Test:
    unwanted = [value.partition("=") for value in values]
    return lambda row: not any(has_label(row.config["labels"], *one) for one in unwanted)


def _until(values: list[str]) -> Test:
    from quiltctl.model.times import parse_moment

    now = time.time_ns()
    moment = max(parse_moment(value, now_ns=now) for value in values)
    return lambda row: row.network.created_at < moment


def _truth(key: str, fact: Test) -> Callable[[list[str]], Test]:
    """Return the maker of a filter by what is true or false."""

    def make(values: list[str]) -> Test:
        unknown = [value for value in values if value.lower() not in _TRUTH]
        if unknown:
            raise UsageError(f'"{key}={unknown[0]}" is neither true nor false')
        wanted = {_TRUTH[value.lower()] for value in values}
        return lambda row: fact(row) in wanted

    return make


_MAKERS: dict[str, Callable[[list[str]], Test]] = {
    "dangling": _truth("dangling", is_dangling),
    "driver": _drivers,
    "id": _ids,
    "internal": _truth("internal", lambda row: bool(row.network.internal)),
    "label": _labels,
    "label!": _no_labels,
    "name": _names,
    "until": _until,
}
