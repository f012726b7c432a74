"""The wire of a container, made by our own netlink and judged by pyroute2."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from pyroute2 import IPRoute

from quiltctl import errors
from quiltctl.model.endpoint import Endpoint, mac_of
from quiltctl.paths import Paths
from quiltctl.runtime.linux import netlink, processes
from quiltctl.runtime.network import attach, detach

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.needs("root", "nft"), pytest.mark.usefixtures("own_network")]


PATHS = Paths("/nowhere/root")


def endpoint(number: int = 2, **changed: Any) -> Endpoint:
    """Return an end in the network 10.42.0.0/16, with what is changed."""
    ip = changed.get("ip", f"10.42.0.{number}")
    usual: dict[str, Any] = {
        "lease_id": number,
        "container_id": "c" * 64,
        "network": "quilt0",
        "bridge": "quilt0",
        "subnet": "10.42.0.0/16",
        "gateway": "10.42.0.1",
        "subnet6": "",
        "gateway6": "",
        "mtu": 0,
        "nat": True,
        "internal": False,
        "host_interface": f"quilt-{number}",
        "interface": "eth0",
        "ip": ip,
        "ip6": "",
        "mac": mac_of(ip),
        "ports": (),
        "egress": None,
    }
    return Endpoint(**{**usual, **changed})


SIX: dict[str, Any] = {"subnet6": "fd00:42::/64", "gateway6": "fd00:42::1", "ip6": "fd00:42::2"}


@pytest.fixture
def make_namespace() -> Iterator[Callable[[], int]]:
    """Return a function that makes a network namespace, which lives as long as its descriptor."""
    own_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    made: list[int] = []

    def make() -> int:
        processes.leave(processes.CLONE_NEWNET)
        made.append(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        processes.join(own_fd, processes.CLONE_NEWNET)
        return made[-1]

    yield make
    for fd in (*made, own_fd):
        os.close(fd)


@pytest.fixture
def host() -> Iterator[_socket.socket]:
    """Give a route netlink socket of the namespace that the test is in."""
    opened = netlink.open_socket()
    yield opened
    opened.close()


class Seen:
    """What pyroute2 sees in the namespace that this thread is in."""

    def __init__(self) -> None:
        with IPRoute() as ip:
            self.links = {link.get_attr("IFLA_IFNAME"): link for link in ip.get_links()}
            names = {link["index"]: name for name, link in self.links.items()}
            self.addresses: dict[str, list[str]] = {}
            for found in ip.get_addr():
                text = f"{found.get_attr('IFA_ADDRESS')}/{found['prefixlen']}"
                self.addresses.setdefault(names[found["index"]], []).append(text)
            self.ways_out = {
                route.get_attr("RTA_GATEWAY"): names[route.get_attr("RTA_OIF")]
                for route in ip.get_routes()
                if route["dst_len"] == 0 and route.get_attr("RTA_GATEWAY")
            }

    def fact(self, name: str, attribute: str) -> Any:
        """Return an attribute of an interface."""
        return self.links[name].get_attr(attribute)

    def is_up(self, name: str) -> bool:
        """Return whether an interface is up."""
        return bool(self.links[name]["flags"] & 1)


def seen_inside(netns_fd: int) -> Seen:
    """Return what there is in another namespace."""
    own_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    processes.join(netns_fd, processes.CLONE_NEWNET)
    try:
        return Seen()
    finally:
        processes.join(own_fd, processes.CLONE_NEWNET)
        os.close(own_fd)


def test_attach_makes_the_bridge_with_its_address(make_namespace: Callable[[], int]) -> None:
    """The first container finds no bridge: it comes up with the gateway's address and a hardware address of its own."""
    wire = endpoint()
    attach.connect(PATHS, [wire], make_namespace(), way_out=wire)
    seen = Seen()
    assert seen.is_up("quilt0")
    assert seen.addresses["quilt0"] == ["10.42.0.1/16"]
    assert seen.fact("quilt0", "IFLA_ADDRESS") == "02:42:0a:2a:00:01"
    assert seen.links["quilt0"].get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "bridge"


