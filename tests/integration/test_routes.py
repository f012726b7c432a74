"""What the host's routes lead to, read in a network namespace whose routes are known."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.needs("root")

SCRIPT = """
import json, socket
from pyroute2 import IPRoute
from quiltctl.runtime.network.routes import host_links, host_subnets, uplink

with IPRoute() as ip:
    def up(name):
        ip.link("add", ifname=name, kind="bridge")
        index = ip.link_lookup(ifname=name)[0]
        ip.link("set", index=index, state="up")
        return index

    before = [uplink(), host_subnets()]
    ip.link("set", index=1, state="up")
    one, two = up("one"), up("two")
    ip.addr("add", index=one, address="10.7.0.1", prefixlen=24)
    ip.addr("add", index=two, address="fd00:7::1", prefixlen=64, flags=2)
    ip.route("add", dst="default", gateway="10.7.0.254")
    ip.route("add", dst="172.16.0.0/12", gateway="10.7.0.9")
    ip.route("add", dst="0.0.0.0/1", gateway="10.7.0.9")
    ip.route("add", dst="128.0.0.0/1", gateway="10.7.0.9")
    found = sorted({(str(subnet), interface) for subnet, interface in host_subnets()})
    links = sorted(host_links() & {"lo", "one", "two", "three"})
    print(json.dumps({"before": before, "found": found, "uplink": uplink(), "links": links}))
"""


def test_routes_are_told_without_the_way_out() -> None:
    """Where the host's own routes lead, by interface; neither the default, nor its halves, nor what everyone has."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-P", "-W", "ignore", "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "before": ["", []],
        "found": [
            ["10.7.0.0/24", "one"],
            ["172.16.0.0/12", "one"],
            ["fd00:7::/64", "two"],
            ["fd00:7::1/128", "two"],
        ],
        "uplink": "one",
        "links": ["lo", "one", "two"],
    }
