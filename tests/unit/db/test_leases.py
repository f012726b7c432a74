"""Leases: an address is one container's, comes back last, and takes the ports of the host with it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.db import containers, lease_views, leases, networks
from quiltctl.model.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.db.memberships import Membership
    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

    Add = Callable[..., str]
    Make = Callable[..., Network]
    Join = Callable[..., Membership]
    Lease = Callable[..., str]


@pytest.fixture
def lease(quilt_root: Paths, connection: sqlite3.Connection, add: Add, join: Join) -> Lease:
    """Give a function that makes the container of a number lease an address, and returns the address."""

    def lease_address(number: int, network: Network, **given: Any) -> str:
        ports, egress = given.pop("ports", ()), given.pop("egress", None)
        container_id = f"{number:064x}"
        if containers.get(connection, container_id) is None:
            add(number)
        member = join(container_id, network, **given)
        now = networks.get(connection, network.id)
        assert now is not None
        leases.lease(quilt_root, connection, now, member, ports=ports, egress=egress)
        found = [one.ip for one in leases.of_network(connection, network.id) if one.container_id == container_id]
        return found[-1]

    return lease_address


def port(host_port: int, host_ip: str = "", protocol: str = "tcp") -> dict[str, Any]:
    """Return a port to publish."""
    return {"host_ip": host_ip, "host_port": host_port, "container_port": 80, "protocol": protocol}


def test_addresses_follow_the_gateway_in_order(network: Make, lease: Lease) -> None:
    """The first container gets the address after the gateway, the next the next."""
    app = network(1)
    assert [lease(number, app) for number in range(1, 4)] == ["10.1.0.2", "10.1.0.3", "10.1.0.4"]


def test_freed_address_comes_last(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """An address is given again only when all others have had their turn: late packets find nobody."""
    app = network(1, subnet="10.1.0.0/29")
    first = [lease(number, app) for number in range(1, 4)]
    leases.release(connection, f"{2:064x}")
    assert first == ["10.1.0.2", "10.1.0.3", "10.1.0.4"]
    assert [lease(number, app) for number in range(4, 7)] == ["10.1.0.5", "10.1.0.6", "10.1.0.3"]


def test_no_address_left_is_told(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """Neither the gateway nor the addresses of the subnet itself are given; then there are no more."""
    app = network(1, subnet="10.1.0.0/29", gateway="10.1.0.4")
    given = [lease(number, app) for number in range(1, 6)]
    assert given == [f"10.1.0.{host}" for host in (1, 2, 3, 5, 6)]
    with pytest.raises(errors.Conflict, match="no address is left in network n1"):
        lease(6, app)
    leases.release(connection, f"{3:064x}")
    assert lease(7, app) == "10.1.0.3"


def test_lease_in_wait_of_cleanup_keeps_its_address(
    connection: sqlite3.Connection, network: Make, lease: Lease
) -> None:
    """While something in the kernel may still lead there, nobody else gets it."""
    app = network(1, ip_range="10.1.0.9-10.1.0.9")
    lease(1, app)
    leases.release(connection, f"{1:064x}", cleaned=False)
    with pytest.raises(errors.Conflict, match="no address is left"):
        lease(2, app)
    leases.release(connection, f"{1:064x}")
    assert lease(3, app) == "10.1.0.9"


def test_range_bounds_what_is_picked(network: Make, lease: Lease) -> None:
    """With a range, addresses outside of it are given to those alone who ask for them."""
    app = network(1, ip_range="10.1.0.20-10.1.0.21", last_leased="10.1.0.200")
    assert [lease(1, app), lease(2, app, ip="10.1.0.99"), lease(3, app)] == ["10.1.0.20", "10.1.0.99", "10.1.0.21"]


def test_address_asked_for_is_given_once(network: Make, lease: Lease) -> None:
    """Who asks for an address gets it or hears who has it, and does not move the others' turn."""
    app = network(1)
    assert [lease(1, app, ip="10.1.0.100"), lease(2, app)] == ["10.1.0.100", "10.1.0.2"]
    with pytest.raises(errors.Conflict, match=r"10\.1\.0\.100 of network n1 is taken by container c1"):
        lease(3, app, ip="10.1.0.100")
    with pytest.raises(errors.Conflict, match="taken by the network's gateway"):
        lease(4, app, ip="10.1.0.1")


