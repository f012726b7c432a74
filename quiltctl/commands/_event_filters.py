"""``--filter`` of `events`: which of them are shown."""

from __future__ import annotations

from quiltctl.commands._filters import has_label, parse_filters
from quiltctl.db import containers
from quiltctl.errors import UsageError
from quiltctl.model.image_name import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from quiltctl.db.events import Event

    Test = Callable[[Event, str], bool]

KINDS = ("container", "image", "network", "volume", "system")
_SYNONYMS = {"die": "died", "destroy": "remove", "rm": "remove", "delete": "remove"}
"""docker's words for what podman and we call otherwise."""


def choose(connection: sqlite3.Connection, events: Sequence[Event], filters: dict[str, list[str]]) -> Iterable[Event]:
    """Return the events that the filters leave: those of one key are alternatives, labels and keys must all hold."""
    wanted_labels = [value.partition("=") for value in filters.get("label", ())]
    labels = containers.labels_of(connection) if wanted_labels else {}
    tests = [(_TESTS[key], values) for key, values in filters.items() if key != "label"]
    return [
        event
        for event in events
        if all(has_label(labels.get(event.object_id, {}), *label) for label in wanted_labels)
        and all(any(test(event, value) for value in values) for test, values in tests)
    ]


def read_filters(given: Iterable[str]) -> dict[str, list[str]]:
    """Return the values by key.

    Raises:
        UsageError: a key or a type that there is not.
    """
    filters = parse_filters(given, (*_TESTS, "label"))
    for kind in filters.get("type", ()):
        if kind not in KINDS:
            raise UsageError(f'"{kind}" is no type of event', hint=f"the types are {', '.join(KINDS)}")
    return filters


def _is(kind: str) -> Test:
    return lambda event, value: (
        event.kind == kind
        and value != ""
        and (value in (event.name, completed(event.name)) or event.object_id.startswith(value))
    )


def _of_image(event: Event, value: str) -> bool:
    """Return whether it happened to the image, or to a container of it."""
    if event.kind == "container":
        name = event.attributes.get("image", "")
        return value in (name, completed(name)) or completed(value) == name
    return _is("image")(event, value) or (event.kind == "image" and completed(value) == event.name)


_TESTS: dict[str, Test] = {
    "container": lambda event, value: _is("container")(event, value.removeprefix("/")),
    "event": lambda event, value: event.action == _SYNONYMS.get(value, value),
    "image": _of_image,
    "network": _is("network"),
    "type": lambda event, value: event.kind == value,
    "volume": _is("volume"),
}
