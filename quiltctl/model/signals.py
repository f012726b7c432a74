"""Names and numbers of signals (signal(7)), without the module ``signal``, which imports enum."""

from __future__ import annotations

from quiltctl.errors import UsageError

# The numbers of x86 and ARM, which are the same.
NUMBERS = {
    name: number
    for number, name in enumerate(
        [
            "HUP",
            "INT",
            "QUIT",
            "ILL",
            "TRAP",
            "ABRT",
            "BUS",
            "FPE",
            "KILL",
            "USR1",
            "SEGV",
            "USR2",
            "PIPE",
            "ALRM",
            "TERM",
            "STKFLT",
            "CHLD",
            "CONT",
            "STOP",
            "TSTP",
            "TTIN",
            "TTOU",
            "URG",
            "XCPU",
            "XFSZ",
            "VTALRM",
            "PROF",
            "WINCH",
            "IO",
            "PWR",
            "SYS",
        ],
        start=1,
    )
}
_ALIASES = {"IOT": 6, "POLL": 29, "CLD": 17}
_RTMIN = 34
_RTMAX = 64
_MOST_DIGITS = 4


def parse_signal(text: str) -> int:
    """Return the number of a signal given as name, SIGname or number, in any case; also RTMIN+3 and RTMAX-1.

    Raises:
        UsageError: there is no such signal.
    """
    word = text.strip().upper().removeprefix("-").removeprefix("SIG")
    if word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS and 1 <= int(word) <= _RTMAX:
        return int(word)
    if word in NUMBERS:
        return NUMBERS[word]
    if word in _ALIASES:
        return _ALIASES[word]
    number = _real_time(word)
    if number is None:
        raise UsageError(f'invalid signal "{text}"', hint="a name such as TERM or SIGTERM, or a number from 1 to 64")
    return number


def name_of(number: int) -> str:
    """Return the name with SIG, or the bare number of a real-time signal."""
    return next((f"SIG{name}" for name, known in NUMBERS.items() if known == number), str(number))


def _real_time(word: str) -> int | None:
    for start, sign, base in (("RTMIN", "+", _RTMIN), ("RTMAX", "-", _RTMAX)):
        if word == start:
            return base
        offset = word.removeprefix(start + sign)
        if offset != word and offset.isascii() and offset.isdigit() and len(offset) <= 2:  # noqa: PLR2004 (two digits)
            number = base + int(offset) if sign == "+" else base - int(offset)
            return number if _RTMIN <= number <= _RTMAX else None
    return None
