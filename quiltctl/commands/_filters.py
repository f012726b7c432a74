"""``--filter KEY=VALUE``: reading it, and the containers it leaves.

Filters of one key are alternatives, different keys must all hold; labels must all hold too, as in podman.
"""

from __future__ import annotations

import time

from quiltctl.db import container_views, containers
from quiltctl.errors import NotFound, UsageError
from quiltctl.runtime.lifecycle.observe import observe

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

    Test = Callable[[Container], bool]

_STATES = {
    **{state: state for state in ("created", "starting", "running", "paused", "exited", "error")},
    # What docker and podman know besides; none of ours is ever in the last ones.
    "configured": "created",
    "initialized": "starting",
    "stopped": "exited",
    "dead": "error",
    **dict.fromkeys(("restarting", "removing", "stopping", "unknown"), ""),
}
_EXIT_CODES = frozenset(map(str, range(-1, 256)))
_HEALTHS = ("none", "starting", "healthy", "unhealthy")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def parse_filters(given: Iterable[str], known: Iterable[str]) -> dict[str, list[str]]:
    """Return the values by key; ``label!=x`` has the key ``label!``.

    Raises:
        UsageError: a word is no KEY=VALUE, or its key is not one of ``known``.
    """
    keys = sorted(known)
    filters: dict[str, list[str]] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f'invalid filter "{word}"', hint="write KEY=VALUE")
        if key not in keys:
            raise UsageError(f'"{key}" is an invalid filter', hint=f"the filters here are {', '.join(keys)}")
        filters.setdefault(key, []).append(value)
    return filters


def select_containers(
    connection: sqlite3.Connection, paths: Paths, given: Sequence[str], *, all: bool
) -> list[Container]:
    """Return the containers that the filters leave, as they are now, the oldest first.

    Without ``all`` only those that run, unless a filter asks for a state.

    Raises:
        UsageError: a filter that is not known, or a value that it cannot take.
        NotFound: ``since`` or ``before`` name no container.
    """
    filters = parse_filters(given, (*_OF_ROW, *_OF_STATE))
    of_row = [make(connection, filters[key]) for key, make in _OF_ROW.items() if key in filters]
    of_state = [make(filters[key]) for key, make in _OF_STATE.items() if key in filters]
    running_only = not (all or "status" in filters or "exited" in filters)
    found: list[Container] = []
    for row in container_views.listed(connection, state="running" if running_only else None):
        # The kernel is asked for as few as possible.
        if not _passes(row, of_row):
            continue
        container = observe(connection, paths, row)
        if container is None or (running_only and container.state != "running"):
            continue
        if _passes(container, of_state):
            found.append(container)
    return found


def _passes(container: Container, tests: Iterable[Test]) -> bool:
    return all(test(container) for test in tests)


def _ids(_connection: sqlite3.Connection, values: list[str]) -> Test:
    tests = [pattern(value, prefix=True) for value in values]
    return lambda container: any(test(container.id) for test in tests)


def _names(_connection: sqlite3.Connection, values: list[str]) -> Test:
    # docker's names begin with a slash, and scripts write ^/web$.
    tests = [pattern(value.removeprefix("/") if value[:2] != "^/" else f"^{value[2:]}") for value in values]
    return lambda container: any(test(container.name) for test in tests)


def _labels(connection: sqlite3.Connection, values: list[str]) -> Test:
    labels, wanted = containers.labels_of(connection), [value.partition("=") for value in values]
    return lambda container: all(has_label(labels.get(container.id, {}), *one) for one in wanted)


def _no_labels(connection: sqlite3.Connection, values: list[str]) -> Test:
    labels, unwanted = containers.labels_of(connection), [value.partition("=") for value in values]
    return lambda container: not any(has_label(labels.get(container.id, {}), *one) for one in unwanted)


def has_label(labels: dict[str, str], key: str, equals: str, value: str) -> bool:
    """Return whether a label is there, and where ``equals`` is not empty, whether it has the value."""
    return key in labels and (not equals or labels[key] == value)


def _ancestors(connection: sqlite3.Connection, values: list[str]) -> Test:
    from quiltctl.db import images
    from quiltctl.model.image_name import completed

    ids: set[str] = set()
    names = {value for value in values if value}
    for value in names:
        try:
            ids.add(images.find(connection, value).id)
        except NotFound:
            continue  # the image may be gone, and the container still know its name
    names |= {name for value in names if (name := completed(value)) is not None}
    return lambda container: (
        container.image_id in ids or container.image_name in names or completed(container.image_name) in names
    )


