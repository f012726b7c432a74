"""One declaration, two readers: what the fast one understands, Typer reads alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quiltctl.cli import app, fast, spelling
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Argument, Flag, Option, Verb, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.one_of(st.sampled_from(["", "-", "--", "-a", "a=b", "=", "x y", "ü", "\udcff"]), st.text(max_size=6))
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-99, 99),
    float: st.floats(allow_nan=False, allow_infinity=False),
}
GLOBAL_VALUES = {"root": None, "log_level": None}


@st.composite
def one_option(draw: st.DrawFn, parameter: Flag | Option) -> tuple[list[str], Any]:
    """Draw one spelling of an option with some value, and that value."""
    name = draw(st.sampled_from(spelling.names_of(parameter)))
    if isinstance(parameter, Flag):
        on = draw(st.booleans())
        said = on == (name in parameter.names)
        word = draw(st.sampled_from(sorted(spelling.TRUE if said else spelling.FALSE)))
        return [draw(st.sampled_from([name, f"{name}={word}"] if said else [f"{name}={word}"]))], on
    value = draw(st.sampled_from(parameter.choices) if parameter.choices else VALUES[parameter.kind])
    glued = [name, str(value)], [f"{name}={value}"]
    short = [[f"{name}{value}"]] if len(name) == 2 and str(value) and str(value)[0] != "=" else []
    return draw(st.sampled_from([*glued, *short])), value


@st.composite
def valid_line(draw: st.DrawFn, verb: Verb) -> tuple[list[str], dict[str, Any]]:
    """Draw a line that is right, and the values it means, worked out without either reader."""
    options = [p for p in verb.parameters if isinstance(p, Flag | Option)]
    arguments = [p for p in verb.parameters if isinstance(p, Argument)]
    values: dict[str, Any] = {
        key_of(option): fast.default_of(option) if isinstance(option, Option) else option.default for option in options
    }
    pieces: list[list[str]] = []
    given: dict[str, list[Any]] = {}
    for option in draw(st.lists(st.sampled_from(options), max_size=5)):
        piece, value = draw(one_option(option))
        pieces.append(piece)
        given.setdefault(key_of(option), []).append(value)
    for option in options:
        if key_of(option) in given:
            several = isinstance(option, Option) and option.multiple
            values[key_of(option)] = given[key_of(option)] if several else given[key_of(option)][-1]
    words: list[str] = []
    for argument in arguments:
        mine = draw(st.lists(TEXTS, min_size=int(argument.required), max_size=3 if argument.multiple else 1))
        values[argument.key] = mine if argument.multiple else next(iter(mine), None)
        words += mine
    line = [text for piece in pieces for text in piece]
    plain = all(word == "-" or not word.startswith("-") for word in words)
    if not plain or draw(st.booleans()):
        return [*line, "--", *words], {**values, **GLOBAL_VALUES}
    if verb.words_end_options:
        return [*line, *words], {**values, **GLOBAL_VALUES}
    mixed: list[str] = []
    for piece in draw(st.permutations(pieces)) if len(given) == len(pieces) else pieces:
        mixed += words[:1] + piece
        words = words[1:]
    return [*mixed, *words], {**values, **GLOBAL_VALUES}


@st.composite
def any_line(draw: st.DrawFn, verb: Verb) -> list[str]:
    """Draw a line of pieces that mostly look like this verb's, right or wrong."""
    names = [name for p in verb.parameters if not isinstance(p, Argument) for name in p.names]
    pieces = st.one_of(
        st.sampled_from([*names, "--help", "-h", "--root", "--log-level=debug", "--nosuch", "-x", "--", "-", "word"]),
        st.builds("{}={}".format, st.sampled_from(names), TEXTS),
        st.builds("{}{}".format, st.sampled_from([name for name in names if len(name) == 2]), TEXTS),
        TEXTS,
    )
    return draw(st.lists(pieces, max_size=7))


def outcome(read: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | str | None:
    """Return what a reader returns, or the sentence it says no with."""
    try:
        return read()
    except UsageError as error:
        return str(error)


def test_valid_lines_mean_the_same_to_both_and_mostly_to_the_fast_one(verbs: dict[str, Verb]) -> None:
    """Typer reads every valid line as it was meant; the fast reader most of them, and never another way."""
    understood: list[bool] = []

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        verb = data.draw(st.sampled_from(sorted(verbs.values(), key=repr)))
        line, meant = data.draw(valid_line(verb))
        assert app.read(("x",), verb, line) == meant
        quick = fast.read(verb, line)
        assert quick in (None, meant)
        understood.append(quick is not None)

    check()
    assert sum(understood) >= len(understood) / 2


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_line_is_read_by_the_fast_one_as_by_typer_or_not_at_all(
    data: st.DataObject, verbs: dict[str, Verb]
) -> None:
    """Of a line right or wrong the fast reader says nothing, or exactly what Typer says."""
    verb = data.draw(st.sampled_from(sorted(verbs.values(), key=repr)))
    line = data.draw(any_line(verb))
    quick = outcome(lambda: fast.read(verb, line))
    assert quick is None or quick == outcome(lambda: app.read(("x",), verb, line))
