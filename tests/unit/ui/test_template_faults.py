"""Templates that are wrong, or ask for what is not there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.ui.template import compile_template, render

FAULTS = [
    ("{{.State.Foo}}", 3, "can't evaluate field Foo"),
    ("ab{{.Args.X}}", 5, "can't evaluate field X: a list has no fields"),
    ("{{.Nothing.X}}", 3, "can't evaluate field X: nothing has no fields"),
    ('{{.Name "x"}}', 3, ".Name takes no arguments"),
    ("{{.Greet}}", 3, "wrong number or kind of arguments for .Greet"),
    ("{{index .Args 9}}", 3, "error calling index: index out of range: 9"),
    ('{{index .Args "a"}}', 3, "error calling index: cannot take 'a' of a list"),
    ("{{slice .Id 9 99}}", 3, "error calling slice: out of range: 9, 99"),
    ("{{eq .Name 1}}", 3, "error calling eq: incompatible types for comparison: a number and text"),
    ("{{eq .Name}}", 3, "error calling eq: missing argument for comparison"),
    ("{{lt true false}}", 3, "error calling lt: a truth value has no order"),
    ("{{eq .Args .Args}}", 3, "error calling eq: a list cannot be compared"),
    ("{{len 3}}", 3, "error calling len: a number has no length"),
    ("{{upper 3}}", 3, "error calling upper: takes text, not a number"),
    ("{{len}}", 3, "wrong number or kind of arguments for len"),
    ('{{printf "%d" "x"}}', 3, "error calling printf: %d cannot show 'x'"),
    ('{{printf "%s"}}', 3, "error calling printf: no value for %s"),
    ('{{printf "" 1}}', 3, "error calling printf: 1 values too many"),
    ("{{or}}", 3, "or takes arguments"),
    ("{{foo}}", 3, 'function "foo" not defined'),
    ("{{$y}}", 3, "undefined variable $y"),
    ("{{if}}x{{end}}", 1, "a value is missing"),
    ("{{.Name |}}", 1, "a value is missing"),
    ("{{range .Args}}", 16, "no {{end}} for the range at character 3"),
    ("{{if .Name}}{{if .Name}}{{end}}", 32, "no {{end}} for the if at character 3"),
    ("x{{end}}", 4, "unexpected end"),
    ("{{range .Args}}{{end}}{{else}}", 25, "unexpected else"),
    ("{{if .Name}}a{{else}}b{{else}}c{{end}}", 25, "a second else"),
    ("{{break}}", 3, "break outside range"),
    ('{{define "x"}}{{end}}', 3, "define is not supported"),
    ("{{.Name", 3, "the action is not closed by }}"),
    ("{{/* x }}", 3, "the comment is not closed by */}}"),
    ('{{"abc}}', 3, "the quoted text is not closed"),
    ("{{'ab'}}", 3, "single quotes hold one character, text stands in double quotes"),
    (r'{{"\z"}}', 3, "\\z is no escape"),
    ("{{1 2}}", 3, "this takes no arguments"),
    ("{{1 | 2}}", 7, "this takes no arguments"),
    ("{{(.Name}}", 3, "the bracket is not closed"),
    ("{{.Name)}}", 8, "unexpected )"),
    ("{{.Name ; }}", 9, "unexpected ';'"),
    ("{{1x}}", 3, "1x is no number"),
    ("{{range .Name}}{{end}}", 3, "range goes over lists and maps only"),
    ("{{range 1 := .Args}}{{end}}", 1, "what stands before := are variables"),
    ("{{$x.A := 1}}", 3, "a field cannot be assigned"),
    ("{{end 1}}", 3, "unexpected end"),
    ("{{if 1}}{{end 1}}", 15, "unexpected 1"),
]


@pytest.mark.parametrize(("template", "place", "reason"), FAULTS)
def test_render_names_the_place_of_a_fault(document: dict[str, Any], template: str, place: int, reason: str) -> None:
    """What is wrong with a template, or with what it asks for, is told with its place."""
    with pytest.raises(UsageError) as caught:
        render(template, document)

    assert str(caught.value) == f"cannot use the format at character {place}: {reason}"


def test_render_tells_which_fields_there_are() -> None:
    """Who asks for a field that is not there is shown those that are."""
    with pytest.raises(UsageError) as caught:
        render("{{.Nmae}}", {"Name": 1, "Id": 2})

    assert caught.value.hint == "the fields here are Name, Id"


@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                ".A",
                " ",
                "-",
                "range",
                "if",
                "end",
                "else",
                "|",
                "(",
                ")",
                '"',
                "`",
                "\\",
                "$x",
                ":=",
                "=",
                ",",
                "1",
                "/*",
                "*/",
                "len",
                "printf",
                "'",
                ".",
                "\n",
                "é",
            ]
        ),
        max_size=25,
    )
)
def test_any_text_is_a_template_or_a_usage_error(parts: list[str]) -> None:
    """Nothing that a user can type makes the reader fail in another way than to name the place."""
    told = ""
    try:
        compile_template("".join(parts)).render({"A": ["x"]})
    except UsageError as error:
        told = str(error)

    assert told == "" or told.startswith("cannot use the format at character ")
