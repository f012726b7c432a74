"""`port`: which ports of the host lead to a container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db.connection import open_to_write
from quiltctl.errors import NotFound, QuiltError, UsageError
from tests.attach import attach, port

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

PAGE = Path(__file__).parents[3] / "docs/json.md"
KINDS = {str: "string", int: "integer"}


@pytest.fixture(autouse=True)
def house(quilt_root: Paths, make: Make) -> None:
    """Make containers with ports and without, that run, are paused, have ended, and are lost."""
    connection = open_to_write(quilt_root)
    ports = [port(8443, 443), port(5353, 53, "udp", "127.0.0.1"), port(8080, 80), port(8080, 80, "tcp", "::1")]
    attach(quilt_root, connection, make("web", "running"), "blue", ports=[ports[0], ports[1], ports[3]])
    attach(quilt_root, connection, make("cold", "paused"), "blue", ports=[port(9000, 90)])
    attach(quilt_root, connection, make("lost", "running", lost=True), "blue", ports=[port(9001, 90)])
    make("bare", "running")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("web",), ["53/udp -> 127.0.0.1:5353", "80/tcp -> [::1]:8080", "443/tcp -> 0.0.0.0:8443"]),
        (("web", "443"), ["0.0.0.0:8443"]),
        (("web", "443/tcp"), ["0.0.0.0:8443"]),
        (("web", "53/udp"), ["127.0.0.1:5353"]),
        (("cold",), ["90/tcp -> 0.0.0.0:9000"]),
        (("lost",), []),
        (("bare",), []),
        (("--latest",), []),
        (
            ("--all",),
            [
                "100000000000\t53/udp -> 127.0.0.1:5353",
                "100000000000\t80/tcp -> [::1]:8080",
                "100000000000\t443/tcp -> 0.0.0.0:8443",
                "200000000000\t90/tcp -> 0.0.0.0:9000",
            ],
        ),
    ],
)
def test_port_prints_a_line_for_each(call: Call, capsys: Capture, words: tuple[str, ...], lines: list[str]) -> None:
    """As podman does; what does not run has none."""
    assert call("port", *words) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("web", "53"), "no published port 53/tcp"),
        (("web", "81"), "no published port 81/tcp"),
        (("lost", "90"), "no published port 90/tcp"),
        (("--latest", "80"), "no published port 80/tcp"),
        (("web", "81", "--json"), "no published port 81/tcp"),
    ],
)
def test_port_that_is_not_published_is_an_error(
    call: Call, capsys: Capture, words: tuple[str, ...], sentence: str
) -> None:
    """Nothing is printed beside it."""
    with pytest.raises(QuiltError, match=sentence) as caught:
        call("port", *words)
    assert (caught.value.exit_code, capsys.readouterr().out) == (125, "")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--all", "web"),
        ("--all", "web", "80"),
        ("--latest", "web", "80"),
        ("--all", "--latest"),
        ("web", "x"),
        ("web", "80-81"),
        ("web", "80/sctp"),
    ],
)
def test_port_refuses_what_is_not_clear(call: Call, words: tuple[str, ...]) -> None:
    """One container or all, one port or none."""
    with pytest.raises(UsageError):
        call("port", *words)


def test_port_of_a_container_that_is_not_there(call: Call) -> None:
    """It is said so."""
    with pytest.raises(NotFound, match='no such container: "nobody"'):
        call("port", "nobody")


def test_port_json_is_what_the_page_says(call: Call, capsys: Capture) -> None:
    """One flat object for each port, of the kinds that docs/json.md names."""
    call("port", "--json", "web", "443")

    printed = json.loads(capsys.readouterr().out)

    assert printed == [
        {
            "Container": "1".ljust(64, "0"),
            "Name": "web",
            "HostIp": "",
            "HostPort": 8443,
            "ContainerPort": 443,
            "Protocol": "tcp",
        }
    ]
    block = PAGE.read_text().partition("\n## port\n")[2].partition("```text\n")[2].partition("```")[0]
    documented = dict(line.split() for line in block.splitlines())
    assert {f"[].{key}": KINDS[type(value)] for key, value in printed[0].items()} == documented
