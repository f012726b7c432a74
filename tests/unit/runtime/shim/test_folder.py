"""Which files of /etc a container gets, and what stands in them before it starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.model.endpoint import Endpoint
from quiltctl.model.spec import Spec
from quiltctl.runtime.network import resolv
from quiltctl.runtime.rootfs import outside
from quiltctl.runtime.shim import folder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("root")
ID, OWNER = "ab" * 32, "cd" * 32
HOST = "search lan\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n"


def prepared(root: Path, *ends: Endpoint, **given: Any) -> dict[str, str]:
    """Return the files of /etc that a container with these options has, by name."""
    usual: dict[str, Any] = {"id": ID, "name": "web", "image": "i", "image_id": "i", "layers": ("l",)}
    spec = Spec(**{**usual, "entrypoint": (), "command": ("true",), "env": (), "hostname": "front", **given})
    layer = root / "layer"
    layer.mkdir(exist_ok=True)
    place = root / "containers" / ID
    folder.prepare(str(place), spec, f"{place}/log", str(layer), ends)
    made = {name: place / name for name in ("hosts", "hostname", "resolv.conf") if (place / name).exists()}
    assert set(made) == set(outside.files_of(spec))
    return {name: path.read_text(encoding="utf-8") for name, path in made.items()}


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resolv.read
    monkeypatch.setattr(resolv, "read", lambda path=None: HOST if path in {None, "/etc/resolv.conf"} else whole(path))


def end() -> Endpoint:
    """Return an end in a network that leads out."""
    facts: dict[str, Any] = dict.fromkeys(Endpoint._fields, "")
    facts |= {"lease_id": 1, "ip": "10.89.0.2", "gateway": "10.89.0.1", "internal": False}
    return Endpoint(**facts)


def test_without_a_network_nobody_is_asked(tmp_path: Path) -> None:
    """With --network none resolv.conf stays that of the image."""
    assert set(prepared(tmp_path, network="none")) == {"hosts", "hostname"}


def test_name_server_without_a_network_is_what_was_asked_for(tmp_path: Path) -> None:
    """With --network none and --dns the file is there, and nothing of the host's is in it."""
    assert prepared(tmp_path, network="none", dns=("10.0.0.1",))["resolv.conf"] == "nameserver 10.0.0.1\n"


def test_bridge_has_its_addresses_and_reachable_servers(tmp_path: Path) -> None:
    """In a network the file of hosts has the leased address, and resolv.conf the servers that can be reached."""
    files = prepared(tmp_path, end(), network="bridge")
    assert "10.89.0.2\tfront web abababababab\n10.89.0.1\thost.containers.internal" in files["hosts"]
    assert files["resolv.conf"] == "nameserver 192.0.2.1\nsearch lan\n"


def test_host_network_has_the_hosts_files(tmp_path: Path) -> None:
    """In the host's network resolv.conf is the host's, to the letter."""
    assert prepared(tmp_path, network="host")["resolv.conf"] == HOST


def test_image_keeps_its_hosts_file(tmp_path: Path) -> None:
    """With --no-hosts none is made, and none is laid over that of the image."""
    assert set(prepared(tmp_path, end(), network="bridge", no_hosts=True)) == {"hostname", "resolv.conf"}


def test_guest_of_one_without_a_file_has_that_of_a_network(tmp_path: Path) -> None:
    """Where the owner has no resolv.conf it is made as for any network."""
    files = prepared(tmp_path, network=f"container:{OWNER}")
    assert files["resolv.conf"] == "nameserver 192.0.2.1\nsearch lan\n"


def test_second_start_writes_the_files_anew(tmp_path: Path) -> None:
    """What the last run made of its files is over, in the same inodes or not."""
    prepared(tmp_path, network="none")
    os.truncate(tmp_path / "containers" / ID / "hosts", 1 << 30)
    assert prepared(tmp_path, network="none")["hosts"].endswith("127.0.0.1\tfront web\n")


def test_extra_host_that_cannot_be_honoured_stops_the_start(tmp_path: Path) -> None:
    """The start is refused before anything of the container runs."""
    with pytest.raises(errors.UsageError, match="--add-host api:host-gateway"):
        prepared(tmp_path, network="none", extra_hosts=("api:host-gateway",))
