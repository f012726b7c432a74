"""Variables and labels, from the command line and from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.commands._environment import environment, pairs
from quiltctl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_environment_the_last_of_a_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Image, then files, then what was given; a name alone is taken from here, if it is set here."""
    monkeypatch.setenv("HERE", "from here")
    monkeypatch.delenv("NOWHERE", raising=False)
    (tmp_path / "env").write_text("# a comment\n\nB=file\n  C=a=b \nHERE\n")
    found = environment(("A=image", "B=image", "GONE=1"), [str(tmp_path / "env")], ["A=given", "NOWHERE"], ["GONE"])
    assert found == {"A": "given", "B": "file", "C": "a=b ", "HERE": "from here"}


@pytest.mark.parametrize("entry", ["", "=value"])
def test_environment_refuses_a_variable_without_a_name(entry: str) -> None:
    """The message says how to write one."""
    with pytest.raises(UsageError, match="it has no name"):
        environment((), (), [entry])


def test_environment_file_that_is_missing_is_a_usage_error() -> None:
    """With its path and the reason."""
    with pytest.raises(UsageError, match="cannot read the env file /nonexistent: No such file"):
        environment((), ["/nonexistent"], ())


def test_pairs_come_from_files_and_flags(tmp_path: Path) -> None:
    """A key alone has an empty value."""
    (tmp_path / "labels").write_text("a=1\nb\n")
    assert pairs([str(tmp_path / "labels")], ["c=x=y", "a=2"], "label") == {"a": "2", "b": "", "c": "x=y"}


@pytest.mark.parametrize("entry", ["=x", "", "k=\udcff", "é\0=1"])
def test_pairs_refuse_what_is_no_text(entry: str) -> None:
    """No key, not UTF-8, or a NUL."""
    with pytest.raises(UsageError, match="invalid label"):
        pairs((), [entry], "label")
