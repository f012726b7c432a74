"""The fast reader alone: what it must leave to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.cli import fast
from quiltctl.errors import UsageError

if TYPE_CHECKING:
    from quiltctl.model.parameters import Verb

EVERYTHING = {
    "all": True, "quiet": True, "stream": False, "format": "json", "time": 5, "filter": ["a=1", "b=2"],
    "sort": "name", "things": ["one", "two"], "root": "/r", "log_level": "debug",
}  # fmt: skip


def test_fast_reader_understands_every_kind_of_parameter(verbs: dict[str, Verb]) -> None:
    """Flags, numbers, choices, lists, words and the global options come out as the function wants them."""
    line = "one -aqt5 --stream=false --format json -f a=1 --filter=b=2 --sort=name --root /r two --log-level=debug"
    assert fast.read(verbs["list"], line.split()) == EVERYTHING


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("list", "--help"),
        ("list", "-h"),
        ("list", "--help=false"),
        ("list", "--nosuch"),
        ("list", "--time x"),
        ("list", "--time"),
        ("list", "--all=maybe"),
        ("list", "--sort=colour"),
        ("list", "--log-level=loud"),
        ("run", "-i"),
        ("run", "--cpus=many alpine"),
        ("import", "one two three"),
    ],
)
def test_fast_reader_leaves_what_is_wrong_to_the_other(verbs: dict[str, Verb], name: str, line: str) -> None:
    """Help and every error are not for the fast reader, which words nothing."""
    assert fast.read(verbs[name], line.split()) is None


def test_refused_option_is_final(verbs: dict[str, Verb]) -> None:
    """No other reader is asked about an option that this version cannot honour."""
    with pytest.raises(UsageError, match="limits are not part"):
        fast.read(verbs["run"], ["--memory=5m", "alpine"])


def test_default_list_is_never_shared(verbs: dict[str, Verb]) -> None:
    """A command may change the list it got without changing the next one's default."""
    first: dict[str, Any] = fast.read(verbs["import"], ["a"]) or {}
    first["change"].append("B=2")
    assert (fast.read(verbs["import"], ["a"]) or {})["change"] == ["A=1"]
