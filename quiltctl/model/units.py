"""Sizes and counts as people write them."""

from __future__ import annotations

from quiltctl.errors import UsageError

_FACTORS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_MOST_DIGITS = 18
_MOST_BYTES = (1 << 63) - 1
"""The kernel counts in 64 bits, and of a number beyond takes what is left of it."""


def parse_bytes(text: str, what: str) -> int:
    """Return a size in bytes: a number with k, m, g or t for powers of 1,024; ``kb`` and ``KiB`` are the same.

    Raises:
        UsageError: it is something else; ``what`` names the option.
    """
    word = text.strip().lower()
    number = word.rstrip("bkmgti")
    unit = word[len(number) :].removesuffix("b").removesuffix("i")
    size = parse_decimal(number, _FACTORS.get(unit, 0))
    if size is None or size > _MOST_BYTES or unit not in _FACTORS:
        raise UsageError(f'invalid size "{text}" for {what}', hint="a number with b, k, m, g or t, such as 64m or 1.5g")
    return size


def parse_whole(text: str, what: str) -> int:
    """Return a whole number that is not negative.

    Raises:
        UsageError: it is something else; ``what`` names the option.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        raise UsageError(f'invalid number "{text}" for {what}')
    return int(text)


def parse_decimal(text: str, scale: int) -> int | None:
    """Return a number that is not negative, in units of one ``scale``-th, cut to a whole one; None for another text.

    Exact, as a floating-point number would not be.
    """
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MOST_DIGITS:
        return None
    divisor: int = 10 ** len(fraction)
    return int(digits) * scale // divisor
