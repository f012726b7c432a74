"""The slow reader: its errors in our words, and the pages of help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.cli import app, pages
from quiltctl.errors import UsageError

if TYPE_CHECKING:
    from quiltctl.model.parameters import Verb

SEE = "see: quiltctl box list --help"
WRONG = [
    ("list", "--nosuch", "unknown option --nosuch", SEE),
    ("list", "--fromat=x", "unknown option --fromat", f"did you mean --format? {SEE}"),
    ("list", "--size=9", "--size: sizes are not known yet", None),
    ("list", "-x", "unknown option -x", SEE),
    ("list", "-ax", "unknown option -x", SEE),
    ("list", "--time", "--time needs a value", SEE),
    ("list", "--all=maybe", "--all takes no value but true and false", SEE),
    ("list", "-t five", "invalid value for --time: 'five' is not a whole number", SEE),
    ("list", "--sort colour", 'invalid value for --sort: "colour" is not one of name, size', SEE),
    ("run", "", "IMAGE is missing", SEE),
    ("import", "a b c d", "unexpected argument: c d", SEE),
]


@pytest.mark.parametrize(("name", "line", "sentence", "hint"), WRONG)
def test_wrong_line_is_answered_in_our_words(
    verbs: dict[str, Verb], name: str, line: str, sentence: str, hint: str | None
) -> None:
    """One sentence in the user's spelling, and the way to the help."""
    with pytest.raises(UsageError) as raised:
        app.read(("box", "list"), verbs[name], line.split())
    assert (str(raised.value), raised.value.hint) == (sentence, hint)


@pytest.mark.parametrize("line", ["--help", "-h", "one --help", "--nosuch --help", "--time=x -h", "--size --help"])
def test_help_wins_over_every_error(verbs: dict[str, Verb], line: str) -> None:
    """Whoever asks for help is not told what else is wrong."""
    assert app.read(("list",), verbs["list"], line.split()) is None


LIST_PAGE = """\
Usage: quiltctl box list [OPTIONS] [THINGS...]

  List things.

  A thing is [what] it is.

Arguments:
  THINGS...  Their names.

Options:
  -a, --all                   Also the hidden ones.
  -q, --quiet                 Names only.
  -s, --stream / --no-stream  Go on.
  --format FORMAT             A template [of Go].
  -t, --time INTEGER          Seconds.
  -f, --filter KEY=VALUE      Only these.
  --sort name|size            By what.
  --root DIR                  Keep everything below this directory.
  --log-level LEVEL           With `debug`, errors come with their traceback.
  -h, --help                  Show this help.

  Examples:
    quiltctl list -a  # also the hidden ones
    quiltctl list
"""


def test_help_of_a_verb_is_its_declaration(
    verbs: dict[str, Verb], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usage, what it is for, every argument and option, the global ones, and examples; what is refused is left out."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    pages.show(("box", "list"), verbs["list"])
    assert capsys.readouterr().out == LIST_PAGE


RUN_PAGE = """\
Usage: quiltctl run [OPTIONS] IMAGE [COMMAND...]

  Run a thing.

Arguments:
  IMAGE       What to run.  [required]
  COMMAND...  And how.

Options:
  -i, --interactive           Keep standard input.
  -t, --tty                   With a terminal.
  -h, --hostname TEXT         Its name.
  -e, --env TEXT              Its environment.
  -a, --attach stdout|stderr  To what.
  --cpus NUMBER               How many.
  --retries INTEGER           How often.  [default: 3]
  --root DIR                  Keep everything below this directory.
  --log-level LEVEL           With `debug`, errors come with their traceback.
  --help                      Show this help.
"""


def test_short_help_is_left_to_a_verb_that_uses_it(
    verbs: dict[str, Verb], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where -h is the hostname, only --help is help; a default is named."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    pages.show(("run",), verbs["run"])
    assert capsys.readouterr().out == RUN_PAGE


def test_help_in_colour_shows_brackets(
    verbs: dict[str, Verb], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich takes no text of ours for its markup."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    pages.show(("list",), verbs["list"])
    page = capsys.readouterr().out
    assert ("[what]" in page, "[of Go]" in page) == (True, True)


@pytest.mark.parametrize("path", [(), ("image",)])
def test_contents_list_every_word_under_its_theme(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The help of quiltctl, and of a noun, names all that may follow."""
    from quiltctl.cli import table

    monkeypatch.setenv("NO_COLOR", "1")
    pages.show(path, None)
    page = capsys.readouterr().out
    wanted = table.GROUPS["image"] if path else {**table.TOP, **table.GROUPS, **dict.fromkeys(table.THEMES)}
    first_words = {line.split()[0].rstrip(":") for line in page.splitlines() if line.strip()}
    assert set(wanted) - first_words == set()
