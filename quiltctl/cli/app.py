"""The slow reader: Typer, built from the declaration that the fast one reads too.

It is loaded for help and for whatever the fast reader did not understand, which is nearly always an error:
50 ms for Typer, and 40 more where rich draws the help.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import typer  # noqa: TID253 (this module is imported inside the functions that need it)
from typer.core import TyperCommand  # noqa: TID253

from quiltctl.cli import spelling
from quiltctl.cli.fast import default_of
from quiltctl.cli.line import GLOBALS, HELP, globals_beside
from quiltctl.cli.metavar import metavar_of
from quiltctl.cli.wording import worded
from quiltctl.model.parameters import Argument, Flag, Option, Refused, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from quiltctl.model.parameters import Parameter, Verb

GLOBAL_PANEL = "Options of every command"
GLOBAL_KEYS = frozenset(key_of(parameter) for parameter in GLOBALS)


def read(path: Sequence[str], verb: Verb, line: Sequence[str]) -> dict[str, Any] | None:
    """Return the values of all parameters, the global ones too, by keyword; None when the line asks for help.

    Raises:
        UsageError: the line is wrong.
    """
    spelt = spelling.read((*GLOBALS, *verb.parameters), line, words_end_options=verb.words_end_options)
    if any(given.parameter is HELP and given.value for given in spelt.given):
        return None
    spelling.refuse(spelt)
    command = command_for(path, verb, rich=False)
    try:
        values: dict[str, Any] = command.main(
            spelling.canonical(spelt), prog_name=" ".join(("quiltctl", *path)), standalone_mode=False
        )
    except typer.TyperException as error:
        raise worded(error, path) from error
    del values["help"]
    return values


def command_for(path: Sequence[str], verb: Verb, *, rich: bool, cls: type[TyperCommand] = TyperCommand) -> Any:
    """Return the Typer command of one verb. Called, it returns what it read."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich" if rich else None)
    app.command(
        path[-1],
        cls=cls,
        help=escaped("\n\n".join(filter(None, (verb.summary, verb.description))), rich=rich),
        epilog=_examples(verb, rich=rich),
        add_help_option=False,
    )(collector((*verb.parameters, *globals_beside(verb.parameters)), rich=rich))
    return typer.main.get_command(app)


def collector(parameters: Iterable[Parameter], *, rich: bool) -> Callable[..., dict[str, Any]]:
    """Return a function that has the declared parameters, as Typer reads them, and returns their values."""

    def collect(**values: Any) -> dict[str, Any]:
        return values

    declared = [_declared(parameter, rich=rich) for parameter in parameters if not isinstance(parameter, Refused)]
    collect.__signature__ = inspect.Signature(declared)  # type: ignore[attr-defined]
    collect.__annotations__ = {parameter.name: parameter.annotation for parameter in declared}
    return collect


def escaped(text: str, *, rich: bool) -> str:
    """Return the text so that rich takes no ``[word]`` in it for markup."""
    if not rich:
        return text
    from rich.markup import escape

    return escape(text)


def _declared(parameter: Flag | Option | Argument, *, rich: bool) -> inspect.Parameter:
    text = escaped(parameter.help, rich=rich)
    info: Any
    kind: Any
    if isinstance(parameter, Argument):
        key, kind = parameter.key, list[str] if parameter.multiple else str
        unset: Any = [] if parameter.multiple else None
        info = typer.Argument(
            ... if parameter.required else unset, help=text, metavar=metavar_of(parameter), show_default=False
        )
    elif isinstance(parameter, Flag):
        key, kind = key_of(parameter), bool
        first, *others = parameter.names
        opposite = f"/{spelling.negative(parameter)}" if parameter.default else ""
        info = typer.Option(parameter.default, first + opposite, *others, help=text, show_default=False)
    else:
        key, kind = key_of(parameter), parameter.kind
        kind = list[kind] if parameter.multiple else kind
        choose = _chooser(parameter.choices) if parameter.choices else None
        metavar = metavar_of(parameter)
        info = typer.Option(default_of(parameter), *parameter.names, help=text, metavar=metavar, parser=choose)
    info.rich_help_panel = GLOBAL_PANEL if key in GLOBAL_KEYS else None
    return inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=kind)


def _chooser(choices: tuple[str, ...]) -> Callable[[str], str]:
    """Return a parser of one of these words. Not a Literal, of which Typer takes no list."""

    def choose(word: str) -> str:
        if word not in choices:
            raise typer.BadParameter(f'"{word}" is not one of {", ".join(choices)}')
        return word

    return choose


def _examples(verb: Verb, *, rich: bool) -> str:
    """Return the examples, each with its purpose as a shell comment, in the way that keeps their lines."""
    if not verb.examples:
        return ""
    width = max(len(line) for line, _ in verb.examples)
    lines = ["Examples:", *(f"{line:<{width}}  # {purpose}".rstrip("# ") for line, purpose in verb.examples)]
    # Click's own formatter fills paragraphs, but for those that begin so.
    return ("" if rich else "\b\n") + escaped("\n  ".join(lines), rich=rich)
