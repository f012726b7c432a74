"""Many containers in networks: each its own address, all found by name, and everything as before when they are gone."""

from __future__ import annotations

import concurrent.futures
import json
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.netns import Inside, fetch

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("nft", "ip")
NOTHING: dict[str, list[str]] = {"links": [], "tables": [], "leases": [], "ports": [], "tasks": []}
GREET = ("nc", "-ll", "-p", "80", "-e", "hostname")


def kernel() -> dict[str, str]:
    """Return the interfaces, addresses, routes and rules of the host that we are on, but for what comes and goes."""
    links = [
        f"{link['ifname']} {link.get('master')} {link['address']} {link['mtu']}"
        for link in json.loads(shown("ip", "-json", "link"))
    ]
    routes = shown("ip", "route").replace(" linkdown", "")  # a bridge with no port in it for the moment
    return {"links": "\n".join(links), "routes": routes, "rules": shown("nft", "list", "ruleset")}


def shown(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_hundred_containers_in_one_network(quilt: Quilt) -> None:
    """100 are started eight at a time: distinct addresses, every name known to all, and data both ways."""
    quilt.ok("network", "create", "mesh")

    def run(number: int) -> str:
        options = ("--network", "mesh", "--network-alias", f"alias{number}", "--hostname", f"h{number}")
        return quilt.ok("run", "-d", "--name", f"c{number}", *options, "box", *GREET, timeout=120)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(100)))
    rows = quilt.sql("SELECT ip, mac, state FROM network_allocations")
    assert len({row["ip"] for row in rows}) == len({row["mac"] for row in rows}) == 100
    assert {row["state"] for row in rows} == {"active"}
    chance = random.Random(5)
    for asker, asked in ((chance.randrange(100), chance.randrange(100)) for _ in range(20)):
        name = chance.choice((f"c{asked}", f"alias{asked}"))
        assert quilt.ok("exec", f"c{asker}", "nc", "-w", "5", name, "80") == f"h{asked}", (asker, name)
    for reader in (0, 50, 99):
        names = {
            line.split()[1] for line in quilt.ok("exec", f"c{reader}", "cat", "/etc/hosts").splitlines() if "\t" in line
        }
        assert {f"c{number}" for number in range(100) if number != reader} <= names
    address = quilt.inspect("c7")["NetworkSettings"]["Networks"]["mesh"]["IPAddress"]
    seven, eight = (Inside(quilt.inspect(name)["State"]["Pid"]) for name in ("c7", "c8"))
    seven.serve(53, "datagram", kind="udp")
    assert eight.fetch(address, 53, kind="udp").startswith("datagram 10.89.0.")
    seven.close()
    eight.close()
    quilt.ok("rm", "-f", "-a", timeout=120)
    quilt.ok("network", "rm", "mesh")
    quilt.eventually(lambda: quilt.network_traces() == NOTHING)


def test_two_hundred_and_fifty_containers_come_and_go(quilt: Quilt) -> None:
    """Some with ports, some with policies, some ended by force: leases, rules and interfaces end as they began."""
    quilt.ok("network", "create", "mesh")
    quilt.ok("run", "-d", "--name", "stays", "--hostname", "stays", "--network", "mesh", "-p", "8080:80", "box", *GREET)
    quilt.ok("run", "--rm", "--egress", "deny", "box", "true")  # the first policy makes a table, which stays
    quilt.eventually(lambda: len(quilt.network_traces()["links"]) == 3)
    before, leases = kernel(), quilt.sql("SELECT * FROM network_allocations")

    def live(number: int) -> None:
        kinds = ((), ("-p", f"{9000 + number}:80"), ("--egress", "deny"), ("--network", "mesh"), ("--network", "none"))
        options = ("--name", f"c{number}", *kinds[number % 5])
        if number % 3:
            quilt.ok("run", "--rm", *options, "box", "true", timeout=120)
        else:
            quilt.ok("run", "-d", *options, "box", "sleep", "1000", timeout=120)
            quilt.ok("rm", "-f", f"c{number}", timeout=120)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(live, range(250)))
    quilt.eventually(lambda: kernel()["links"] == before["links"], seconds=30)
    assert kernel() == before
    assert quilt.sql("SELECT * FROM network_allocations") == leases
    assert (fetch("127.0.0.1", 8080), quilt.ok("gc")) == ("stays\n", "")