def _before(connection: sqlite3.Connection, values: list[str]) -> Test:
    moment = max(containers.find(connection, value).created_at for value in values)
    return lambda container: container.created_at < moment


def _since(connection: sqlite3.Connection, values: list[str]) -> Test:
    moment = min(containers.find(connection, value).created_at for value in values)
    return lambda container: container.created_at > moment


def _until(_connection: sqlite3.Connection, values: list[str]) -> Test:
    from quiltctl.model.times import parse_moment

    now = time.time_ns()
    moment = max(parse_moment(value, now_ns=now) for value in values)
    return lambda container: container.created_at < moment


def _volumes(connection: sqlite3.Connection, values: list[str]) -> Test:
    used = container_views.volumes(connection)
    return lambda container: any(
        value in (volume, destination) for volume, destination in used.get(container.id, ()) for value in values
    )


def _networks(connection: sqlite3.Connection, values: list[str]) -> Test:
    """A network by name or id; none, host and container:X are modes; one that is not there has no containers."""
    from quiltctl.db import networks
    from quiltctl.model.membership import DEFAULT_NETWORK

    wanted: set[str] = set()
    modes: set[str] = set()
    for value in values:
        try:
            if value in {"none", "host"}:
                modes.add(value)
            elif value.startswith("container:"):
                modes.add(f"container:{containers.find(connection, value.partition(':')[2]).id}")
            else:
                name = DEFAULT_NETWORK if value in {"bridge", "default"} else value
                wanted.add(networks.find(connection, name).name)
        except NotFound:
            continue
    members = container_views.networks(connection) if wanted else {}
    mode_of = container_views.network_modes(connection) if modes else {}
    return lambda container: mode_of.get(container.id) in modes or not wanted.isdisjoint(members.get(container.id, ()))


def _commands(connection: sqlite3.Connection, values: list[str]) -> Test:
    from quiltctl.db.document import decode

    tests = [pattern(value) for value in values]
    return lambda container: any(test(decode(connection, container.command)[0]) for test in tests)


def _statuses(values: list[str]) -> Test:
    unknown = [value for value in values if value not in _STATES]
    if unknown:
        raise UsageError(
            f'"{unknown[0]}" is no state of a container',
            hint=f"the states are {', '.join(sorted(set(_STATES) - {''}))}",
        )
    states = {_STATES[value] for value in values}
    return lambda container: container.state in states


def _exit_codes(values: list[str]) -> Test:
    codes: set[int | None] = set()
    for value in values:
        if value not in _EXIT_CODES:
            raise UsageError(f'"{value}" is no exit code', hint="write a number from 0 to 255, or -1 for unknown ones")
        codes.add(None if value == "-1" else int(value))
    return lambda container: container.state == "exited" and container.exit_code in codes


def _healths(values: list[str]) -> Test:
    unknown = [value for value in values if value not in _HEALTHS]
    if unknown:
        raise UsageError(f'"{unknown[0]}" is no health', hint=f"write {', '.join(_HEALTHS)}")
    return lambda _container: "none" in values  # nothing is checked yet


_OF_ROW: dict[str, Callable[[sqlite3.Connection, list[str]], Test]] = {
    "ancestor": _ancestors,
    "before": _before,
    "command": _commands,
    "id": _ids,
    "label": _labels,
    "label!": _no_labels,
    "name": _names,
    "network": _networks,
    "since": _since,
    "until": _until,
    "volume": _volumes,
}
_OF_STATE: dict[str, Callable[[list[str]], Test]] = {
    "exited": _exit_codes,
    "health": _healths,
    "status": _statuses,
}


def pattern(value: str, *, prefix: bool = False) -> Callable[[str], bool]:
    """Return whether a text matches a regular expression, as podman has it for names and ids; most are plain words.

    With ``prefix`` a plain word is the beginning of an id, in either case.

    Raises:
        UsageError: it is no regular expression.
    """
    begins, ends = value.startswith("^"), value.endswith("$")
    word = value[begins : len(value) - ends]
    if _PLAIN.issuperset(word):
        if prefix and not begins and not ends:
            return lambda text: text.startswith(word.lower())
        return lambda text: (
            text == word
            if begins and ends
            else text.startswith(word)
            if begins
            else text.endswith(word)
            if ends
            else word in text
        )
    import re  # 7 ms, for those who need one

    try:
        compiled = re.compile(value)
    except re.error as error:
        raise UsageError(f'"{value}" is no regular expression: {error}') from error
    return lambda text: compiled.search(text) is not None
