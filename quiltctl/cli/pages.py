"""Pages of help: of a verb, of a noun, of quiltctl itself. With rich where colour is wanted, else plain."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer  # noqa: TID253 (this module is imported inside the function that needs it)
from typer.core import TyperCommand, TyperGroup  # noqa: TID253

from quiltctl.cli import table
from quiltctl.cli.app import collector, command_for, escaped
from quiltctl.cli.line import GLOBALS, VERSION
from quiltctl.cli.metavar import metavar_of
from quiltctl.model.parameters import Argument
from quiltctl.ui import colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typer._click.formatting import HelpFormatter

    from quiltctl.model.parameters import Verb

NOUNS = "Groups"
ABOUT = "Run isolated containers on this host, without a daemon: all state is one SQLite file."


class _Page(TyperCommand):
    """The help of a verb; its usage line is in our spelling."""

    usage: str = ""

    def collect_usage_pieces(self, _ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return [self.usage]


class _Contents(TyperGroup):
    """The help of a noun, or of all; also in plain text the verbs are listed by theme."""

    def format_commands(self, _ctx: typer.Context, formatter: HelpFormatter) -> None:  # type: ignore[override]
        themes: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            themes.setdefault(getattr(command, "rich_help_panel", "") or "Commands", []).append(
                (name, command.help or "")
            )
        for theme, rows in themes.items():
            with formatter.section(theme):
                formatter.write_dl(rows)


def show(path: Sequence[str], verb: Verb | None) -> None:
    """Print the page of a verb, or of a noun, or (of no path) of quiltctl itself."""
    rich = colour.wanted(sys.stdout)
    if verb is None:
        command = _contents(path, rich=rich)
    else:
        command = command_for(path, verb, rich=rich, cls=_Page)
        command.usage = usage_of(path, verb)
    context = command.make_context(" ".join(("quiltctl", *path)), [], resilient_parsing=True)
    # With rich it prints by itself and returns nothing.
    text = command.get_help(context)
    if text:
        sys.stdout.write(f"{text}\n")


def usage_of(path: Sequence[str], verb: Verb) -> str:
    """Return what follows the path in the usage line: ``[OPTIONS] IMAGE [COMMAND...]``."""
    if verb.usage:
        return verb.usage.removeprefix("quiltctl ").removeprefix(" ".join(path)).strip()
    arguments = [parameter for parameter in verb.parameters if isinstance(parameter, Argument)]
    words = [metavar_of(argument) if argument.required else f"[{metavar_of(argument)}]" for argument in arguments]
    return " ".join(("[OPTIONS]", *words))


def _contents(path: Sequence[str], *, rich: bool) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode="rich" if rich else None)
    epilog = f"See also: quiltctl{''.join(f' {word}' for word in path)} COMMAND --help"
    app.callback(
        cls=_Contents,
        help=escaped(table.GROUP_SUMMARIES[path[0]] if path else ABOUT, rich=rich),
        epilog=escaped(epilog, rich=rich),
        add_help_option=False,
    )(collector(GLOBALS if path else (*GLOBALS, VERSION), rich=rich))
    for theme, word, summary in _rows(path):
        app.command(word, help=escaped(summary, rich=rich), rich_help_panel=theme)(_listed)
    return typer.main.get_command(app)


def _rows(path: Sequence[str]) -> list[tuple[str | None, str, str]]:
    if path:
        return [(None, word, table.SUMMARIES[verb]) for word, verb in table.GROUPS[path[0]].items()]
    verbs = [
        (theme, word, table.SUMMARIES[verb]) for theme, words in table.THEMES.items() for word, verb in words.items()
    ]
    return [*verbs, *((NOUNS, noun, summary) for noun, summary in table.GROUP_SUMMARIES.items())]


def _listed() -> None:
    """Stand for a verb in a list; only its name and summary are used."""