def test_ipv6_goes_with_ipv4(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """An address of IPv6 is as far in its subnet as that of IPv4; who asks gets another, and is jumped over."""
    app = network(1, subnet6="fd00::/64", gateway6="fd00::1")
    lease(1, app)
    lease(2, app, ip6="fd00::4")
    lease(3, app)
    pairs = [(one.ip, one.ip6) for one in leases.of_network(connection, app.id)]
    assert pairs == [("10.1.0.2", "fd00::2"), ("10.1.0.3", "fd00::4"), ("10.1.0.5", "fd00::5")]
    with pytest.raises(errors.Conflict, match="fd00::4 of network n1 is taken by container c2"):
        lease(4, app, ip6="fd00::4")


def test_hardware_address_goes_with_the_address(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """It is made from the address, so that no neighbour's cache is wrong, unless another one was asked for."""
    app = network(1)
    lease(1, app)
    lease(2, app, mac="02:00:00:00:00:09")
    assert [one.mac for one in leases.of_network(connection, app.id)] == ["02:42:0a:01:00:02", "02:00:00:00:00:09"]


def test_endpoint_is_lease_and_network(
    quilt_root: Paths, connection: sqlite3.Connection, network: Make, lease: Lease
) -> None:
    """Who makes the wire gets all of it in one value, the networks in the container's order."""
    app = network(1, mtu=1400, nat=0)
    back = network(2, subnet6="fd00::/64", gateway6="fd00::1", internal=1)
    lease(1, back, egress=("10.0.0.0/8",))
    lease(1, app, ports=(port(80),))
    first, second = lease_views.endpoints_of(connection, f"{1:064x}")
    assert first.to_dict().items() >= {
        "lease_id": 1, "container_id": f"{1:064x}", "network": "n2", "bridge": "b2", "subnet": "10.2.0.0/24",
        "gateway": "10.2.0.1", "subnet6": "fd00::/64", "gateway6": "fd00::1", "mtu": 0, "nat": True, "internal": True,
        "host_interface": quilt_root.host_interface(1), "interface": "eth0", "ip": "10.2.0.2", "ip6": "fd00::2",
        "mac": "02:42:0a:02:00:02", "ports": (), "egress": ("10.0.0.0/8",),
    }.items()  # fmt: skip
    assert isinstance(second, Endpoint)
    assert (second.network, second.nat, second.internal, second.ip6, second.interface) == (
        "n1",
        False,
        False,
        "",
        "eth1",
    )
    assert (second.ports, second.egress, second.mtu) == ((port(80),), None, 1400)
    assert lease_views.endpoints(connection) == (first, second)


def test_interfaces_never_have_a_name_again(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """A dying interface keeps its name for a while: the next lease is another number, whatever was deleted."""
    app = network(1)
    names = set()
    for number in range(1, 4):
        lease(number, app)
        names |= {one.host_interface for one in lease_views.endpoints(connection)}
        leases.release(connection, f"{number:064x}")
        containers.delete(connection, f"{number:064x}", 0)
    assert len(names) == 3
    assert connection.execute("SELECT count(*) FROM network_allocations").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("taken", "asked"),
    [
        (port(80), port(80)),
        (port(80), port(80, "10.0.0.1")),
        (port(80, "10.0.0.1"), port(80)),
        (port(80, "10.0.0.1"), port(80, "10.0.0.1")),
        (port(53, protocol="udp"), port(53, "::1", "udp")),
    ],
)
def test_port_conflict_names_the_owner(
    connection: sqlite3.Connection, network: Make, lease: Lease, taken: dict[str, Any], asked: dict[str, Any]
) -> None:
    """A port of all addresses is taken by one of any; who has it is said, and nothing of the second is written."""
    app = network(1)
    lease(1, app, ports=(taken,))
    with pytest.raises(errors.AddressInUse, match="is taken by container c1: address already in use"):
        lease(2, app, ports=(asked,))
    assert [one.container_id for one in leases.of_network(connection, app.id)] == [f"{1:064x}"]


def test_ports_apart_do_not_conflict(network: Make, lease: Lease) -> None:
    """Another port, another protocol or another address of the host is another one's."""
    app = network(1)
    for number, one in enumerate((port(80, "10.0.0.1"), port(80, "10.0.0.2"), port(81), port(80, protocol="udp"))):
        assert lease(number + 1, app, ports=(one,))


def test_ports_are_returned_with_the_lease(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """A trigger takes the ports and gives them back, once nothing leads to them any more."""
    app = network(1)
    lease(1, app, ports=(port(80), port(443)))
    owner = f"{1:064x}"
    assert leases.port_owner(connection, "tcp", "10.9.9.9", 443) == owner
    leases.release(connection, owner, cleaned=False)
    assert leases.port_owner(connection, "tcp", "", 80) == owner
    leases.release(connection, owner)
    assert leases.port_owner(connection, "tcp", "", 80) is None
    assert connection.execute("SELECT count(*) FROM published_ports").fetchone()[0] == 0
    lease(2, app, ports=(port(80),))


def test_schema_refuses_a_port_twice(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """Whoever writes, a port of the host is one lease's."""
    app = network(1)
    lease(1, app, ports=(port(80),))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute(
            "INSERT INTO network_allocations"
            " (network_id, container_id, ip, mac, host_interface, interface, ports, allocated_at)"
            " VALUES (?, 'c', '10.1.0.77', 'm', 'h', 'eth0', ?, 1)",
            (app.id, json.dumps([port(80)])),
        )


def test_cleaned_lease_is_not_activated(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """Who is late to say that the program runs changes nothing of a lease that is over."""
    app = network(1)
    lease(1, app)
    leases.activate(connection, f"{1:064x}")
    assert [one.state for one in leases.of_network(connection, app.id)] == ["active"]
    leases.release(connection, f"{1:064x}")
    leases.activate(connection, f"{1:064x}")
    leases.release(connection, f"{1:064x}", cleaned=False)
    states = connection.execute("SELECT state, released_at > 0 FROM network_allocations").fetchall()
    assert [tuple(row) for row in states] == [("cleaned", 1)]


def test_release_of_one_network_leaves_the_others(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """Disconnected from one network, a container keeps its address in the other."""
    app, back = network(1), network(2)
    lease(1, app)
    lease(1, back)
    leases.release(connection, f"{1:064x}", app.id)
    assert [one.network for one in lease_views.endpoints_of(connection, f"{1:064x}")] == ["n2"]


def test_egress_is_set_by_one_network_or_all(connection: sqlite3.Connection, network: Make, lease: Lease) -> None:
    """A policy is written to the leases that are meant; an empty one is nothing at all, None is everything."""
    app, back = network(1), network(2)
    lease(1, app)
    lease(1, back)
    lease(2, app)
    leases.set_egress(connection, f"{1:064x}", (), app.id)
    assert [one.egress for one in lease_views.endpoints(connection)] == [(), None, None]
    leases.set_egress(connection, f"{1:064x}", ("10.0.0.0/8",))
    assert [one.egress for one in lease_views.endpoints(connection)] == [("10.0.0.0/8",), ("10.0.0.0/8",), None]
    leases.set_egress(connection, f"{1:064x}", None)
    assert [one.egress for one in lease_views.endpoints(connection)] == [None, None, None]
