"""JSON text without the json package is what the json package writes and reads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.model.document import Keyed, decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\t\x00\x1b\x7f\u2028'))
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-(10**60), 10**60) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(VALUES, st.sampled_from([None, 0, 1, 2, 4]))
def test_encode_is_what_json_writes(value: Any, indent: int | None) -> None:
    """Every value becomes the text that json.dumps makes of it, on one line and indented."""
    assert encode(value, indent=indent) == json.dumps(value, indent=indent, ensure_ascii=False)


@given(VALUES)
def test_encode_compact_has_no_blanks_between(value: Any) -> None:
    """The compact text is json's with bare separators."""
    assert encode(value, compact=True) == json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@given(st.text(st.characters(categories=["Cs", "Ll", "Zs"])))
def test_encode_escapes_half_pairs_and_decode_brings_them_back(text: str) -> None:
    """A name that was not UTF-8 becomes text that UTF-8 can hold, and json and decode read the name from it."""
    encoded = encode({text: [text]})

    assert json.loads(encoded.encode()) == decode(encoded) == json.loads(json.dumps({text: [text]}))


@given(VALUES, st.sampled_from([None, 3]), st.sampled_from(["", " ", "\n\t\r "]))
def test_decode_gives_back_what_was_encoded(value: Any, indent: int | None, blanks: str) -> None:
    """Whatever was encoded is read again, also between blanks."""
    assert decode(f"{blanks}{encode(value, indent=indent)}{blanks}") == value


@given(st.text('{}[]":, \\0123456789eE.+-truefalsn\nu', max_size=12))
def test_decode_takes_and_refuses_what_json_does(text: str) -> None:
    """For any text, decode gives json's value or its error."""

    def outcome(read: Any) -> object:
        try:
            return repr(read(text))
        except ValueError as error:
            return str(error)

    assert outcome(decode) == outcome(json.loads)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_encode_writes_what_is_no_number_as_json_does(value: float) -> None:
    """Infinities and NaN have the names json gives them."""
    assert encode([value]) == json.dumps([value])


def test_encode_takes_a_tuple_and_a_keyed_for_list_and_dict() -> None:
    """Kinds of the two become what they are kinds of."""
    assert encode({"a": (1, Keyed(b=2))}) == '{"a": [1, {"b": 2}]}'


@pytest.mark.parametrize("value", [object(), {1: 2}, [b"x"], {"a": {3}}])
def test_encode_refuses_what_json_has_not(value: object) -> None:
    """Other kinds, and keys that are no text, are errors."""
    with pytest.raises(TypeError):
        encode(value)


def test_document_loads_neither_json_nor_re() -> None:
    """Reading and writing cost no import of the packages that `ps` cannot afford."""
    program = (
        "import sys; from quiltctl.model.document import decode, encode; decode(encode({'a': [1, 'x']}, indent=4));"
        "print(sorted({'json', 're', 'enum', 'typing'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
