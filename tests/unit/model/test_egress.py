"""Where a container may speak to, as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.model.egress import EVERYWHERE, Destination, parse_destination, parse_egress
from quiltctl.model.subnet import Subnet, parse_subnet


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7:443", "192.0.2.7/32:443"),
        ("192.0.2.0/24:443/tcp", "192.0.2.0/24:443/tcp"),
        ("192.0.2.7:8000-8010/udp", "192.0.2.7/32:8000-8010/udp"),
        ("192.0.2.7:80-80", "192.0.2.7/32:80"),
        ("192.0.2.7/icmp", "192.0.2.7/32/icmp"),
        ("192.0.2.0/24/udp", "192.0.2.0/24/udp"),
        ("0.0.0.0/0:53", "0.0.0.0/0:53"),
        ("fd00::7", "fd00::7/128"),
        ("FD00:0::/64", "fd00::/64"),
        ("[fd00::/64]", "fd00::/64"),
        ("[fd00::/64]:443", "[fd00::/64]:443"),
        ("[fd00::7]:1-2/udp", "[fd00::7/128]:1-2/udp"),
        ("[fd00::7]/icmp", "[fd00::7/128]/icmp"),
        ("::/0", "::/0"),
    ],
)
def test_destination_has_one_spelling(text: str, canonical: str) -> None:
    """However it is written, it is kept in one way, which reads as itself."""
    assert str(parse_destination(text)) == canonical
    assert str(parse_destination(canonical)) == canonical


def test_destination_holds_its_parts() -> None:
    """Subnet, first and last port, protocol; what is not said is 0 or empty."""
    assert parse_destination("10.0.0.0/8:1-2/tcp") == Destination(Subnet(10 << 24, 8, 4), 1, 2, "tcp")
    assert parse_destination("fd00::/16") == Destination(parse_subnet("fd00::/16", ""), 0, 0, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with no address"),
        ("example.com", "names are not known"),
        ("example.com:443", "names are not known"),
        ("/8", "begins with no address"),
        ("[fd00::/64", "begins with no address"),
        ("[fd00::/64]443", "begins with no address"),
        ("10.0.0.0/33", "invalid subnet"),
        ("10.0.0/8", "invalid address"),
        ("10.0.0.0/8/", "invalid subnet"),
        ("10.0.0.0/8:", "from 1 to 65535"),
        ("10.0.0.0/8:0", "from 1 to 65535"),
        ("10.0.0.0/8:65536", "from 1 to 65535"),
        ("10.0.0.0/8:1-2-3", "from 1 to 65535"),
        ("10.0.0.0/8:http", "from 1 to 65535"),
        ("10.0.0.0/8:2-1", "lower port first"),
        ("10.0.0.0/8:80/", "protocols are"),
        ("10.0.0.0/8:80/sctp", "protocols are"),
        ("10.0.0.0/8:80/icmp", "no ports"),
        ("10.0.0.0/8/any", "protocols are"),
        ("10.0.0.0/8:80/tcp/udp", "protocols are"),
        ("fd00::7:443/tcp", "invalid subnet"),
        ("fd00::/64/icmp", "invalid subnet"),
    ],
)
def test_destination_that_is_none_is_refused(text: str, why: str) -> None:
    """A sentence quotes it, a hint says how it is written."""
    with pytest.raises(UsageError) as caught:
        parse_destination(text)
    assert why in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("texts", "egress"),
    [
        ([], None),
        (["deny"], ()),
        (["deny", "deny"], ()),
        (["all"], EVERYWHERE),
        (["all", "all"], EVERYWHERE),
        (["allow=10.0.0.1"], ("10.0.0.1/32",)),
        (["deny", "allow=10.0.0.1", "allow=10.0.0.1/32", "allow=[::1]:1"], ("10.0.0.1/32", "[::1/128]:1")),
    ],
)
def test_policy_is_what_the_words_come_to(texts: list[str], egress: tuple[str, ...] | None) -> None:
    """Unsaid is None, deny is nothing, and what is allowed is all that is."""
    assert parse_egress(texts) == egress


@pytest.mark.parametrize("texts", [[""], ["none"], ["allow"], ["allow="], ["deny=10.0.0.1"], ["all", "deny"]])
def test_policy_that_is_none_is_refused(texts: list[str]) -> None:
    """No word is passed over."""
    with pytest.raises(UsageError):
        parse_egress(texts)


def test_everywhere_is_spelt_as_destinations_are() -> None:
    """So that who reads it needs to know no word."""
    assert tuple(str(parse_destination(text)) for text in EVERYWHERE) == EVERYWHERE


DESTINATIONS = st.builds(
    lambda ip, bits, ports, protocol: Destination(
        parse_subnet(f"{ip}/{min(bits, ip.max_prefixlen)}", ""),
        min(ports or (0,)),
        max(ports or (0,)),
        "" if ports and protocol == "icmp" else protocol,
    ),
    st.ip_addresses(),
    st.integers(0, 128),
    st.one_of(st.none(), st.tuples(st.integers(1, 65535), st.integers(1, 65535))),
    st.sampled_from(["", "tcp", "udp", "icmp"]),
)


@given(DESTINATIONS)
def test_spelling_of_a_destination_reads_as_itself(destination: Destination) -> None:
    """Whatever it is, its text says all of it."""
    assert parse_destination(str(destination)) == destination


@given(st.text(max_size=30))
def test_any_text_is_a_destination_or_a_usage_error(text: str) -> None:
    """Nothing else comes out, whatever goes in."""
    try:
        parse_destination(text)
    except UsageError:
        return
