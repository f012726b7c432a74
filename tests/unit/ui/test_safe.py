"""Text from containers made harmless for a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quiltctl.ui import safe

ANY_TEXT = st.text(st.characters() | st.sampled_from("\x1b\x9b\x7f\n\t\\\u202e\udc80"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, größer, 日本", "plain text, größer, 日本"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("a\tb\nc\rd\x00\x7f", "a\\tb\\nc\\rd\\x00\\x7f"),
        ("exe.\u202etxt", "exe.\\u202etxt"),
        ("caf\udce9", "caf\\udce9"),
        ("", ""),
    ],
)
def test_printable_makes_visible_what_does_not_print(text: str, shown: str) -> None:
    """Escape sequences, line ends, what reorders text and what was no UTF-8 are spelt out; the rest stays."""
    assert safe.printable(text) == shown


@given(ANY_TEXT)
def test_printable_leaves_nothing_to_obey(text: str) -> None:
    """Whatever comes in, only characters that print come out."""
    assert safe.printable(text).isprintable()


@given(ANY_TEXT)
def test_harmless_keeps_lines_and_tabs(text: str) -> None:
    """Text of several lines keeps its newlines and tabs, and nothing else that a terminal would obey."""
    shown = safe.harmless(text)

    assert (shown.count("\n"), shown.count("\t")) == (text.count("\n"), text.count("\t"))
    assert shown.replace("\n", "").replace("\t", "").isprintable()


@given(ANY_TEXT)
@example("\udc80")
@example("\U000e0001")
def test_harmless_json_is_equal_json(text: str) -> None:
    """Escaping for a terminal changes the spelling of a document, never what it says."""
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=1)

    shown = safe.harmless_json(document)

    # Two escaped halves of one character are that character, in any JSON.
    assert json.loads(shown) == json.loads(json.dumps({text: [text]}))
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("größer\n", "größer\n".encode()),
        ("caf\udce9 é", b"caf\xe9 \xc3\xa9"),
        ("\ud800", b"\\ud800"),
    ],
)
def test_write_gives_back_the_bytes_that_came(monkeypatch: pytest.MonkeyPatch, text: str, written: bytes) -> None:
    """A name that is no UTF-8 leaves as the bytes it was; half a character that never was bytes is spelt out."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)

    safe.write("before ")
    safe.write(text)

    stream.flush()
    assert stream.buffer.getvalue() == b"before " + written
