"""What templates can call, and how values look in text: as Go prints them."""

from __future__ import annotations

from quiltctl.model.document import encode
from quiltctl.ui.fields import Fields
from quiltctl.ui.template.printf import Unfit, printf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def shown(value: object) -> str:
    """Return a value as Go prints it: ``true``, ``[a b]``, ``map[k:v]``."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(_inner, value))}]"
    if isinstance(value, dict):
        whole = value.whole() if isinstance(value, Fields) else value
        return f"map[{' '.join(f'{key}:{_inner(whole[key])}' for key in sorted(whole))}]"
    if value is None:
        return "<no value>"
    return _number(value) if isinstance(value, float) else encode(value)


def _number(value: float) -> str:
    """Return ``1`` for 1.0, as fmt's %v does up to 1e21."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)  # noqa: PLR2004


def _inner(value: object) -> str:
    return "<nil>" if value is None else shown(value)


def as_json(value: object) -> str:
    """Return a value as JSON in Go's spelling, without blanks."""
    return encode(value.whole() if isinstance(value, Fields) else value, compact=True)


def length(value: object) -> int:
    """Return how many things are in a list or map, or bytes in a text."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, (list, tuple, dict)):
        return len(value)
    raise Unfit(f"{kind(value)} has no length")


def index(value: Any, *keys: Any) -> Any:
    """Return ``value[a][b]``. A key that a map lacks gives what Go calls its zero: empty text in a map of texts."""
    for key in keys:
        if isinstance(value, dict):
            texts = all(isinstance(item, str) for item in value.values())
            value = value.get(key, "" if texts else None)
        elif isinstance(value, (list, tuple, str)) and isinstance(key, int) and not isinstance(key, bool):
            if not 0 <= key < len(value):
                raise Unfit(f"index out of range: {key}")
            value = value[key]
        else:
            raise Unfit(f"cannot take {shown(key)!a} of {kind(value)}")
    return value


def cut_out(value: Any, *ends: Any) -> Any:
    """Return ``value[a:b]`` of a text or list."""
    if not isinstance(value, (str, list, tuple)):
        raise Unfit(f"cannot slice {kind(value)}")
    limits = [0, len(value)]
    limits[: len(ends)] = ends
    if not all(isinstance(end, int) for end in ends) or not 0 <= limits[0] <= limits[1] <= len(value):
        raise Unfit(f"out of range: {', '.join(map(shown, ends))}")
    return value[limits[0] : limits[1]]


def equal(first: object, *others: object) -> bool:
    """Return whether the first equals any of the others."""
    if not others:
        raise Unfit("missing argument for comparison")
    return any(_comparable(first, other) and first == other for other in others)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def checked(left: Any, right: Any) -> bool:
        if not _comparable(left, right) or isinstance(left, bool) or left is None:
            raise Unfit(f"{kind(left)} has no order")
        return compare(left, right)

    return checked


def _comparable(left: object, right: object) -> bool:
    kinds = {kind(left), kind(right)}
    if left is None or right is None:
        return left is right
    if len(kinds) > 1:
        raise Unfit(f"incompatible types for comparison: {' and '.join(sorted(kinds))}")
    if kinds & {"a list", "a map"}:
        raise Unfit(f"{kinds.pop()} cannot be compared")
    return True


def kind(value: object) -> str:
    """Return what sort of thing a value is, for sentences."""
    for types, name in (
        (bool, "a truth value"),
        ((int, float), "a number"),
        (str, "text"),
        ((list, tuple), "a list"),
        (dict, "a map"),
    ):
        if isinstance(value, types):
            return name
    return "nothing"


def _print(*values: object) -> str:
    """Join values; a blank stands between two of which neither is text (fmt.Sprint)."""
    parts: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            parts.append(" ")
        parts.append(shown(value))
    return "".join(parts)


def _title(text: str) -> str:
    return "".join(
        char.upper() if not before.isalnum() else char for before, char in zip(f" {text}", text, strict=False)
    )


def _join(values: Any, separator: str = " ") -> str:
    if not isinstance(values, (list, tuple)):
        raise Unfit(f"cannot join {kind(values)}")
    return separator.join(map(shown, values))


def _text(act: Callable[..., Any]) -> Callable[..., Any]:
    def checked(text: Any, *rest: Any) -> Any:
        if not isinstance(text, str):
            raise Unfit(f"takes text, not {kind(text)}")
        return act(text, *rest)

    return checked


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "eq": equal,
    "ge": _ordered(lambda left, right: left >= right),
    "gt": _ordered(lambda left, right: left > right),
    "index": index,
    "join": _join,
    "json": as_json,
    "le": _ordered(lambda left, right: left <= right),
    "len": length,
    "lower": _text(str.lower),
    "lt": _ordered(lambda left, right: left < right),
    "ne": lambda left, right: not equal(left, right),
    "not": lambda value: not value,
    "pad": _text(lambda text, before, after: " " * before + text + " " * after),
    "print": _print,
    "printf": lambda layout, *values: printf(layout, values, shown),
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "slice": cut_out,
    "split": _text(lambda text, separator: text.split(separator) if separator else list(text)),
    "title": _text(_title),
    "truncate": _text(lambda text, most: text[:most]),
    "upper": _text(str.upper),
}
"""By name. They raise Unfit for what they cannot take. `and` and `or` stop early, so the evaluation has them."""
