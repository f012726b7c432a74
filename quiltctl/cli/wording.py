"""What Typer says no with, in our words: one sentence in the user's spelling, and a hint."""

from __future__ import annotations

from quiltctl.cli.line import see_help
from quiltctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def worded(error: Any, path: Sequence[str]) -> UsageError:
    """Return the UsageError for what Typer raised.

    Its exceptions are told apart by name: they live in a private module, whose place has changed before.
    """
    hint = see_help(tuple(path))
    what = {name: say for kind in type(error).__mro__ for name, say in _WORDS.items() if name == kind.__name__}
    if not what:
        return UsageError(_plain(error.format_message()), hint=hint)
    sentence, guess = next(iter(what.values()))(error)
    return UsageError(sentence, hint=f"{guess}{hint}")


def _unknown_option(error: Any) -> tuple[str, str]:
    near = error.possibilities or ()
    return f"unknown option {error.option_name}", f"did you mean {near[0]}? " if near else ""


def _no_value(error: Any) -> tuple[str, str]:
    if "not take a value" in error.message:
        return f"{error.option_name} takes no value but true and false", ""
    return f"{error.option_name} needs a value", ""


def _missing(error: Any) -> tuple[str, str]:
    return f"{error.param.make_metavar(ctx=error.ctx).removesuffix('...')} is missing", ""


def _bad_value(error: Any) -> tuple[str, str]:
    value, is_no, kind = _plain(error.message).partition(" is not a valid ")
    why = f"{value} is not a {'whole number' if kind.startswith('int') else 'number'}" if is_no else value
    return f"invalid value for {error.param.opts[0]}: {why}", ""


def _other(error: Any) -> tuple[str, str]:
    extra = error.message.partition("extra argument(s) (")[2].removesuffix(")")
    return (f"unexpected argument: {extra}" if extra else _plain(error.format_message())), ""


def _plain(message: str) -> str:
    message = message.rstrip(".")
    return message[:1].lower() + message[1:]


_WORDS = {
    "NoSuchOption": _unknown_option,
    "BadOptionUsage": _no_value,
    "MissingParameter": _missing,
    "BadParameter": _bad_value,
    "UsageError": _other,
}