def test_attach_wires_the_namespace(make_namespace: Callable[[], int]) -> None:
    """Inside there is eth0, up, with the leased addresses and the way out; outside its end is a port of the bridge."""
    netns_fd = make_namespace()
    wire = endpoint()
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    seen, inside = Seen(), seen_inside(netns_fd)
    assert (seen.is_up("quilt-2"), inside.is_up("eth0")) == (True, True)
    assert seen.fact("quilt-2", "IFLA_MASTER") == seen.links["quilt0"]["index"]
    assert inside.addresses["eth0"] == ["10.42.0.2/16"]
    assert inside.fact("eth0", "IFLA_ADDRESS") == "02:42:0a:2a:00:02"
    assert inside.ways_out == {"10.42.0.1": "eth0"}


def test_attach_leaves_a_network_without_ipv6_without_link_local(make_namespace: Callable[[], int]) -> None:
    """No address of IPv6, not even a link's own, lets neighbours or the host be reached past the firewall."""
    netns_fd = make_namespace()
    wire = endpoint()
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    time.sleep(0.1)
    assert [text for text in seen_inside(netns_fd).addresses["eth0"] if ":" in text] == []
    assert [text for text in Seen().addresses["quilt0"] if ":" in text] == []


def test_attach_gives_ipv6_where_the_network_has_it(make_namespace: Callable[[], int]) -> None:
    """Its addresses are used at once, its gateway is the way out, and routes that neighbours offer are not taken."""
    netns_fd = make_namespace()
    wire = endpoint(**SIX)
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    inside = seen_inside(netns_fd)
    assert "fd00:42::2/64" in inside.addresses["eth0"]
    assert inside.ways_out == {"10.42.0.1": "eth0", "fd00:42::1": "eth0"}
    assert "fd00:42::1/64" in Seen().addresses["quilt0"]
    with open("/proc/sys/net/ipv6/conf/quilt0/accept_ra", encoding="ascii") as file:
        assert file.read() == "0\n"


def test_attach_finishes_a_bridge_that_was_left_half_made(
    host: _socket.socket, make_namespace: Callable[[], int]
) -> None:
    """A start that was killed between the bridge and its address costs the next one nothing."""
    netlink.ask(host, [netlink.add_bridge("quilt0", mac_of("10.42.0.1"), 1500)])
    wire = endpoint()
    attach.connect(PATHS, [wire], make_namespace(), way_out=wire)
    assert Seen().addresses["quilt0"] == ["10.42.0.1/16"]


def test_attach_leads_out_by_one_of_several_networks(make_namespace: Callable[[], int]) -> None:
    """There is one default route, by the network that is said."""
    netns_fd = make_namespace()
    first = endpoint(internal=True)
    other = {"network": "b", "bridge": "quilt1", "subnet": "10.89.0.0/24", "gateway": "10.89.0.1"}
    second = endpoint(3, interface="eth1", ip="10.89.0.3", **other)
    attach.connect(PATHS, [first, second], netns_fd, way_out=second)
    inside = seen_inside(netns_fd)
    assert (inside.addresses["eth0"], inside.addresses["eth1"]) == (["10.42.0.2/16"], ["10.89.0.3/24"])
    assert inside.ways_out == {"10.89.0.1": "eth1"}


def test_attach_takes_the_packet_size_of_the_way_out(make_namespace: Callable[[], int]) -> None:
    """Where the host's own way out takes smaller packets, as in a tunnel, containers begin with such."""
    with IPRoute() as ip:
        ip.link("add", ifname="up0", kind="bridge", mtu=1400)
        index = ip.link_lookup(ifname="up0")[0]
        ip.addr("add", index=index, address="192.0.2.2", prefixlen=24)
        ip.link("set", index=index, state="up")
        ip.route("add", dst="default", gateway="192.0.2.1")
    netns_fd = make_namespace()
    wire = endpoint()
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    seen = Seen()
    sizes = [seen.fact(name, "IFLA_MTU") for name in ("quilt0", "quilt-2")]
    assert [*sizes, seen_inside(netns_fd).fact("eth0", "IFLA_MTU")] == [1400, 1400, 1400]


