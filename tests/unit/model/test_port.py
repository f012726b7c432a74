"""Published and exposed ports as people write them."""

from __future__ import annotations

import json
import marshal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.model.port import at_random, host_side, parse_expose, parse_publish, ranges

PORTS = st.integers(1, 65535)
PROTOCOLS = st.sampled_from(["tcp", "udp"])
ADDRESSES = st.one_of(
    st.integers(1, 2**32 - 1).map(lambda number: str(IPv4Address(number))),
    st.integers(2**64, 2**128 - 1).map(lambda number: f"[{IPv6Address(number)}]"),
)


def port(host_ip: str, host_port: int, container_port: int, protocol: str = "tcp") -> dict[str, Any]:
    """Return a port as it travels."""
    return {"host_ip": host_ip, "host_port": host_port, "container_port": container_port, "protocol": protocol}


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", [port("", 0, 80)]),
        (":80", [port("", 0, 80)]),
        ("53/udp", [port("", 0, 53, "udp")]),
        ("8080:80", [port("", 8080, 80)]),
        ("8080:80/TCP", [port("", 8080, 80)]),
        ("53:53/tcp,udp", [port("", 53, 53), port("", 53, 53, "udp")]),
        ("127.0.0.1:8080:80", [port("127.0.0.1", 8080, 80)]),
        ("127.0.0.1::80", [port("127.0.0.1", 0, 80)]),
        ("0.0.0.0:8080:80", [port("", 8080, 80)]),
        ("[::1]:8080:80", [port("::1", 8080, 80)]),
        ("[fd00:0::7]::80/udp", [port("fd00::7", 0, 80, "udp")]),
        ("8000-8002:80-82", [port("", 8000, 80), port("", 8001, 81), port("", 8002, 82)]),
        ("1234-1235:1234-1235/tcp", [port("", 1234, 1234), port("", 1235, 1235)]),
        ("80-81", [port("", 0, 80), port("", 0, 81)]),
        ("127.0.0.1::80-81", [port("127.0.0.1", 0, 80), port("127.0.0.1", 0, 81)]),
    ],
)
def test_published_port_is_read(text: str, ports: list[dict[str, Any]]) -> None:
    """Each of podman's spellings; a range is its ports."""
    assert list(parse_publish([text])) == ports


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "from 1 to 65535"),
        ("0", "from 1 to 65535"),
        ("65536", "from 1 to 65535"),
        ("080808", "from 1 to 65535"),
        ("http", "from 1 to 65535"),
        ("-1", "from 1 to 65535"),
        ("1-2-3", "from 1 to 65535"),
        ("\u0661", "from 1 to 65535"),
        ("0:80", "such as"),
        ("8080:", "such as"),
        ("80/", "protocols are tcp and udp"),
        ("80/icmp", "protocols are tcp and udp"),
        ("80/tcp,tcp", "protocols are tcp and udp"),
        ("80/tcp/udp", "protocols are tcp and udp"),
        ("80/sctp", "protocols are tcp and udp"),
        ("81-80", "lower port first"),
        ("8000-8010:80", "same length"),
        ("8000:80-81", "same length"),
        (":8080:80", "such as"),
        ("1.2.3.4:5:6:7", "IPv6 address stands in brackets"),
        ("::1:8080:80", "IPv6 address stands in brackets"),
        ("localhost:8080:80", "such as"),
        ("1.2.3:8080:80", "such as"),
        ("[::1]:80", "such as"),
        ("[::1]8080:80", "such as"),
        ("[::1:8080:80", "such as"),
        ("[127.0.0.1]:8080:80", "such as"),
        ("[::]:8080:80", "leave the address out"),
    ],
)
def test_published_port_that_is_none_is_refused(text: str, why: str) -> None:
    """The sentence quotes what was given, the hint says what would be right."""
    with pytest.raises(UsageError, match="invalid") as caught:
        parse_publish([text])
    assert why in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "texts",
    [
        ("80:1", "80:2"),
        ("80:1", "127.0.0.1:80:2"),
        ("127.0.0.1:80:2", "80:1"),
        ("127.0.0.1:80:1", "127.0.0.1:80:1"),
        ("80-90:80-90", "85:1"),
    ],
)
def test_port_of_the_host_is_published_once(texts: tuple[str, ...]) -> None:
    """Of every address and of one overlap."""
    with pytest.raises(UsageError, match="published twice"):
        parse_publish(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("80:1", "81:1"),
        ("80:1/tcp", "80:1/udp"),
        ("127.0.0.1:80:1", "127.0.0.2:80:1"),
        ("1", "1"),
    ],
)
def test_other_ports_of_the_host_do_not_collide(texts: tuple[str, ...]) -> None:
    """Another port, protocol or address; and what is free is chosen each time."""
    assert len(parse_publish(texts)) == 2


