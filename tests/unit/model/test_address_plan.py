"""Which addresses of a subnet are the gateway's and the containers'."""

from __future__ import annotations

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.address_plan import check_asked, check_subnet, choose_gateway, choose_range
from quiltctl.model.subnet import parse_subnet

NET = parse_subnet("10.7.0.0/24", "subnet")
NET6 = parse_subnet("fd00:7::/64", "subnet")


@pytest.mark.parametrize(
    "text", ["10.7.0.0/24", "10.0.0.0/8", "10.7.0.0/30", "192.0.2.9/28", "fd00::/64", "fd00::/126"]
)
def test_subnet_of_a_network_is_taken(text: str) -> None:
    """What holds a gateway and a container, and is anybody's, is a subnet; bits beyond the prefix do not count."""
    assert check_subnet(text) == parse_subnet(text, "subnet")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.7.0.0/31", "too small"),
        ("10.7.0.1", "too small"),
        ("fd00::/127", "too small"),
        ("10.0.0.0/7", "too large"),
        ("fc00::/7", "too large"),
        ("0.0.0.0/0", "too large"),
        ("127.0.0.0/16", "cannot have"),
        ("224.1.0.0/16", "cannot have"),
        ("255.255.255.0/24", "cannot have"),
        ("0.1.0.0/16", "cannot have"),
        ("fe80::/64", "cannot have"),
        ("ff02::/64", "cannot have"),
        ("::/64", "cannot have"),
        ("10.7.0.0/33", "invalid subnet"),
        ("10.7.0/24", "invalid address"),
        ("nonsense", "invalid address"),
        ("", "invalid address"),
    ],
)
def test_subnet_that_no_network_can_have_is_refused(text: str, why: str) -> None:
    """Too small, too large, nobody's, or none at all."""
    with pytest.raises(UsageError, match=why):
        check_subnet(text)


def test_gateway_is_the_first_address_unless_asked() -> None:
    """Of either version; the last of an IPv6 subnet is an address like any other."""
    assert choose_gateway(NET, None) == "10.7.0.1"
    assert choose_gateway(NET, "10.7.0.254") == "10.7.0.254"
    assert choose_gateway(NET6, None) == "fd00:7::1"
    assert choose_gateway(NET6, "fd00:7:0:0:ffff:ffff:ffff:FFFF") == "fd00:7::ffff:ffff:ffff:ffff"


@pytest.mark.parametrize("asked", ["10.7.0.0", "10.7.0.255", "10.8.0.1", "fd00:7::1", "x"])
def test_gateway_outside_of_the_subnet_is_refused(asked: str) -> None:
    """The subnet's own address and its broadcast are no host's."""
    with pytest.raises(UsageError):
        choose_gateway(NET, asked)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, None),
        ("10.7.0.128/25", "10.7.0.128-10.7.0.254"),
        ("10.7.0.0/24", "10.7.0.1-10.7.0.254"),
        ("10.7.0.64/26", "10.7.0.64-10.7.0.127"),
        ("10.7.0.9", "10.7.0.9-10.7.0.9"),
        ("10.7.0.5-10.7.0.9", "10.7.0.5-10.7.0.9"),
        ("10.7.0.0-10.7.0.255", "10.7.0.1-10.7.0.254"),
    ],
)
def test_range_is_what_a_container_may_have_of_it(asked: str | None, found: str | None) -> None:
    """A range written either way, without the addresses that no host has."""
    assert choose_range(NET, "10.7.0.1", asked) == found


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("10.8.0.0/25", "not inside"),
        ("10.7.0.0/23", "not inside"),
        ("10.7.0.5-10.8.0.9", "not inside"),
        ("fd00::/120", "not inside"),
        ("10.7.0.9-10.7.0.5", "no address"),
        ("10.7.0.1", "no address"),
        ("10.7.0.255", "no address"),
        ("10.7.0.5-", "invalid address"),
        ("few", "invalid address"),
    ],
)
def test_range_that_gives_nobody_an_address_is_refused(asked: str, why: str) -> None:
    """Outside, backwards, or nothing but the gateway or the broadcast."""
    with pytest.raises(UsageError, match=why):
        choose_range(NET, "10.7.0.1", asked)


def test_address_asked_for_is_one_of_the_subnet() -> None:
    """It is spelt as the kernel spells it, and is nobody else's by rule."""
    assert check_asked(NET6, "fd00:7::1", "fd00:7:0::0009", "--ip6") == "fd00:7::9"
    for asked in ("10.7.0.0", "10.7.0.1", "10.7.0.255", "10.8.0.9", "fd00:7::9"):
        with pytest.raises(UsageError, match=r"none that a container can have in 10\.7\.0\.0/24"):
            check_asked(NET, "10.7.0.1", asked, "--ip")
