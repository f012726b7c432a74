"""Every spelling of a line, by tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.cli import spelling
from quiltctl.errors import UsageError

if TYPE_CHECKING:
    from quiltctl.model.parameters import Verb

SPELLINGS = [
    ("list", "", [], [], []),
    ("list", "-a", [("-a", True)], [], []),
    ("list", "-aq", [("-a", True), ("-q", True)], [], []),
    ("list", "-aqt5", [("-a", True), ("-q", True), ("-t", "5")], [], []),
    ("list", "-t 5", [("-t", "5")], [], []),
    ("list", "-t=5", [("-t", "5")], [], []),
    ("list", "-t=", [("-t", "")], [], []),
    ("list", "-t==", [("-t", "=")], [], []),
    ("list", "-ft=5", [("-f", "t=5")], [], []),
    ("list", "-t -5", [("-t", "-5")], [], []),
    ("list", "--time 5", [("--time", "5")], [], []),
    ("list", "--time=5", [("--time", "5")], [], []),
    ("list", "--time=", [("--time", "")], [], []),
    ("list", "--format a=b", [("--format", "a=b")], [], []),
    ("list", "--format=a=b", [("--format", "a=b")], [], []),
    ("list", "--format --", [("--format", "--")], [], []),
    ("list", "--format --all", [("--format", "--all")], [], []),
    ("list", "--all=true --all=false", [("--all", True), ("--all", False)], [], []),
    ("list", "--all=T --all=0 -q=1", [("--all", True), ("--all", False), ("-q", True)], [], []),
    ("list", "--stream=false", [("--stream", False)], [], []),
    ("list", "--no-stream", [("--no-stream", False)], [], []),
    ("list", "--no-stream=false", [("--no-stream", True)], [], []),
    ("list", "one -a two", [("-a", True)], ["one", "two"], []),
    ("list", "one -- -a", [], ["one", "-a"], []),
    ("list", "-- one -- two", [], ["one", "--", "two"], []),
    ("list", "-", [], ["-"], []),
    ("list", "--size=false -z=0", [], [], []),
    ("list", "--size -z", [("--size", ""), ("-z", "")], [], []),
    ("list", "--nosuch -a", [("-a", True)], [], ["--nosuch"]),
    ("list", "--nosuch=x", [], [], ["--nosuch=x"]),
    ("list", "-ax", [("-a", True)], [], ["-x"]),
    ("list", "-a-", [("-a", True)], [], ["-a-"]),
    ("list", "--=", [], [], ["--="]),
    ("list", "-9", [], [], ["-9"]),
    ("list", "--all=maybe", [], [], ["--all=maybe"]),
    ("list", "-a=maybe", [], [], ["--all=maybe"]),
    ("list", "--no-all", [], [], ["--no-all"]),
    ("list", "one --time", [], ["one"], ["--time"]),
    ("list", "-at", [("-a", True)], [], ["-t"]),
    ("run", "-it alpine sh", [("-i", True), ("-t", True)], ["alpine", "sh"], []),
    ("run", "alpine -i -- x", [], ["alpine", "-i", "--", "x"], []),
    ("run", "-i -- alpine -- x", [("-i", True)], ["alpine", "--", "x"], []),
    ("run", "-h web -e A=1 alpine", [("-h", "web"), ("-e", "A=1")], ["alpine"], []),
    ("run", "-m 5m alpine", [("-m", "5m")], ["alpine"], []),
    ("run", "-m5m alpine", [("-m", "5m")], ["alpine"], []),
    ("run", "--memory", [("--memory", "")], [], []),
]


@pytest.mark.parametrize(("name", "line", "given", "words", "unclear"), SPELLINGS)
def test_line_is_taken_apart(
    verbs: dict[str, Verb],
    name: str,
    line: str,
    given: list[tuple[str, str | bool]],
    words: list[str],
    unclear: list[str],
) -> None:
    """Options with their values, words, and what is not understood, each in its order."""
    verb = verbs[name]
    spelt = spelling.read(verb.parameters, line.split(), words_end_options=verb.words_end_options)
    assert (
        [(one.name, one.value) for one in spelt.given],
        list(spelt.words),
        list(spelt.unclear),
    ) == (given, words, unclear)


def test_empty_word_is_a_word(verbs: dict[str, Verb]) -> None:
    """An empty argument is neither lost nor taken for an option."""
    assert spelling.read(verbs["list"].parameters, ["", "-f", ""]).words == ("",)


CANONICAL = [
    ("list", "one -aqt5 two", ["--time", "5", "--all", "--quiet", "--", "one", "two"]),
    ("list", "-f=a -fb --filter c", ["--filter", "a", "--filter", "b", "--filter", "c", "--"]),
    ("list", "--all --all=false", ["--"]),
    ("list", "--all=false --all", ["--all", "--"]),
    ("list", "--stream=false", ["--no-stream", "--"]),
    ("list", "--no-stream --stream", ["--"]),
    ("list", "-- -a", ["--", "-a"]),
    ("list", "one -a --time", ["--all", "--time"]),
    ("list", "--all=maybe one", ["--all=maybe"]),
    ("run", "-it alpine -i", ["--interactive", "--tty", "--", "alpine", "-i"]),
]


@pytest.mark.parametrize(("name", "line", "written"), CANONICAL)
def test_canonical_line_is_spelt_one_way(verbs: dict[str, Verb], name: str, line: str, written: list[str]) -> None:
    """Whatever the spelling was, the line is written out with long names, flags decided, words behind two dashes."""
    verb = verbs[name]
    spelt = spelling.read(verb.parameters, line.split(), words_end_options=verb.words_end_options)
    assert spelling.canonical(spelt) == written


def test_refused_option_says_why_in_its_own_spelling(verbs: dict[str, Verb]) -> None:
    """An option of docker's that this version cannot honour is never swallowed."""
    spelt = spelling.read(verbs["run"].parameters, ["-m5m", "alpine"], words_end_options=True)
    with pytest.raises(UsageError, match=r"^-m: limits are not part of this version$"):
        spelling.refuse(spelt)
