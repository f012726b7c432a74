"""The text of /etc/hosts, and how it is written in place."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.model.endpoint import Endpoint
from quiltctl.model.spec import Spec
from quiltctl.runtime.network import hosts, hosts_file

if TYPE_CHECKING:
    from pathlib import Path

ID = "ab" * 32
COMMENT = "# Written by quiltctl, and rewritten when containers of its networks come and go: other changes are lost.\n"
LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def spec_of(**given: Any) -> Spec:
    """Return the spec of container web."""
    usual: dict[str, Any] = {"id": ID, "name": "web", "image": "i", "image_id": "i", "layers": ("l",)}
    usual |= {"entrypoint": (), "command": ("true",), "env": (), "hostname": "front", "network": "bridge"}
    return Spec(**{**usual, **given})


def endpoint_of(number: int = 2, **given: Any) -> Endpoint:
    """Return an end in a network."""
    facts: dict[str, Any] = dict.fromkeys(Endpoint._fields, "")
    facts |= {"lease_id": number, "container_id": ID, "ip": f"10.89.0.{number}", "gateway": "10.89.0.1"}
    return Endpoint(**{**facts, "internal": False, **given})


def test_text_names_itself_the_host_and_the_peers() -> None:
    """A container of a network finds itself, its host and its neighbours, in this order."""
    own = hosts.Entry(2, "10.89.0.2", "", hosts.names_of(ID, "web", ("www",), "front"))
    text = hosts.render([own], (), "10.89.0.1", "10.89.0.3\tdb\n")
    assert text == (
        f"{COMMENT}{LOCALHOST}10.89.0.2\tfront web www abababababab\n"
        "10.89.0.1\thost.containers.internal host.docker.internal\n10.89.0.3\tdb\n"
    )


def test_text_has_a_line_for_each_address() -> None:
    """Each network gives one line, and one more where it has IPv6."""
    text = hosts.text_of(spec_of(), (endpoint_of(2), endpoint_of(3, ip6="fd00::3")))
    names = "front web abababababab"
    assert f"10.89.0.2\t{names}\n10.89.0.3\t{names}\nfd00::3\t{names}\n" in text


def test_text_without_a_network_is_the_loopback() -> None:
    """With --network none a container still knows its own name."""
    text = hosts.text_of(spec_of(network="none"), ())
    assert text == f"{COMMENT}{LOCALHOST}127.0.0.1\tfront web\n"


def test_names_that_would_tear_a_line_are_left_out() -> None:
    """Whatever stands in the database, a line of /etc/hosts stays one line, and localhost is nobody else."""
    names = hosts.names_of(ID, "web", ["a\n10.0.0.1 evil", "a b", "#x", "", "localhost", "web", "ok"], "h\tx")
    assert names == ("web", "ok", "abababababab")


def test_extra_hosts_win_over_generated_lines() -> None:
    """A name that the user gives an address stands before the generated lines, and in none of them."""
    extra = ("web;db:192.0.2.7", "host.docker.internal:192.0.2.8", "six:[FD00::0:1]")
    claimed = hosts.claimed_by(extra)
    own = hosts.Entry(2, "10.89.0.2", "", hosts.names_of(ID, "web", (), "front"))
    peer = hosts.lines_of(hosts.Entry(9, "10.89.0.9", "", ("db", "beef")), claimed)
    assert hosts.render([own], extra, "10.89.0.1", peer) == (
        f"{COMMENT}192.0.2.7\tweb db\n192.0.2.8\thost.docker.internal\nfd00::1\tsix\n{LOCALHOST}"
        "10.89.0.2\tfront abababababab\n10.89.0.1\thost.containers.internal\n10.89.0.9\tbeef\n"
    )


def test_peer_without_a_name_left_has_no_line() -> None:
    """A line with an address alone would be none."""
    assert hosts.lines_of(hosts.Entry(9, "10.89.0.9", "", ("db",)), frozenset({"db"})) == ""


def test_host_gateway_is_the_first_network_that_leads_out() -> None:
    """An internal network has no way to the host, so the next one is taken."""
    ends = (endpoint_of(2, internal=True), endpoint_of(3, gateway="10.90.0.1"))
    text = hosts.text_of(spec_of(extra_hosts=("api:host-gateway",)), ends)
    assert "10.90.0.1\tapi\n" in text
    assert "10.90.0.1\thost.containers.internal host.docker.internal\n" in text


@pytest.mark.parametrize("ends", [(), (endpoint_of(internal=True),)])
def test_host_gateway_without_a_way_is_refused(ends: tuple[Endpoint, ...]) -> None:
    """What cannot be honoured is refused before the start, with the way out."""
    with pytest.raises(errors.UsageError, match="no network that leads to the host") as caught:
        hosts.text_of(spec_of(extra_hosts=("api:host-gateway",)), ends)
    assert caught.value.hint == "connect it to a network that is not internal, or give an address"


@pytest.mark.parametrize(
    "text", ["", "db", ":10.0.0.1", "a;;b:10.0.0.1", "a b:10.0.0.1", "a:", "a:10.0.0", "a\n:1.2.3.4"]
)
def test_malformed_extra_host_is_refused(text: str) -> None:
    """Everything that is not NAME[;NAME]:ADDRESS is a mistake."""
    with pytest.raises(errors.UsageError):
        hosts.parse_extra(text)


def test_host_network_has_the_text_of_the_host() -> None:
    """Extra hosts come first, then the host's own lines, then the container's name where the host has none."""
    text = hosts.render_of_host("127.0.0.1 localhost\n127.0.1.1 front # web", ("front", "web"), ("x:host-gateway",))
    assert text == "127.0.0.1\tx\n127.0.0.1 localhost\n127.0.1.1 front # web\n127.0.0.1\tweb\n"


def test_host_without_a_file_has_localhost_all_the_same() -> None:
    """A host without /etc/hosts gives its containers what every program expects."""
    assert hosts.render_of_host("", (), ()) == LOCALHOST


@pytest.mark.parametrize("before", [b"", b"short\n", b"x" * 5000, b"x" * (3 << 20)])
def test_write_leaves_exactly_the_text(tmp_path: Path, before: bytes) -> None:
    """Whatever the container has made of its file, shorter or longer, the text alone stays, in the same inode."""
    path = tmp_path / "hosts"
    path.write_bytes(before)
    inode = path.stat().st_ino
    assert hosts_file.write(str(path), b"127.0.0.1\tlocalhost\n")
    assert (path.read_bytes(), path.stat().st_ino) == (b"127.0.0.1\tlocalhost\n", inode)


def test_write_follows_no_link(tmp_path: Path) -> None:
    """A symbolic link in the place of the file leads nowhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "hosts").symlink_to(victim)
    assert not hosts_file.write(str(tmp_path / "hosts"), b"x\n")
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["fifo", "folder", "nothing"])
def test_write_leaves_what_is_no_file(tmp_path: Path, kind: str) -> None:
    """A pipe without a reader, a folder, or nothing at all: it is passed over, and nothing is made."""
    path = str(tmp_path / "hosts")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    assert not hosts_file.write(path, b"x\n")
    assert os.listdir(tmp_path) == ([] if kind == "nothing" else ["hosts"])


