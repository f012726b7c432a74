"""Sizes and counts as people write them."""

from __future__ import annotations

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.units import parse_bytes, parse_whole


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("64", 64),
        ("64b", 64),
        ("1k", 1024),
        ("1K", 1024),
        ("64m", 64 << 20),
        ("2GiB", 2 << 30),
        ("1kb", 1024),
        ("1.5g", 3 << 29),
        (".5m", 1 << 19),
    ],
)
def test_size_is_read(text: str, size: int) -> None:
    """Powers of 1,024, in any case."""
    assert parse_bytes(text, "--shm-size") == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1.5.m", ".", "1e3", "64x", "64mm", "\u0661", "9" * 30, "8388608t"])
def test_size_that_is_none_is_refused(text: str) -> None:
    """The message names the option."""
    with pytest.raises(UsageError, match="--shm-size"):
        parse_bytes(text, "--shm-size")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "\u0663"])
def test_whole_number_that_is_none_is_refused(text: str) -> None:
    """Digits alone."""
    with pytest.raises(UsageError):
        parse_whole(text, "max-file")
