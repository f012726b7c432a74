"""The rule for names, and names for those that were given none."""

from __future__ import annotations

import sqlite3

import pytest

from quiltctl.db import migrate
from quiltctl.errors import UsageError
from quiltctl.model import name

GOOD = ("a", "A", "0", "web", "web-1", "web.1_x", "9lives", "a" * name.MAX_LENGTH)
BAD = (
    "",
    "-a",
    ".",
    "..",
    "_a",
    "a b",
    "a/b",
    "/a",
    "a\n",
    "\na",
    "ä",
    "aé",
    "a:b",
    "a" * (name.MAX_LENGTH + 1),
    "a'b",
)


@pytest.mark.parametrize("text", GOOD)
def test_good_name_is_returned_as_it_is(text: str) -> None:
    """What the rule allows comes back unchanged."""
    assert name.check_name(text) == text


@pytest.mark.parametrize("text", BAD)
def test_bad_name_is_refused_in_one_line_with_the_rule(text: str) -> None:
    """What the rule does not allow is refused in a line that fits a terminal, however long or odd it is."""
    with pytest.raises(UsageError) as caught:
        name.check_name(text)
    assert caught.value.hint == f"a name is {name.RULE}"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1500


def test_rule_is_the_one_the_database_holds() -> None:
    """The schema accepts and refuses the same names."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate.upgrade(connection)

    def stored(text: str, number: int) -> bool:
        try:
            connection.execute(
                "INSERT INTO containers (id, name, image_name, command, config, created_at, changed_at)"
                " VALUES (?, ?, 'i', '[]', '{}', 1, 1)",
                (f"{number:064x}", text),
            )
        except sqlite3.IntegrityError:
            return False
        return True

    verdicts = {text: stored(text, number) for number, text in enumerate((*GOOD, *BAD))}
    connection.close()
    assert verdicts == {text: text in GOOD for text in (*GOOD, *BAD)}


def test_random_name_is_one_of_6400_good_ones() -> None:
    """Each list has eighty different words, and every pair of them is a good name."""
    assert (len(set(name.ADJECTIVES)), len(set(name.NOUNS))) == (80, 80)
    names = {name.check_name(f"{a}_{n}") for a in name.ADJECTIVES for n in name.NOUNS}
    assert len(names) == 6400


def test_random_name_asks_the_chooser_for_both_words() -> None:
    """Who chooses decides: the first adjective and noun, for one who always takes the first."""
    assert name.random_name(lambda words: words[0]) == f"{name.ADJECTIVES[0]}_{name.NOUNS[0]}"
