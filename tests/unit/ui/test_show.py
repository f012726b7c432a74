"""One renderer for rows and documents."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from quiltctl.errors import UsageError
from quiltctl.ui import show
from quiltctl.ui.fields import Fields

HEADINGS = (("CONTAINER ID", "ID"), ("STATE", "State"))
ROWS: list[dict[str, Any]] = [
    {"ID": "a1", "State": "running", "Labels": {"k": "v"}},
    {"ID": "b2", "State": "exited", "Labels": {}},
]


class Terminal(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


def rows_shown(capsys: pytest.CaptureFixture[str], **how: Any) -> str:
    """Show the rows and return what was printed."""
    show.show_rows(ROWS, headings=HEADINGS, **how)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({}, "CONTAINER ID  STATE\na1            running\nb2            exited\n"),
        ({"format": "table"}, "CONTAINER ID  STATE\na1            running\nb2            exited\n"),
        ({"noheading": True}, "a1          running\nb2          exited\n"),
        ({"format": "{{.State}}"}, "running\nexited\n"),
        ({"format": "{{.State}}\\n"}, "running\nexited\n"),
        ({"format": "{{.ID}}\\t{{.State}}"}, "a1\trunning\nb2\texited\n"),
        ({"format": "{{range .}}{{.ID}} {{end}}"}, "a1 b2 \n"),
        (
            {"format": "table {{.ID}} {{.Labels}}"},
            "CONTAINER ID  LABELS\na1            map[k:v]\nb2            map[]\n",
        ),
        ({"format": "table {{.ID}}\\t{{.State}}", "noheading": True}, "a1          running\nb2          exited\n"),
        ({"format": "table {{.ID}}\\n"}, "CONTAINER ID\na1\nb2\n"),
        ({"format": "{{json .Labels}}"}, '{"k":"v"}\n{}\n'),
    ],
)
def test_show_rows_as_text(capsys: pytest.CaptureFixture[str], how: dict[str, Any], text: str) -> None:
    """A table of the headings, a template for each row, or a table made of a template."""
    assert rows_shown(capsys, **how) == text


@pytest.mark.parametrize(
    "how", [{"as_json": True}, {"format": "json"}, {"format": "{{json .}}"}, {"as_json": True, "format": "{{.ID}}"}]
)
def test_show_rows_as_json_is_the_whole_list(capsys: pytest.CaptureFixture[str], how: dict[str, Any]) -> None:
    """Each way to ask for JSON gives all rows with all they have, in lines of two blanks as podman's."""
    assert rows_shown(capsys, **how) == json.dumps(ROWS, indent=2) + "\n"


def test_show_rows_makes_whole_rows_for_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows that make their values on demand make all of them."""
    show.show_rows([Fields({"A": lambda about: about}, 1)], headings=(), as_json=True)

    assert json.loads(capsys.readouterr().out) == [{"A": 1}]


@pytest.mark.parametrize(
    ("how", "text"), [({}, "CONTAINER ID  STATE\n"), ({"as_json": True}, "[]\n"), ({"format": "x"}, "")]
)
def test_show_rows_without_rows(capsys: pytest.CaptureFixture[str], how: dict[str, Any], text: str) -> None:
    """Nothing to list is a heading, an empty list, or nothing."""
    show.show_rows([], headings=HEADINGS, **how)

    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("format", "text"),
    [
        (None, '{\n    "A": [\n        1\n    ]\n}\n'),
        ("json", '{\n    "A": [\n        1\n    ]\n}\n'),
        ("{{.A}}", "[1]\n"),
        ("table {{.A}} x", "[1]         x\n"),
    ],
)
def test_show_document(capsys: pytest.CaptureFixture[str], format: str | None, text: str) -> None:
    """A document is JSON in lines of four blanks, or what the template makes of it."""
    show.show_document({"A": [1]}, format)

    assert capsys.readouterr().out == text


@pytest.mark.parametrize(("format", "line"), [("json", '{"A":[1]}\n'), ("{{.A}}", "[1]\n"), ("{{.A}}\\n", "[1]\n")])
def test_line_writer_makes_one_line_of_each_value(format: str, line: str) -> None:
    """In a stream JSON stands on one line, without blanks."""
    assert show.line_writer(format)({"A": [1]}) == line


def test_a_bad_template_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a template fails, no row of it is printed before the error."""
    with pytest.raises(UsageError, match="can't evaluate field Nope"):
        show.show_rows(ROWS, headings=HEADINGS, format="{{.ID}}{{if eq .ID `b2`}}{{.Nope}}{{end}}")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, ""),
        (True, "true"),
        (3, "3"),
        (["a", 1], "a,1"),
        ({"k": "v", "n": None}, "k=v,n="),
    ],
)
def test_cell_is_for_people(value: object, text: str) -> None:
    """A table shows lists with commas, maps as pairs, and nothing where there is nothing."""
    assert show.cell(value) == text


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({}, "A           B\n\\x1b[2J\\n   \\x1b[2J\\n\n"),
        ({"format": "\x1b[1m{{.A}}"}, "\x1b[1m\\x1b[2J\n\n"),
        ({"format": "table {{.A}} {{.B}}"}, "A           B\n\\x1b[2J\\n   \\x1b[2J\\n\n"),
        ({"as_json": True}, '[\n  {\n    "A": "\\u001b[2J\\n",\n    "B": "\\u001b[2J\\n"\n  }\n]\n'),
    ],
)
def test_a_terminal_is_never_sent_an_escape_of_a_container(
    monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], text: str
) -> None:
    """Values are shown, not obeyed, in every form; what the user's own template says goes out as it is."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    show.show_rows([{"A": "\x1b[2J\n", "B": "\x1b[2J\n"}], headings=(("A", "A"), ("B", "B")), **how)

    assert terminal.getvalue() == text


def test_a_pipe_gets_the_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """A template in a script gets the value as it is."""
    show.show_rows([{"A": "\x1b[2J"}], headings=(), format="{{.A}}")

    assert capsys.readouterr().out == "\x1b[2J\n"


def test_a_terminal_gets_c1_controls_escaped_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON leaves U+009B, which some terminals take for an escape sequence; for a terminal it is escaped too."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    show.show_json(["\x9b2J"])

    assert terminal.getvalue() == '["\\u009b2J"]\n'
