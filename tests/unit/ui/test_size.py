"""Numbers of bytes for people."""

from __future__ import annotations

import pytest

from quiltctl.ui.size import human_bytes


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
