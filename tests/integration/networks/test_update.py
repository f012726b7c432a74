"""`network update --egress` against a kernel: it is in force at once for those that run, and for no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import lease_views, networks
from quiltctl.errors import KernelError
from tests.interfaces import nft, policies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Call = Callable[..., int]
    Start = Callable[..., Any]

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")

OWN = ["ip daddr 10.1.0.0-10.1.255.255 accept", "goto refuse"]
TEN = ["ip daddr 10.0.0.0-10.255.255.255 accept", "goto refuse"]
DENY = ["goto refuse"]


def egress(connection: sqlite3.Connection, network: Network) -> Any:
    """Return what a network says now of where its containers may speak to."""
    now = networks.get(connection, network.id)
    assert now is not None
    return json.loads(now.config)["egress"]


@pytest.fixture
def _connected(call: Call, start: Start, app: Network, back: Network) -> None:
    """Run web, in app and back, and own, in app, which has a policy of its own."""
    start("web")
    start("own", egress=("10.1.0.0/16",))
    for network, name in ((app, "web"), (app, "own"), (back, "web")):
        call("network_connect", network.name, name)


@pytest.mark.usefixtures("_connected")
def test_update_of_egress_reaches_who_runs(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, app: Network
) -> None:
    """Those in the network that have no policy of their own, by this network alone, and those that start later."""
    assert call("network_update", "--egress", "deny", "app") == 0
    assert egress(database, app) == []
    assert policies(quilt_root) == {
        "10.7.0.2": DENY, "fd00:7::2": DENY, "10.7.0.3": OWN, "fd00:7::3": OWN, "10.8.0.2": TEN,
    }  # fmt: skip
    assert {(one.network, one.ip): one.egress for one in lease_views.endpoints(database)} == {
        ("app", "10.7.0.2"): (),
        ("app", "10.7.0.3"): ("10.1.0.0/16",),
        ("back", "10.8.0.2"): ("10.0.0.0/8",),
    }


@pytest.mark.usefixtures("_connected")
def test_update_to_all_takes_the_policy_away(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, back: Network
) -> None:
    """Nothing holds those that it held any more; what others are held to stays."""
    assert call("network_update", "--egress", "all", "back") == 0
    assert egress(database, back) is None
    assert policies(quilt_root) == {"10.7.0.3": OWN, "fd00:7::3": OWN}


@pytest.mark.usefixtures("_connected")
def test_update_that_the_kernel_refuses_is_kept_for_gc(
    call: Call, quilt_root: Paths, database: sqlite3.Connection, back: Network
) -> None:
    """The rows say what shall be, and the policy that was in force is so still."""
    table = f"inet {quilt_root.nft_table}"
    chain = next(one.host_interface for one in lease_views.endpoints(database) if one.network == "back")
    nft(f"add chain {table} stranger", f"add rule {table} stranger jump only-{chain}")
    with pytest.raises(KernelError, match="busy"):  # somebody else's rule leads to the chain of its policy
        call("network_update", "--egress", "all", "back")
    assert egress(database, back) is None
    assert policies(quilt_root)["10.8.0.2"] == TEN
