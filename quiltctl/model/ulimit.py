"""Limits of a process as `--ulimit` gives them, without the module ``resource``."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

# asm-generic/resource.h, valid on x86 and ARM; getrlimit(2).
NUMBERS = {
    "cpu": 0,
    "fsize": 1,
    "data": 2,
    "stack": 3,
    "core": 4,
    "rss": 5,
    "nproc": 6,
    "nofile": 7,
    "memlock": 8,
    "as": 9,
    "locks": 10,
    "sigpending": 11,
    "msgqueue": 12,
    "nice": 13,
    "rtprio": 14,
    "rttime": 15,
}
UNLIMITED = -1
"""As setrlimit takes it, of the module ``resource`` and, as an unsigned long, of the C library: RLIM_INFINITY."""
_MOST = (1 << 63) - 1
_MOST_DIGITS = 19
_UNLIMITED = ("-1", "unlimited")


class Ulimit(Value):
    """A limit by name, in the unit of setrlimit(2); -1 is unlimited."""

    name: str
    soft: int
    hard: int

    @property
    def number(self) -> int:
        """Return what the kernel calls it; HOST has none."""
        return NUMBERS[self.name]


HOST = Ulimit("host", UNLIMITED, UNLIMITED)
"""What ``--ulimit host`` gives: the container keeps the limits of whoever starts it."""


def parse_ulimit(text: str) -> Ulimit:
    """Return the limit of ``name=soft[:hard]``, or HOST for the word ``host``; without ``hard`` both are the same.

    Raises:
        UsageError: it is something else, there is no such limit, or the soft one is above the hard one.
    """
    if text == HOST.name:
        return HOST
    name, equals, values = text.partition("=")
    if not equals:
        raise UsageError(f'invalid ulimit "{text}"', hint="NAME=SOFT:HARD, such as nofile=1024:2048, or host")
    if name not in NUMBERS:
        raise UsageError(f'invalid ulimit "{text}": no limit "{name}"', hint=f"one of {', '.join(sorted(NUMBERS))}")
    soft, colon, hard = values.partition(":")
    limit = Ulimit(name, _value(soft, text), _value(hard if colon else soft, text))
    if limit.hard != UNLIMITED and not 0 <= limit.soft <= limit.hard:
        raise UsageError(f'invalid ulimit "{text}": the soft limit is above the hard one', hint="raise the hard limit")
    return limit


def _value(word: str, text: str) -> int:
    if word in _UNLIMITED:
        return UNLIMITED
    if not (word.isascii() and word.isdigit()) or len(word) > _MOST_DIGITS or int(word) > _MOST:
        raise UsageError(f'invalid ulimit "{text}"', hint="a limit is a whole number, or -1 or unlimited")
    return int(word)
