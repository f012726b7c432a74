"""Numbers of bytes for people."""

from __future__ import annotations

import pytest

from quiltctl.ui.size import binary_bytes, human_bytes


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (35_664, "35.7kB"),
        (42_051, "42.1kB"),
        (999_499, "999kB"),
        (999_500, "1MB"),
        (1_234_000_000, "1.23GB"),
        (10**21, "1e+03EB"),
    ],
)
def test_human_bytes_has_three_digits_and_a_unit(count: int, shown: str) -> None:
    """Units are decimal, as podman's, and what rounds up to a thousand takes the next one."""
    assert human_bytes(count) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (1_048_000, "1023KiB"),
        (1_048_570, "1MiB"),
        (35 << 20, "35MiB"),
        (1 << 70, "1024EiB"),
    ],
)
def test_binary_bytes_has_four_digits_and_a_unit(count: int, shown: str) -> None:
    """Units are of 1,024, as docker's of memory."""
    assert binary_bytes(count) == shown
