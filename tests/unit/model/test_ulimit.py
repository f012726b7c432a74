"""Limits of a process as people write them."""

from __future__ import annotations

import resource

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.ulimit import HOST, NUMBERS, UNLIMITED, Ulimit, parse_ulimit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("nofile=1024:2048", Ulimit("nofile", 1024, 2048)),
        ("nofile=1024", Ulimit("nofile", 1024, 1024)),
        ("core=0", Ulimit("core", 0, 0)),
        ("core=-1", Ulimit("core", UNLIMITED, UNLIMITED)),
        ("memlock=65536:unlimited", Ulimit("memlock", 65536, UNLIMITED)),
        ("as=9223372036854775807", Ulimit("as", (1 << 63) - 1, (1 << 63) - 1)),
        ("host", HOST),
    ],
)
def test_ulimit_is_read(text: str, limit: Ulimit) -> None:
    """One value is both limits; -1 and unlimited are the same."""
    assert parse_ulimit(text) == limit


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "NAME=SOFT:HARD"),
        ("nofile", "NAME=SOFT:HARD"),
        ("host=1", "one of as, core"),
        ("NOFILE=1", "one of as, core"),
        ("files=1", "one of as, core"),
        ("nofile=", "whole number"),
        ("nofile=1:", "whole number"),
        ("nofile=:1", "whole number"),
        ("nofile=1:2:3", "whole number"),
        ("nofile=-2", "whole number"),
        ("nofile=1k", "whole number"),
        ("nofile=\u0661", "whole number"),
        ("nofile=9223372036854775808", "whole number"),
        ("nofile=" + "9" * 5000, "whole number"),
        ("nofile=2:1", "raise the hard limit"),
        ("nofile=-1:1", "raise the hard limit"),
    ],
)
def test_ulimit_that_is_none_is_refused(text: str, why: str) -> None:
    """The message quotes it, and the hint says what would be right."""
    with pytest.raises(UsageError, match="invalid ulimit") as caught:
        parse_ulimit(text)
    assert why in str(caught.value.hint)


def test_ulimit_numbers_are_those_of_the_kernel() -> None:
    """Compared with the module that has them from the C headers, as far as it has them."""
    known = {name: getattr(resource, f"RLIMIT_{name.upper()}", number) for name, number in NUMBERS.items()}
    assert known == NUMBERS
    assert sorted(NUMBERS.values()) == list(range(16))
    assert resource.RLIM_INFINITY == UNLIMITED
    assert Ulimit("nofile", 1, 1).number == resource.RLIMIT_NOFILE
