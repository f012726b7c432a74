"""The exit record: written by the watch, read by everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.runtime.exit_record import ExitRecord, parse, read

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (
    "quiltctl-exit 1\ngeneration 3\ncode 137\nreason stopped\noom_killed 1\noom_kills 3\n"
    "finished_at 1790000000000000000\n"
)


def test_record_is_read(tmp_path: Path) -> None:
    """All its facts."""
    (tmp_path / "exit").write_text(TEXT)
    assert read(str(tmp_path), 3) == ExitRecord(3, 137, "stopped", True, 3, 1790000000000000000)


def test_record_of_another_run_says_nothing() -> None:
    """A record that an older run left is not taken for this one's."""
    assert parse(TEXT, 4) is None


def test_record_of_a_version_that_counted_no_kills_is_read() -> None:
    """It knew of none."""
    record = parse(TEXT.replace("oom_kills 3\n", ""), 3)
    assert record is not None
    assert (record.oom_kills, record.code) == (0, 137)


def test_record_with_facts_of_a_later_version_is_read() -> None:
    """Lines that are not known here change nothing."""
    assert parse(TEXT + "colour red\n", 3) == parse(TEXT, 3)


@pytest.mark.parametrize("cut", range(len(TEXT.rstrip()) - 18))
def test_record_that_was_torn_says_nothing(cut: int) -> None:
    """Cut before its last fact it is no record; it is renamed into place, so none is ever torn but by hand."""
    assert parse(TEXT[:cut], 3) is None


@given(st.text())
def test_record_of_garbage_is_none(text: str) -> None:
    """Whatever stands in the file, nothing is raised."""
    assert parse(text, 3) is None


def test_record_that_is_missing_is_none(tmp_path: Path) -> None:
    """No file, or no folder."""
    assert (read(str(tmp_path), 1), read(str(tmp_path / "x"), 1)) == (None, None)
