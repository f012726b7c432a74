"""JSON text from plain values, and back, without the json package.

That package imports re, 7 ms of the 25 that `ps` may take. The parts of it that are written in C stand in a module of
their own, ``_json``, which costs 0.3 ms and has been there since Python 3.0; json itself takes them from it.
"""

from __future__ import annotations

from _json import encode_basestring, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BLANKS = " \t\n\r"
_WORDS = {None: "null", True: "true", False: "false"}


class Keyed(dict[str, "Any"]):
    """A dict whose keys are data, such as labels: to ask a template for one that is not there is no error."""

    __slots__ = ()


def encode(value: object, *, indent: int | None = None, compact: bool = False) -> str:
    """Return the JSON text of a value made of dict, list, tuple, str, int, float, bool and None.

    It equals what ``json.dumps(value, indent=indent, ensure_ascii=False)`` returns, and with ``compact`` what Go
    writes: no blanks. What UTF-8 cannot hold, half a surrogate pair from a name that was not UTF-8, is escaped.

    Raises:
        TypeError: something else is in it, or a key is no str.
    """
    parts: list[str] = []
    if indent is None:
        _write(value, parts.append, *(("", "", ",", ":") if compact else ("", "", ", ", ": ")))
    else:
        _write(value, parts.append, "\n", " " * indent, ",", ": ")
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Only half pairs cannot be encoded, they stand in strings only, and Python's own escape is JSON's: \udc80.
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def decode(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON.
    """
    stripped = text.lstrip(_BLANKS)
    try:
        value, end = _scan(stripped, 0)
    except (StopIteration, SystemError, ValueError):
        return _explained(text)
    return _explained(text) if stripped[end:].strip(_BLANKS) else value


class _Options:
    """What the scanner asks for when it is made: a ``json.JSONDecoder`` without options."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 (the scanner's own)


_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(_Options)  # type: ignore[arg-type]


def _explained(text: str) -> Any:
    """Let json say what is wrong with the text: alone, the scanner fails without saying why."""
    import json  # 7 ms, for a text that is damaged

    return json.loads(text)


def _write(value: object, put: Callable[[str], None], newline: str, step: str, comma: str, colon: str) -> None:
    """Put the parts of the text; ``newline`` holds the indentation of the line that the value begins on."""
    if isinstance(value, str):
        put(encode_basestring(value))
    elif value is None or value is True or value is False:
        put(_WORDS[value])
    elif isinstance(value, int):
        put(int.__repr__(value))
    elif isinstance(value, float):
        put(_number(value))
    elif isinstance(value, dict):
        before, inner = "{" + newline + step, newline + step
        for key, item in value.items():
            put(before + encode_basestring(key) + colon)
            _write(item, put, inner, step, comma, colon)
            before = comma + inner
        put(newline + "}" if value else "{}")
    elif isinstance(value, (list, tuple)):
        before, inner = "[" + newline + step, newline + step
        for item in value:
            put(before)
            _write(item, put, inner, step, comma, colon)
            before = comma + inner
        put(newline + "]" if value else "[]")
    else:
        message = f"{type(value).__name__} has no JSON"
        raise TypeError(message)


def _number(value: float) -> str:
    if value - value == 0:
        return float.__repr__(value)
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 (NaN is not itself)