def test_attach_takes_the_packet_size_of_the_network(make_namespace: Callable[[], int]) -> None:
    """What the network was made with wins, and may be larger than usual."""
    wire = endpoint(mtu=9000)
    netns_fd = make_namespace()
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    assert seen_inside(netns_fd).fact("eth0", "IFLA_MTU") == 9000


def test_attach_refuses_a_subnet_that_the_host_has_by_now(make_namespace: Callable[[], int]) -> None:
    """After a reboot the host may have got a route into it: then no bridge is made."""
    with IPRoute() as ip:
        ip.link("add", ifname="vpn0", kind="bridge")
        index = ip.link_lookup(ifname="vpn0")[0]
        ip.link("set", index=index, state="up")
        ip.addr("add", index=index, address="10.42.7.1", prefixlen=24)
    wire = endpoint()
    with pytest.raises(errors.Conflict, match=r"overlaps with 10\.42\.7\.0/24.*vpn0"):
        attach.connect(PATHS, [wire], make_namespace(), way_out=wire)
    assert "quilt0" not in Seen().links


def test_the_wire_dies_with_its_namespace() -> None:
    """Nobody has to remove it."""
    own_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    processes.leave(processes.CLONE_NEWNET)
    netns_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    processes.join(own_fd, processes.CLONE_NEWNET)
    wire = endpoint()
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    assert "quilt-2" in Seen().links
    os.close(netns_fd)
    deadline = time.monotonic() + 10
    while "quilt-2" in Seen().links:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_detach_takes_the_wire_away(make_namespace: Callable[[], int]) -> None:
    """It is gone on both sides at once; a second time there is nothing to do."""
    netns_fd = make_namespace()
    wire = endpoint()
    attach.connect(PATHS, [wire], netns_fd, way_out=wire)
    detach.detach(wire)
    detach.detach(wire)
    assert ("quilt-2" in Seen().links, "eth0" in seen_inside(netns_fd).links) == (False, False)


def test_attach_by_sixteen_at_once_makes_one_bridge() -> None:
    """All find it, whoever has made it."""
    children = []
    for number in range(2, 18):
        pid = os.fork()
        if pid == 0:
            own_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            processes.leave(processes.CLONE_NEWNET)
            netns_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            processes.join(own_fd, processes.CLONE_NEWNET)
            try:
                wire = endpoint(number)
                attach.connect(PATHS, [wire], netns_fd, way_out=wire)
                fine = seen_inside(netns_fd).addresses["eth0"] == [f"10.42.0.{number}/16"]
            finally:
                os._exit(0 if fine else 1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 16
    assert [name for name in Seen().links if name.startswith("quilt") and "-" not in name] == ["quilt0"]


def test_ask_names_what_was_refused(host: _socket.socket) -> None:
    """An error carries the request's subject, and the others were asked all the same."""
    with pytest.raises(OSError, match="port nosuch") as caught:
        netlink.ask(host, [netlink.set_master("nosuch", 7), netlink.add_bridge("quilt9", "02:42:00:00:00:01", 1500)])
    assert caught.value.errno == errno.ENODEV
    assert "quilt9" in Seen().links


def test_index_of_what_is_not_there_is_zero(host: _socket.socket) -> None:
    """Asking is no error."""
    assert (netlink.index_of(host, "nosuch"), netlink.mtu_of(host, "nosuch")) == (0, 0)
    assert netlink.index_of(host, "lo") == socket.if_nametoindex("lo")
