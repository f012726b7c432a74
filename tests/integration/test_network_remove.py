"""`network rm` against a kernel: in a network namespace of its own, since the bridge is real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from quiltctl.paths import Paths

pytestmark = pytest.mark.needs("root")

COMMAND = str(Path(sys.executable).with_name("quiltctl"))
PRELUDE = """
import json, os, signal, subprocess, sys
from pyroute2 import IPRoute
from quiltctl.db import cleanup, networks
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle import create_network

paths, command = Paths(sys.argv[1]), sys.argv[2]


def quilt(*words):
    done = subprocess.run([command, "--root", paths.root, *words], capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr]


def links():
    with IPRoute() as ip:
        return sorted(link.get_attr("IFLA_IFNAME") for link in ip.get_links())


def add(name, kind="bridge", **more):
    with IPRoute() as ip:
        ip.link("add", ifname=name, kind=kind, **more)


def left():
    connection = open_to_read(paths)
    return [len(networks.list_all(connection)), [task.state for task in cleanup.open_tasks(connection)]]


for name in ("app", "back"):
    quilt("network", "create", name)
before = links()
"""
REMOVAL = """
add(paths.bridge(1))
add(paths.bridge(2))
code = quilt("network", "rm", "app")
print(json.dumps([code, links() == sorted([*before, paths.bridge(2)]), left()]))
"""
STRANGER = """
add(paths.bridge(1), kind="veth", peer="other")
print(json.dumps([quilt("network", "rm", "app"), links() == sorted([*before, paths.bridge(1), "other"]), left()]))
"""
KILLED = """
from quiltctl.runtime.lifecycle import apply_network, remove_network

add(paths.bridge(1))
child = os.fork()
if child == 0:
    apply_network.remove_bridge = lambda bridge: os.kill(os.getpid(), signal.SIGKILL)
    connection = open_to_write(paths)
    remove_network.remove_network(paths, connection, networks.named(connection, "app"))
os.waitpid(child, 0)
between = left()
third = quilt("network", "create")[1].strip()
code = quilt("gc")[0]
print(json.dumps([between, third == paths.bridge(3), code, links() == before, left()]))
"""


def in_namespace(paths: Paths, script: str) -> Any:
    """Run a script in a network namespace of its own and return what it found."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-P", "-W", "ignore", "-c", PRELUDE + script, paths.root, COMMAND],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rm_takes_the_bridge_away(quilt_root: Paths) -> None:
    """The network's own, and no other; nothing is left to be done."""
    assert in_namespace(quilt_root, REMOVAL) == [[0, "app\n", ""], True, [1, []]]


def test_rm_leaves_what_is_no_bridge(quilt_root: Paths) -> None:
    """An interface that has the name and is none of ours stays: the network goes without it."""
    assert in_namespace(quilt_root, STRANGER) == [[0, "app\n", ""], True, [1, []]]


def test_rm_killed_before_the_bridge_went_is_finished_by_gc(quilt_root: Paths) -> None:
    """Between row and bridge a task remains; until gc has done it nobody gets the bridge's name."""
    assert in_namespace(quilt_root, KILLED) == [[1, ["pending"]], True, 0, True, [2, []]]
