"""The spec of a container, and its stored form."""

from __future__ import annotations

import json

from quiltctl.model.document import encode
from quiltctl.model.spec import Spec, spec_from

SPEC = Spec(
    id="a" * 64,
    name="web",
    image="box",
    image_id="b" * 64,
    layers=("c" * 64,),
    entrypoint=("/init",),
    command=("--verbose", "caf\udce9"),
    env=("A=1",),
    labels={"tier": "web"},
)


def test_spec_comes_back_from_its_document() -> None:
    """Stored as JSON and read again, it is the same, also with words that are not UTF-8."""
    assert spec_from(json.loads(encode(SPEC.to_dict()))) == SPEC


def test_spec_of_a_later_version_is_read_by_this_one() -> None:
    """A field that is not known here is left out, not an error."""
    assert spec_from({**SPEC.to_dict(), "of_tomorrow": 1}) == SPEC


def test_spec_argv_is_entrypoint_and_command() -> None:
    """In that order."""
    assert SPEC.argv == ("/init", "--verbose", "caf\udce9")
