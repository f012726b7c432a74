"""The fast reader: a line that is plainly right becomes keyword values, without loading Typer.

Whatever it does not fully understand, above all every error and every call for help, is left to cli/app.py,
which reads the same declaration. So this reader never words an error, and must never guess.
"""

from __future__ import annotations

from quiltctl.cli import spelling
from quiltctl.cli.line import GLOBALS, HELP
from quiltctl.model.parameters import Argument, Flag, Option, key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from quiltctl.model.parameters import Parameter, Verb


def read(verb: Verb, line: Sequence[str]) -> dict[str, Any] | None:
    """Return the values of all parameters, the global ones too, by keyword; None when in any doubt.

    Raises:
        UsageError: an option was given that this version cannot honour.
    """
    parameters = (*GLOBALS, *verb.parameters)
    spelt = spelling.read(parameters, line, words_end_options=verb.words_end_options)
    if spelt.unclear or any(given.parameter is HELP for given in spelt.given):
        return None
    spelling.refuse(spelt)
    values = _unset(parameters)
    try:
        values.update(_given(spelt.given))
    except ValueError:
        return None
    words = _by_argument([parameter for parameter in parameters if isinstance(parameter, Argument)], spelt.words)
    return None if words is None else {**values, **words}


def _unset(parameters: Iterable[Parameter]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in parameters:
        if isinstance(parameter, Flag) and parameter is not HELP:
            values[key_of(parameter)] = parameter.default
        elif isinstance(parameter, Option):
            values[key_of(parameter)] = default_of(parameter)
    return values


def default_of(option: Option) -> Any:
    """Return what the function gets when the option is not given: a list of its own where it takes many."""
    if option.multiple:
        return [*option.default] if isinstance(option.default, tuple | list) else []
    return option.default


def _given(given: Iterable[spelling.Given]) -> dict[str, Any]:
    """Return the values that were given, by keyword; of a repeated option the last, or all where it takes many.

    Raises:
        ValueError: a value is none that the option takes.
    """
    values: dict[str, Any] = {}
    for one in given:
        parameter = one.parameter
        if isinstance(parameter, Flag):
            values[key_of(parameter)] = one.value
        elif isinstance(parameter, Option):
            value = parameter.kind(one.value)
            if parameter.choices and value not in parameter.choices:
                raise ValueError(value)
            if parameter.multiple:
                values.setdefault(key_of(parameter), []).append(value)
            else:
                values[key_of(parameter)] = value
    return values


def _by_argument(arguments: list[Argument], words: tuple[str, ...]) -> dict[str, Any] | None:
    """Give each argument its word, and the rest to the last one where it takes many; None when they do not fit."""
    values: dict[str, Any] = {}
    for place, argument in enumerate(arguments):
        if argument.multiple and place < len(arguments) - 1:
            return None
        mine = words[place:] if argument.multiple else words[place : place + 1]
        if argument.required and not mine:
            return None
        values[argument.key] = list(mine) if argument.multiple else next(iter(mine), None)
    takes_all = bool(arguments) and arguments[-1].multiple
    return values if takes_all or len(words) <= len(arguments) else None
