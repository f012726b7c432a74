"""The verbs of Go's fmt.Sprintf that scripts use."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Unfit(ValueError):
    """A function was given what it cannot take."""


def printf(layout: str, values: Sequence[object], shown: Callable[[object], str]) -> str:
    """Return the layout with each verb replaced by a value: ``%s %v %d %q %x %t %f %%``, with ``-``, ``0`` and widths.

    Raises:
        Unfit: a verb that is not known, or values that do not fit the verbs.
    """
    parts: list[str] = []
    remaining = list(values)
    while "%" in layout:
        text, _, layout = layout.partition("%")
        parts.append(text)
        flags = layout[: len(layout) - len(layout.lstrip("-+0 #.123456789"))]
        verb, layout = layout[len(flags) : len(flags) + 1], layout[len(flags) + 1 :]
        if verb == "%":
            parts.append("%")
            continue
        if not remaining:
            raise Unfit(f"no value for %{flags}{verb}")
        parts.append(_one(flags, verb, remaining.pop(0), shown))
    if remaining:
        raise Unfit(f"{len(remaining)} values too many")
    return "".join([*parts, layout])


def _one(flags: str, verb: str, value: object, shown: Callable[[object], str]) -> str:
    if verb in ("s", "v"):
        return _padded(flags, shown(value))
    if verb == "q" and isinstance(value, str):
        from quiltctl.model.document import encode

        return _padded(flags, encode(value))
    if verb == "t" and isinstance(value, bool):
        return _padded(flags, shown(value))
    if verb in ("x", "X") and isinstance(value, str):
        digits = value.encode("utf-8", "surrogateescape").hex()
        return _padded(flags, digits if verb == "x" else digits.upper())
    if (verb in ("d", "x", "X", "o", "b") and isinstance(value, int) and not isinstance(value, bool)) or (
        verb in ("f", "e", "g") and isinstance(value, float)
    ):
        return f"%{flags}{verb}" % value if verb != "b" else _padded(flags, f"{value:b}")
    raise Unfit(f"%{verb} cannot show {shown(value)!a}")


def _padded(flags: str, text: str) -> str:
    """Text has a width and a most number of characters, and no zeros before it."""
    return f"%{flags.replace('0', '', 1) if flags.startswith('0') else flags}s" % text
