"""From the whole command line to the verb: the options that stand before it, the noun, the word itself."""

from __future__ import annotations

from quiltctl.cli import spelling, table
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Argument, Flag, Option
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quiltctl.model.parameters import Parameter

HELP = Flag(("--help", "-h"), "Show this help.")
LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic")
GLOBALS = (
    Option(("--root",), "Keep everything below this directory.", metavar="DIR", completes="directory"),
    Option(("--log-level",), "With `debug`, errors come with their traceback.", choices=LEVELS, metavar="LEVEL"),
    HELP,
)
"""What every verb knows, before it and after it. What a verb declares itself wins: ``-h`` is --hostname for run."""

VERSION = Flag(("--version", "-v"), "Show the version.")


class Line(Value):
    """The command line, its verb found. Without a verb it asks for the help of ``path``, or for the version."""

    path: tuple[str, ...]
    verb: str | None
    rest: tuple[str, ...]
    """What the verb gets; the options that stood before it come first."""
    asks_version: bool = False


def find(argv: Sequence[str]) -> Line:
    """Return the verb that the line calls.

    Raises:
        UsageError: it calls none, and asks for no help either; or one that is not here.
    """
    path: tuple[str, ...] = ()
    before: list[str] = []
    rest = tuple(argv)
    while True:
        spelt = spelling.read(GLOBALS if path else (*GLOBALS, VERSION), rest, words_end_options=True)
        if spelt.unclear:
            raise UsageError(f"unknown option {spelt.unclear[0]}", hint=see_help(path))
        if any(given.parameter is VERSION and given.value for given in spelt.given):
            return Line((), None, (), asks_version=True)
        before += _written(spelt)
        if not spelt.words:
            return _without_verb(path, before)
        word, *after = spelt.words
        rest = tuple(after)
        if (word, path) == ("help", ()):  # "help ps" is "ps --help"
            rest = (*rest, "--help")
            continue
        path = (*path, word)
        verb = table.verb_of(path)
        if verb is not None:
            return Line(path, verb, (*before, *rest))
        if word not in table.GROUPS or len(path) > 1:
            raise _unknown(path)


def globals_beside(parameters: Iterable[Parameter]) -> list[Flag | Option]:
    """Return the global options, without the names that these parameters of a verb use themselves."""
    taken = {name for parameter in parameters if not isinstance(parameter, Argument) for name in parameter.names}
    return [renamed(option, tuple(name for name in option.names if name not in taken)) for option in GLOBALS]


def renamed(option: Flag | Option, names: tuple[str, ...]) -> Flag | Option:
    """Return the option under other names."""
    return type(option)(**{**option.to_dict(), "names": names})


def see_help(path: tuple[str, ...]) -> str:
    """Return the hint that leads to the help of this path."""
    return f"see: {' '.join(('quiltctl', *path))} --help"


def _written(spelt: spelling.Spelt) -> list[str]:
    return spelling.canonical(spelt)[: -1 - len(spelt.words)]


def _without_verb(path: tuple[str, ...], before: list[str]) -> Line:
    if any(given.parameter is HELP and given.value for given in spelling.read(GLOBALS, before).given):
        return Line(path, None, ())
    raise UsageError(f"{' '.join(('quiltctl', *path))} needs a command", hint=see_help(path))


def _unknown(path: tuple[str, ...]) -> UsageError:
    from quiltctl.cli import refusals

    *group, word = path
    if not group and word in refusals.ELSEWHERE:
        what, hint = refusals.ELSEWHERE[word]
        return UsageError(f"quiltctl {what}", hint=hint)
    if word in refusals.LATER.get(tuple(group), ()):
        return UsageError(f'"{" ".join(path)}" is not part of this version', hint=see_help(tuple(group)))
    from difflib import get_close_matches

    near = get_close_matches(word, table.GROUPS[group[0]] if group else (*table.TOP, *table.GROUPS), n=2)
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    return UsageError(f'unknown command "{" ".join(path)}"', hint=guess + see_help(tuple(group)))
