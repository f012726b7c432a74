"""The command table against the modules it speaks of."""

from __future__ import annotations

import inspect

import pytest

from quiltctl.cli import refusals, table
from quiltctl.model.parameters import Argument, Flag, Option, Verb, key_of


@pytest.mark.parametrize("verb", sorted(table.SUMMARIES))
def test_verb_has_the_summary_of_its_module(verb: str) -> None:
    """What the help lists is what the verb says of itself."""
    declared = table.load(verb).VERB
    assert isinstance(declared, Verb)
    assert declared.summary == table.SUMMARIES[verb]


@pytest.mark.parametrize("verb", sorted(table.SUMMARIES))
def test_verb_takes_what_it_declares(verb: str) -> None:
    """The function's keywords are the parameters' keys, no more and, unless it takes any, no fewer."""
    module = table.load(verb)
    declared = {
        p.key if isinstance(p, Argument) else key_of(p)
        for p in module.VERB.parameters
        if isinstance(p, Argument | Flag | Option)
    }
    parameters = inspect.signature(module.command).parameters
    taken = {name for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    assert (taken - declared, set() if takes_any else declared - taken) == (set(), set())


@pytest.mark.parametrize("verb", sorted(table.SUMMARIES))
def test_verb_declares_each_name_once(verb: str) -> None:
    """No two parameters of a verb share a name, and only -h may be taken from the global ones."""
    from quiltctl.cli.line import GLOBALS

    parameters = [p for p in table.load(verb).VERB.parameters if not isinstance(p, Argument)]
    names = [name for p in parameters for name in p.names]
    everywhere = {name for p in GLOBALS for name in p.names}
    assert (len(names), everywhere.intersection(names) - {"-h"}) == (len(set(names)), set())


@pytest.mark.parametrize("verb", sorted(table.SUMMARIES))
def test_verb_has_an_example(verb: str) -> None:
    """Every page of help ends with a line to copy."""
    assert table.load(verb).VERB.examples


def test_table_names_each_verb_somewhere() -> None:
    """Every verb can be reached, every path leads to a verb, and each alias to a listed path."""
    reached = {table.verb_of(path) for path in table.paths()}
    assert reached == set(table.SUMMARIES)
    assert all(table.verb_of(alias) for alias in table.ALIASES)
    assert set(table.GROUPS) == set(table.GROUP_SUMMARIES)


def test_refused_words_are_not_in_the_table() -> None:
    """A word is either here or refused."""
    later = {(*group, word) for group, words in refusals.LATER.items() for word in words}
    refused = later | {(word,) for word in refusals.ELSEWHERE}
    assert refused & {*table.paths(), *((group,) for group in table.GROUPS)} == set()