def test_exposed_ports_are_read_once_each() -> None:
    """A range is its ports, tcp where nothing is said."""
    assert parse_expose(["80", "80/tcp", "53/udp", "8000-8001", "8001-8002/udp"], "--expose") == (
        *("80/tcp", "53/udp", "8000/tcp", "8001/tcp"),
        *("8001/udp", "8002/udp"),
    )


@pytest.mark.parametrize("text", ["", "0", "x", "80:80", "80/sctp", "2-1", "80/", "1-65536"])
def test_exposed_port_that_is_none_is_refused(text: str) -> None:
    """No address and no port of the host stands there."""
    with pytest.raises(UsageError, match="for --expose"):
        parse_expose([text], "--expose")


def test_exposed_ports_are_published_at_random_but_those_that_are_published() -> None:
    """What has a port of the host already needs no other."""
    assert at_random(("80/tcp", "80/udp"), parse_publish(["8080:80"])) == (port("", 0, 80, "udp"),)


@given(host=ADDRESSES, host_port=PORTS, container_port=PORTS, protocol=PROTOCOLS)
def test_what_is_shown_can_be_published_again(host: str, host_port: int, container_port: int, protocol: str) -> None:
    """Address and port as they are shown are those that were read."""
    [read] = parse_publish([f"{host}:{host_port}:{container_port}/{protocol}"])
    assert (read["host_port"], read["container_port"], read["protocol"]) == (host_port, container_port, protocol)
    assert parse_publish([f"{host_side(read['host_ip'], host_port)}:{container_port}/{protocol}"]) == (read,)
    assert marshal.loads(marshal.dumps(read)) == json.loads(json.dumps(read)) == read


@given(first=PORTS, host_first=PORTS, length=st.integers(1, 40), protocol=PROTOCOLS)
def test_range_collapses_to_what_was_written(first: int, host_first: int, length: int, protocol: str) -> None:
    """The ports of a range are one range again, however they are mixed."""
    length = min(length, 65536 - first, 65536 - host_first)
    text = f"{host_first}-{host_first + length - 1}:{first}-{first + length - 1}/{protocol}"
    others = parse_publish(["9000-9002:9000-9002/tcp,udp"]) if first > 9003 else ()
    ports = parse_publish([text])
    assert len(ports) == length
    assert ranges(reversed((*ports, *others))) == [
        *((port("", 9000, 9000, other), 3) for other in ("tcp", "udp") if others),
        (port("", host_first, first, protocol), length),
    ]


@given(st.text(max_size=20))
def test_any_text_is_ports_or_a_usage_error(text: str) -> None:
    """Nothing else comes out, whatever goes in."""
    try:
        ports = parse_publish([text])
    except UsageError:
        return
    assert all(1 <= one["container_port"] <= 65535 and 0 <= one["host_port"] <= 65535 for one in ports)


def test_ranges_of_nothing_are_none() -> None:
    """Without ports there is nothing to show."""
    assert ranges(()) == []
