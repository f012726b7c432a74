"""Which device nodes a container gets, asked of a real host."""

from __future__ import annotations

import json
import marshal
import os
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.device import DeviceNode, node_from, parse_device
from quiltctl.runtime import devices

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.needs("root")
def test_nodes_are_what_the_host_has(tmp_path: Path) -> None:
    """A link is followed; a directory is its devices, not its links; owner and mode are the host's; the last wins."""
    os.makedirs(tmp_path / "bus/1")
    os.mknod(tmp_path / "bus/1/a", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.mknod(tmp_path / "bus/b", stat.S_IFBLK | 0o600, os.makedev(7, 0))
    os.chmod(tmp_path / "bus/b", 0o640)
    os.chown(tmp_path / "bus/b", 7, 8)
    (tmp_path / "bus/file").touch()
    (tmp_path / "bus/link").symlink_to("b")
    (tmp_path / "link").symlink_to("bus/b")
    asked = (f"{tmp_path}/bus:/dev/bus:r", f"{tmp_path}/link:/dev/disk/x:rw", f"{tmp_path}/bus/b:/dev/bus/1/a")
    found = devices.nodes(map(parse_device, asked))
    assert found == (
        DeviceNode("bus/1/a", "b", 7, 0, 0o640, 7, 8, "rwm"),
        DeviceNode("bus/b", "b", 7, 0, 0o640, 7, 8, "r"),
        DeviceNode("disk/x", "b", 7, 0, 0o640, 7, 8, "rw"),
    )
    assert tuple(map(node_from, marshal.loads(marshal.dumps([node.to_list() for node in found])))) == found
    stored: list[list[Any]] = json.loads(json.dumps([node.to_list() for node in found]))
    assert tuple(map(node_from, stored)) == found


def test_whole_dev_of_the_host_comes_without_its_terminals(tmp_path: Path) -> None:
    """Also by a link: what the container has of its own is not brought in by the side."""
    (tmp_path / "link").symlink_to("/dev")
    found = [node.path for node in devices.nodes([parse_device(f"{tmp_path}/link:/dev/host")])]
    assert "host/null" in found
    assert not [path for path in found if path.split("/")[1] in {"pts", "ptmx", "shm"}]


def test_device_that_is_missing_or_none_is_refused(tmp_path: Path) -> None:
    """The message names the path as it was given."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for name, why in (
        ("file", "it is no device, nor a directory of devices"),
        ("empty", "it is no device, nor a directory of devices"),
        ("gone", "No such file or directory"),
        ("loop", "Too many levels of symbolic links"),
    ):
        with pytest.raises(UsageError) as caught:
            devices.nodes([parse_device(f"{tmp_path}/{name}:/dev/x")])
        assert str(caught.value) == f"cannot pass device {tmp_path}/{name}: {why}"


def test_all_nodes_are_the_devices_of_the_host_but_those_of_each_container() -> None:
    """No terminals of the host, no null a second time; what find sees else is there."""
    streams = ["fd", "stderr", "stdin", "stdout", "console", "tty", "ptmx", "pts"]
    own = [*streams, "mqueue", "shm", "null", "zero", "full", "random", "urandom"]
    pruned = [word for name in own for word in ("-path", f"/dev/{name}", "-prune", "-o")]
    command = ["find", "/dev", *pruned, "(", "-type", "c", "-o", "-type", "b", ")", "-printf", r"%P\n"]
    expected = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert [node.path for node in devices.all_nodes()] == sorted(expected, key=lambda path: path.split("/"))
