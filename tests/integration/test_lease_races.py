"""Many processes that make networks and lease addresses at the same moment: none gets what another one has."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from quiltctl.db import lease_views, networks
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.runtime.lifecycle import create_network

if TYPE_CHECKING:
    from quiltctl.paths import Paths

PROCESSES = 16
ROUNDS = 12
PRELUDE = """
import sys
from quiltctl import errors
from quiltctl.db import containers, leases, memberships, networks
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.db.memberships import Membership
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle import create_network

paths, number, rounds = Paths(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()
connection = open_to_write(paths)


def add(turn):
    container_id = f"{number:032x}{turn:032x}"
    containers.insert(
        connection, container_id=container_id, name=f"c-{number}-{turn}", image_id=None, image_name="busybox",
        command="[]", config="{}", auto_remove=False, labels={},
    )
    return container_id


"""
LESSEE = """
for turn in range(rounds):
    with transaction(connection):
        app = networks.named(connection, "app")
        member = Membership(add(turn), app.id, 0, "eth0", None, None, None, "[]")
        memberships.insert(connection, member)
        port = {"host_ip": "", "host_port": 1 + number * rounds + turn, "container_port": 80, "protocol": "tcp"}
        leases.lease(paths, connection, app, member, ports=(port,))
    if turn % 3 == 0:
        with transaction(connection):
            leases.release(connection, member.container_id)
print("done")
"""
PORT_RACER = """
with transaction(connection):
    app = networks.named(connection, "app")
    member = Membership(add(0), app.id, 0, "eth0", None, None, None, "[]")
    memberships.insert(connection, member)
try:
    with transaction(connection):
        port = {"host_ip": "", "host_port": 80, "container_port": 80, "protocol": "tcp"}
        leases.lease(paths, connection, networks.named(connection, "app"), member, ports=(port,))
    print("mine")
except errors.AddressInUse:
    print("taken")
"""
FOUNDER = """
with transaction(connection):
    create_network.default(paths, connection, ())
for turn in range(rounds):
    with transaction(connection):
        create_network.create(paths, connection, routes=(), ipv6=True)
print("done")
"""


def race(paths: Paths, script: str) -> list[str]:
    """Start processes of a script, let all go at the same moment, and return what each printed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", PRELUDE + script, paths.root, str(number), str(ROUNDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].strip() for process in started]


def with_network(paths: Paths) -> None:
    """Make the network that the processes race for."""
    connection = open_to_write(paths)
    with transaction(connection):
        create_network.create(paths, connection, "app", routes=())


def test_racing_leases_are_all_different(quilt_root: Paths) -> None:
    """192 leases by 16 processes, a third of them returned in between, of the 253 addresses of a /24."""
    with_network(quilt_root)
    assert race(quilt_root, LESSEE) == ["done"] * PROCESSES
    found = lease_views.endpoints(open_to_read(quilt_root))
    kept = PROCESSES * (ROUNDS - len(range(0, ROUNDS, 3)))
    assert (len(found), len({one.ip for one in found}), len({one.host_interface for one in found})) == (kept,) * 3
    ports = [(one["host_port"]) for endpoint in found for one in endpoint.ports]
    assert len(set(ports)) == kept


def test_racing_for_a_port_has_one_winner(quilt_root: Paths) -> None:
    """Of sixteen that publish the same port one has it, and the others have no lease at all."""
    with_network(quilt_root)
    assert sorted(race(quilt_root, PORT_RACER)) == ["mine", *["taken"] * (PROCESSES - 1)]
    assert len(lease_views.endpoints(open_to_read(quilt_root))) == 1


def test_racing_networks_are_apart(quilt_root: Paths) -> None:
    """The default network is made once; the others have bridges, names and subnets of their own, of both versions."""
    assert race(quilt_root, FOUNDER) == ["done"] * PROCESSES
    found = networks.list_all(open_to_read(quilt_root))
    count = PROCESSES * ROUNDS
    assert [(one.name, one.subnet) for one in found if one.subnet6 is None] == [("quilt0", "10.42.0.0/16")]
    others = [one for one in found if one.subnet6 is not None]
    for facts in ("name", "bridge", "subnet", "subnet6"):
        assert len({getattr(one, facts) for one in others}) == count
    assert {one.subnet for one in others} == {f"10.89.{number}.0/24" for number in range(count)}