@pytest.mark.needs("root")
def test_write_leaves_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be opened and written to and is no regular file is passed over."""
    path = str(tmp_path / "hosts")
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    monkeypatch.setattr(os, "pwrite", lambda *_: pytest.fail("it was written to"))
    assert not hosts_file.write(path, b"x\n")


def test_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only a part could be written, the half line at its end goes: it would name another address."""
    path = tmp_path / "hosts"
    path.write_bytes(b"")
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, text, offset: whole(fd, text[:25], offset))
    assert not hosts_file.write(str(path), b"127.0.0.1\tlocalhost\n10.89.0.12\tweb\n")
    assert path.read_bytes() == b"127.0.0.1\tlocalhost\n"


def test_write_all_goes_on_behind_what_cannot_be_written(tmp_path: Path) -> None:
    """One bad place does not keep the others from their text."""
    paths = [tmp_path / name for name in "abc"]
    for path in (paths[0], paths[2]):
        path.write_bytes(b"old")
    hosts_file.write_all([(str(path), b"new\n") for path in paths])
    assert [path.read_bytes() for path in (paths[0], paths[2])] == [b"new\n", b"new\n"]
    assert not paths[1].exists()


def test_write_all_goes_on_behind_a_writer_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writing process that is killed costs the file that it was at, whichever that is."""
    paths = [str(tmp_path / name) for name in "abcd"]
    for path in paths:
        with open(path, "wb") as file:
            file.write(b"old")
    whole = hosts_file.write
    monkeypatch.setattr(
        hosts_file, "write", lambda path, text: whole(path, text) if path[-1] in "bc" else os.kill(os.getpid(), 9)
    )
    hosts_file.write_all([(path, b"new\n") for path in paths])
    assert [os.stat(path).st_size for path in paths] == [3, 4, 4, 3]
