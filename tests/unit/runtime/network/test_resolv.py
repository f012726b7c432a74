"""What of the host's resolv.conf a container gets, and what replaces it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.model.spec import Spec
from quiltctl.runtime.network import resolv

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "# No name server of the host can be reached from this container. Name one: quiltctl run --dns ADDRESS\n"
HOST = """# a comment
search example.org lan
options ndots:2 edns0
sortlist 10.0.0.0/8
nameserver 127.0.0.53
nameserver 192.0.2.53
nameserver fe80::1%eth0
nameserver 2001:db8::53
"""


def spec_of(**given: Any) -> Spec:
    """Return a spec with these options of name servers."""
    usual: dict[str, Any] = {"id": "a" * 64, "name": "web", "image": "i", "image_id": "i", "layers": ("l",)}
    return Spec(**{**usual, "entrypoint": (), "command": ("true",), "env": (), **given})


def test_container_gets_the_servers_it_can_reach() -> None:
    """Those on the host's loopback, behind an interface of the host's, and of IPv6 without IPv6, are left out."""
    assert resolv.render(HOST, spec_of()) == (
        "nameserver 192.0.2.53\nsearch example.org lan\noptions ndots:2 edns0\nsortlist 10.0.0.0/8\n"
    )


def test_container_with_ipv6_gets_servers_of_ipv6() -> None:
    """The zone of an interface stays the host's all the same."""
    text = resolv.render(HOST, spec_of(), ipv6=True)
    assert [line for line in text.splitlines() if "nameserver" in line] == [
        "nameserver 192.0.2.53",
        "nameserver 2001:db8::53",
    ]


@pytest.mark.parametrize("server", ["127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::ffff:127.0.0.53", "fe80::1%eth0"])  # noqa: S104 (nothing is bound)
def test_no_server_left_is_said_and_none_invented(server: str) -> None:
    """The file says that nobody can be asked, and how to change that."""
    assert resolv.render(f"nameserver {server}\n", spec_of(), ipv6=True) == NOBODY


def test_options_replace_those_of_the_host() -> None:
    """What was asked for stands alone, also a server that the host's rule would leave out."""
    spec = spec_of(dns=("127.0.0.9", "fd00::1"), dns_search=("a.org", "b.org"), dns_options=("ndots:5",))
    assert resolv.render(HOST, spec) == (
        "nameserver 127.0.0.9\nnameserver fd00::1\nsortlist 10.0.0.0/8\nsearch a.org b.org\noptions ndots:5\n"
    )


def test_search_of_a_dot_is_none() -> None:
    """A dot takes the host's search list away and puts nothing in its place, not its domain either."""
    assert resolv.render("domain lan\nsearch lan\nnameserver 192.0.2.1\n", spec_of(dns_search=(".",))) == (
        "nameserver 192.0.2.1\n"
    )


def test_same_network_has_the_text_unchanged() -> None:
    """A container in the host's network has the host's file, to the letter."""
    assert resolv.render(HOST, spec_of(network="host"), same=True) == HOST


def test_same_network_reaches_every_server() -> None:
    """With an option of its own such a container keeps the host's servers, the one on the loopback too."""
    text = resolv.render(HOST, spec_of(network="host", dns_search=(".",)), same=True)
    assert text.count("nameserver") == 4
    assert "search" not in text


def test_stub_of_systemd_gives_way_to_what_it_asks(tmp_path: Path) -> None:
    """Where all servers are on the loopback the file behind the stub is taken."""
    own, behind = tmp_path / "own", tmp_path / "behind"
    own.write_text("nameserver 127.0.0.53\n", encoding="utf-8")
    behind.write_text("nameserver 192.0.2.9\n", encoding="utf-8")
    assert resolv.of_host(str(own), str(behind)) == "nameserver 192.0.2.9\n"


def test_server_beside_the_stub_keeps_the_file(tmp_path: Path) -> None:
    """One server that is not on the loopback is reason enough to take the host's own file."""
    own, behind = tmp_path / "own", tmp_path / "behind"
    own.write_text("nameserver 127.0.0.53\nnameserver 192.0.2.1\n", encoding="utf-8")
    behind.write_text("nameserver 192.0.2.9\n", encoding="utf-8")
    assert resolv.of_host(str(own), str(behind)) == own.read_text(encoding="utf-8")


def test_stub_without_a_file_behind_it_stays(tmp_path: Path) -> None:
    """Another resolver on the loopback is what there is; a host without any file has nothing."""
    own = tmp_path / "own"
    own.write_text("nameserver 127.0.0.1\n", encoding="utf-8")
    assert resolv.of_host(str(own), str(tmp_path / "none")) == "nameserver 127.0.0.1\n"
    assert resolv.of_host(str(tmp_path / "none"), str(tmp_path / "none")) == ""


def test_huge_file_is_read_in_part(tmp_path: Path) -> None:
    """At most 64 KiB are read, and no half line."""
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"nameserver 192.0.2.1\n" * 10_000)
    text = resolv.read(str(path))
    assert 65_000 < len(text) <= 65_536
    assert text.endswith("192.0.2.1\n")


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    """A file that is not UTF-8 goes through as it is."""
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"# caf\xe9\nsearch \xff\n")
    assert resolv.read(str(path)).encode("utf-8", "surrogateescape") == b"# caf\xe9\nsearch \xff\n"
