"""Networks as a user meets them: who reaches whom, by which address and which name, and what may not be reached."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.netns import HOST, OUTSIDE, Inside, fetch

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt
    from tests.netns import Namespace

pytestmark = pytest.mark.needs("nft")
HOST_LOCAL = "10.42.0.1"
"""The host, as containers of the first default network see it."""
GREET = ("nc", "-ll", "-p", "80", "-e", "hostname")
"""A server that says who it is."""


def ask(quilt: Quilt, container: str, address: str, port: int = 80) -> str:
    """Return what a container hears from a port, or nothing."""
    return quilt("exec", container, "nc", "-w", "2", address, str(port)).stdout.strip()


def address_of(quilt: Quilt, container: str, network: str = "quilt0") -> str:
    """Return a container's address in a network."""
    found: str = quilt.inspect(container)["NetworkSettings"]["Networks"][network]["IPAddress"]
    return found


def forwarding() -> str:
    """Return whether the host that we are on passes packets on."""
    with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as file:
        return file.read().strip()


def test_the_default_network_leads_out(quilt: Quilt, outside: Namespace) -> None:
    """A container has an address of 10.42.0.0/16, and what is outside hears the host's address."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    assert quilt.ok("run", "--rm", "box", "nc", "-w", "2", OUTSIDE, "8000") == f"welcome {HOST}"
    shown = quilt.ok("run", "--rm", "box", "ip", "-o", "-4", "addr", "show", "eth0")
    assert shown.split()[3] == "10.42.0.3/16"


def test_the_host_passes_packets_on_only_when_it_has_to(quilt: Quilt) -> None:
    """No container without a network switches it on, nor one in an internal one; one in the default network does."""
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("0")  # a new namespace may begin as the machine's own is
    quilt.ok("network", "create", "--internal", "closed")
    quilt.ok("run", "--rm", "--network", "none", "box", "true")
    quilt.ok("run", "--rm", "--network", "closed", "box", "true")
    assert forwarding() == "0"
    quilt.ok("run", "--rm", "box", "true")
    assert forwarding() == "1"


@pytest.mark.usefixtures("outside")
def test_a_published_port_is_reached_from_everywhere(quilt: Quilt, outside: Namespace) -> None:
    """From outside, from the host by each of its addresses, from a neighbour, and by the container itself."""
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", "-p", "8080:80", "box", *GREET)
    quilt.ok("run", "-d", "--name", "other", "box", "sleep", "1000")
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "far", "--network", "blue", "box", "sleep", "1000")
    assert outside.fetch(HOST, 8080) == "web\n"
    assert [fetch(address, 8080) for address in (HOST, "127.0.0.1", "10.42.0.1")] == ["web\n"] * 3
    assert [ask(quilt, name, HOST, 8080) for name in ("other", "web", "far")] == ["web"] * 3
    assert quilt.ok("port", "web") == "80/tcp -> 0.0.0.0:8080"


def test_a_published_port_of_udp_is_reached(quilt: Quilt, outside: Namespace) -> None:
    """A datagram goes in, and its answer comes out."""
    quilt.ok("run", "-d", "--name", "dns", "-p", "5353:53/udp", "box", "sleep", "1000")
    container = Inside(quilt.inspect("dns")["State"]["Pid"])
    container.serve(53, "answer", kind="udp")
    assert outside.fetch(HOST, 5353, kind="udp") == f"answer {OUTSIDE}"
    container.close()


def test_a_published_port_of_one_address_is_not_one_of_others(quilt: Quilt, outside: Namespace) -> None:
    """-p 127.0.0.1:8080:80 is for the host alone."""
    quilt.ok("run", "-d", "-p", "127.0.0.1:8080:80", "--hostname", "web", "box", *GREET)
    assert (fetch("127.0.0.1", 8080), outside.fetch(HOST, 8080)) == ("web\n", "refused")


def test_a_port_that_is_taken_is_126_before_anything_is_made(quilt: Quilt) -> None:
    """By another container, who is named, or by any program; and it is free again when its holder has ended."""
    quilt.ok("run", "-d", "--name", "web", "-p", "8080:80", "box", *GREET)
    done = quilt("run", "-d", "--name", "late", "-p", "8080:80", "box", "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        126,
        "Error: cannot publish port 8080/tcp: address already in use by container web",
    )
    with socket.create_server(("0.0.0.0", 8081)):  # noqa: S104 (in a network of the test's own)
        done = quilt("run", "-d", "--name", "late", "-p", "8081:80", "box", "true")
    assert (done.returncode, "address already in use" in done.stderr) == (126, True)
    assert quilt.ok("ps", "-a", "--format", "{{.Names}}") == "web"
    quilt.ok("rm", "-f", "web")
    quilt.ok("run", "--rm", "-p", "8080:80", "-p", "8081:80", "box", "true")


def test_a_port_is_kept_from_other_programs(quilt: Quilt) -> None:
    """While the container runs, nobody on the host can listen there; afterwards anybody can."""
    quilt.ok("run", "-d", "--name", "web", "-p", "8080:80", "box", *GREET)
    with pytest.raises(OSError, match="in use"), socket.create_server(("", 8080)):
        pass
    quilt.ok("stop", "-t", "0", "web")
    socket.create_server(("", 8080)).close()


def test_a_stopped_container_gets_its_port_again(quilt: Quilt) -> None:
    """Started again it publishes the same port; one of the kernel's choosing is chosen anew."""
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", "-p", "8080:80", "-p", "81", "box", *GREET)
    quilt.ok("stop", "-t", "0", "web")
    assert quilt.inspect("web")["NetworkSettings"]["IPAddress"] == ""
    quilt.ok("start", "web")
    chosen = quilt.ok("port", "web", "81").rpartition(":")[2]
    assert (fetch("127.0.0.1", 8080), int(chosen) > 1024) == ("web\n", True)


def test_a_hundred_megabytes_come_out_whole(quilt: Quilt, outside: Namespace) -> None:
    """What a client outside downloads from a published port is what the container has, to the last byte."""
    quilt.ok("run", "-d", "--name", "web", "-p", "8080:80", "box", "httpd", "-f", "-p", "80", "-h", "/tmp")
    quilt.ok("exec", "web", "sh", "-c", "head -c 104857600 /dev/urandom >/tmp/data")
    wanted = quilt.ok("exec", "web", "sha256sum", "/tmp/data").split()[0]

    def download() -> tuple[int, str]:
        with urllib.request.urlopen(f"http://{HOST}:8080/data", timeout=60) as answer:
            data = answer.read()
        return len(data), hashlib.sha256(data).hexdigest()

    assert outside.call(download) == (100 << 20, wanted)


def test_addresses_and_hardware_addresses_can_be_asked_for(quilt: Quilt) -> None:
    """--ip and --mac-address are honoured, and an address that is taken is refused, naming who has it."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/24", "blue")
    asked = ("--network", "blue", "--ip", "10.77.0.50", "--mac-address", "02:00:00:00:00:07")
    quilt.ok("run", "-d", "--name", "a", *asked, "box", "sleep", "1000")
    shown = quilt.ok("exec", "a", "ip", "addr", "show", "eth0")
    assert ("10.77.0.50/24" in shown, "02:00:00:00:00:07" in shown) == (True, True)
    done = quilt("run", "--rm", "--network", "blue", "--ip", "10.77.0.50", "box", "true")
    assert done.stderr.splitlines()[0] == "Error: the address 10.77.0.50 of network blue is taken by container a"


def test_freed_addresses_are_given_out_last(quilt: Quilt) -> None:
    """A neighbour that still speaks to the old holder does not meet a stranger at once."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/29", "small")

    def run() -> str:
        shown = quilt.ok("run", "--rm", "--network", "small", "box", "ip", "-o", "-4", "addr", "show", "eth0")
        return shown.split()[3].partition("/")[0]

    assert [run() for _ in range(6)] == [f"10.77.0.{last}" for last in (2, 3, 4, 5, 6, 2)]


def test_a_full_network_says_so(quilt: Quilt) -> None:
    """When no address is left the run is refused; after an end there is one again."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/30", "tiny")
    quilt.ok("run", "-d", "--name", "a", "--network", "tiny", "box", "sleep", "1000")
    done = quilt("run", "--rm", "--network", "tiny", "box", "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (125, "Error: no address is left in network tiny")
    quilt.ok("rm", "-f", "a")
    quilt.ok("run", "--rm", "--network", "tiny", "box", "true")


def test_containers_of_a_network_find_each_other_by_name(quilt: Quilt) -> None:
    """By name, alias and id: those that were there, those that come, under a new name, and not those that have left."""
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "a", "--network", "blue", "box", "sleep", "1000")
    with_alias = ("--network", "blue", "--network-alias", "service", "--hostname", "b")
    b = quilt.ok("run", "-d", "--name", "b", *with_alias, "box", *GREET)
    for name in ("b", "service", b[:12]):
        assert ask(quilt, "a", name) == "b", name
    quilt.ok("rename", "b", "c")
    assert (ask(quilt, "a", "c"), ask(quilt, "a", "b")) == ("b", "")
    quilt.ok("stop", "-t", "0", "c")
    assert ask(quilt, "a", "c") == ""
    quilt.ok("start", "c")
    assert ask(quilt, "a", "c") == "b"
    quilt.ok("rm", "-f", "c")
    assert "service" not in quilt.ok("exec", "a", "cat", "/etc/hosts")


def test_a_program_finds_its_neighbours_at_once(quilt: Quilt) -> None:
    """The first thing a program does may be to look for another."""
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "db", "--hostname", "db", "--network", "blue", "box", *GREET)
    assert quilt.ok("run", "--rm", "--network", "blue", "box", "nc", "-w", "2", "db", "80") == "db"


def test_a_running_container_comes_into_a_network_and_leaves_it(quilt: Quilt) -> None:
    """To connect gives it an interface, an address and its neighbours; disconnect takes all of it away."""
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "db", "--hostname", "db", "--network", "blue", "box", *GREET)
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    assert ask(quilt, "a", address_of(quilt, "db", "blue")) == ""
    quilt.ok("network", "connect", "--alias", "extra", "blue", "a")
    assert (ask(quilt, "a", "db"), "extra" in quilt.ok("exec", "db", "cat", "/etc/hosts")) == ("db", True)
    quilt.ok("network", "disconnect", "blue", "a")
    assert (ask(quilt, "a", "db"), "eth1" in quilt.ok("exec", "a", "ip", "link")) == ("", False)
    assert "extra" not in quilt.ok("exec", "db", "cat", "/etc/hosts")


def test_who_leaves_the_network_that_led_out_goes_by_another(quilt: Quilt, outside: Namespace) -> None:
    """The default route is that of the next network which leads out."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "a", "--network", "bridge", "--network", "blue", "box", "sleep", "1000")
    quilt.ok("network", "disconnect", "quilt0", "a")
    assert ask(quilt, "a", OUTSIDE, 8000) == f"welcome {HOST}"


def test_a_connected_network_is_there_after_a_restart(quilt: Quilt) -> None:
    """Membership is the container's, not its run's."""
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    quilt.ok("network", "connect", "blue", "a")
    quilt.ok("stop", "-t", "0", "a")
    quilt.ok("start", "a")
    assert {"eth0", "eth1"} <= {line.split(": ")[1].partition("@")[0] for line in interfaces(quilt, "a")}


def interfaces(quilt: Quilt, container: str) -> list[str]:
    """Return the lines that `ip link` prints in a container."""
    return quilt.ok("exec", container, "ip", "-o", "link").splitlines()


def test_a_container_of_several_networks_leads_out_by_the_first_that_does(quilt: Quilt, outside: Namespace) -> None:
    """An internal network before it does not get in the way, and both neighbours are found by name."""
    quilt.ok("network", "create", "--internal", "closed")
    quilt.ok("network", "create", "open")
    quilt.ok("run", "-d", "--name", "one", "--hostname", "one", "--network", "closed", "box", *GREET)
    quilt.ok("run", "-d", "--name", "two", "--hostname", "two", "--network", "open", "box", *GREET)
    quilt.ok("run", "-d", "--name", "both", "--network", "closed", "--network", "open", "box", "sleep", "1000")
    outside.serve(8000, "welcome", address=OUTSIDE)
    assert [ask(quilt, "both", name) for name in ("one", "two")] == ["one", "two"]
    assert ask(quilt, "both", OUTSIDE, 8000) == f"welcome {HOST}"


def test_networks_are_closed_to_each_other(quilt: Quilt) -> None:
    """No address of another network is reached, whatever one knows."""
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "web", "--network", "blue", "box", *GREET)
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    assert ask(quilt, "a", address_of(quilt, "web", "blue")) == ""


def test_an_internal_network_has_no_way_out(quilt: Quilt, outside: Namespace) -> None:
    """Neither what is outside nor the host itself is reached; neighbours are."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("network", "create", "--internal", "closed")
    quilt.ok("run", "-d", "--name", "a", "--network", "closed", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "b", "--hostname", "b", "--network", "closed", "box", *GREET)
    host = Inside(os.getpid())
    host.serve(8001, "host")
    gateway = json.loads(quilt.ok("network", "inspect", "closed"))[0]["subnets"][0]["gateway"]
    assert fetch(gateway, 8001).startswith("host")
    refused = [ask(quilt, "a", address, port) for address, port in ((OUTSIDE, 8000), (gateway, 8001), (HOST, 8001))]
    host.close()
    assert (refused, ask(quilt, "a", "b")) == ([""] * 3, "b")


def test_a_container_shares_the_network_of_another(quilt: Quilt) -> None:
    """It has the same addresses and names, and reaches the other by localhost."""
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", "-p", "8080:80", "box", *GREET)
    quilt.ok("run", "-d", "--name", "side", "--network", "container:web", "box", "sleep", "1000")
    assert ask(quilt, "side", "127.0.0.1") == "web"
    assert quilt.ok("exec", "side", "ip", "-4", "-o", "addr", "show", "eth0").split()[3].startswith("10.42.")
    assert address_of(quilt, "web") in quilt.ok("exec", "side", "cat", "/etc/hosts")


def test_who_shares_a_network_loses_it_with_its_owner(quilt: Quilt) -> None:
    """The address is free then, so it must not answer any more."""
    quilt.ok("run", "-d", "--name", "web", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "side", "--network", "container:web", "box", "sleep", "1000")
    quilt.ok("rm", "-f", "web")
    assert [line for line in interfaces(quilt, "side") if "eth0" in line] == []


def test_egress_deny_reaches_nothing(quilt: Quilt, outside: Namespace) -> None:
    """Neither outside nor host nor neighbours; yet its own published port answers."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("run", "-d", "--name", "other", "--hostname", "other", "box", *GREET)
    quilt.ok("run", "-d", "--name", "a", "--hostname", "a", "--egress", "deny", "-p", "8080:80", "box", *GREET)
    host = Inside(os.getpid())
    host.serve(8001, "host")
    targets = ((OUTSIDE, 8000), (HOST, 8001), ("10.42.0.1", 8001), (address_of(quilt, "other"), 80))
    heard = [[ask(quilt, name, *target) != "" for target in targets] for name in ("a", "other")]
    host.close()
    assert (heard, outside.fetch(HOST, 8080)) == ([[False] * 4, [True] * 4], "a\n")
    assert quilt.inspect("a")["HostConfig"]["Egress"] == []


def test_egress_allows_what_is_named_and_update_changes_it(quilt: Quilt, outside: Namespace) -> None:
    """One port of one host and no other; then another one; then all, while the program runs."""
    for port in (8000, 8001):
        outside.serve(port, f"port {port}", address=OUTSIDE)
    quilt.ok("run", "-d", "--name", "a", "--egress", f"allow={OUTSIDE}:8000/tcp", "box", "sleep", "1000")

    def heard() -> list[str]:
        return [ask(quilt, "a", OUTSIDE, port).removesuffix(f" {HOST}") for port in (8000, 8001)]

    assert heard() == ["port 8000", ""]
    assert quilt.inspect("a")["HostConfig"]["Egress"] == [f"{OUTSIDE}/32:8000/tcp"]
    quilt.ok("update", "--egress", f"allow={OUTSIDE}:8001", "a")
    assert heard() == ["", "port 8001"]
    quilt.ok("update", "--egress", "network", "a")
    assert heard() == ["port 8000", "port 8001"]
    quilt.ok("update", "--egress", "deny", "a")
    quilt.ok("stop", "-t", "0", "a")
    quilt.ok("start", "a")
    assert heard() == ["", ""]


def test_egress_of_a_network_is_that_of_its_containers(quilt: Quilt, outside: Namespace) -> None:
    """But for those that have their own; changed, it is in force at once."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("network", "create", "--egress", "deny", "agents")
    quilt.ok("run", "-d", "--name", "a", "--network", "agents", "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "free", "--network", "agents", "--egress", "all", "box", "sleep", "1000")
    assert [ask(quilt, name, OUTSIDE, 8000) for name in ("a", "free")] == ["", f"welcome {HOST}"]
    quilt.ok("network", "update", "--egress", f"allow={OUTSIDE}", "agents")
    assert ask(quilt, "a", OUTSIDE, 8000) == f"welcome {HOST}"


def test_a_flushed_firewall_is_there_again_with_the_next_start_and_with_gc(quilt: Quilt, outside: Namespace) -> None:
    """Who reloads the host's firewall may take ours with it: the next start brings the rules, gc all elements."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", "-p", "8080:80", "box", *GREET)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    assert quilt.ok("run", "--rm", "box", "nc", "-w", "2", OUTSIDE, "8000") == f"welcome {HOST}"
    assert "firewall port 8080/tcp: mended" in quilt.ok("gc").splitlines()
    assert (outside.fetch(HOST, 8080), quilt.ok("gc")) == ("web\n", "")


def test_gc_restores_a_bridge_that_was_taken_away(quilt: Quilt, outside: Namespace) -> None:
    """The containers that run are back in their network."""
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", "-p", "8080:80", "box", *GREET)
    bridge = json.loads(quilt.ok("network", "inspect", "quilt0"))[0]["network_interface"]
    subprocess.run(["ip", "link", "del", bridge], check=True)
    assert outside.fetch(HOST, 8080) != "web\n"
    assert f"bridge {bridge}: restored" in quilt.ok("gc").splitlines()
    assert (outside.fetch(HOST, 8080), quilt.ok("gc")) == ("web\n", "")


def test_gc_removes_what_belongs_to_nobody(quilt: Quilt) -> None:
    """Interfaces by their names, elements of the firewall, rules without a network."""
    quilt.ok("run", "-d", "--name", "web", "-p", "8080:80", "box", "sleep", "1000")
    bridge = json.loads(quilt.ok("network", "inspect", "quilt0"))[0]["network_interface"]
    prefix = bridge.removesuffix("b0")
    subprocess.run(["ip", "link", "add", f"{prefix}-zz9", "type", "veth", "peer", "name", "loose"], check=True)
    subprocess.run(["ip", "link", "add", f"{prefix}b77", "type", "bridge"], check=True)
    element = "{ 6 . 4444 : 10.42.0.99 . 44 }"
    table = f"quilt_{prefix[1:]}"
    subprocess.run(["nft", "add", "element", "inet", table, "ports4_any", element], check=True)
    said = quilt.ok("gc").splitlines()
    assert said == [
        f"interface {prefix}-zz9: removed",
        f"interface {prefix}b77: removed",
        "firewall port 4444/tcp: mended",
    ]
    assert quilt.ok("gc") == ""
    quilt.ok("rm", "-f", "web")
    quilt.ok("network", "rm", "quilt0")
    assert quilt.network_traces() == {"links": [], "tables": [], "leases": [], "ports": [], "tasks": []}


def test_resolv_conf_names_nobody_who_cannot_be_reached(quilt: Quilt) -> None:
    """A name server on the host's own loopback is left out; --dns, --dns-search and --dns-option are taken."""
    shown = quilt.ok("run", "--rm", "box", "cat", "/etc/resolv.conf")
    assert "nameserver 127." not in shown
    options = ("--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-option", "ndots:2")
    shown = quilt.ok("run", "--rm", *options, "box", "cat", "/etc/resolv.conf")
    assert {"nameserver 192.0.2.53", "search example.org", "options ndots:2"} <= set(shown.splitlines())


def test_a_network_may_have_name_servers_of_its_own(quilt: Quilt) -> None:
    """They are those of its containers, where those ask for no others."""
    quilt.ok("network", "create", "--dns", "192.0.2.53", "blue")
    shown = quilt.ok("run", "--rm", "--network", "blue", "box", "cat", "/etc/resolv.conf")
    own = quilt.ok("run", "--rm", "--network", "blue", "--dns", "192.0.2.54", "box", "cat", "/etc/resolv.conf")
    servers = [[line for line in text.splitlines() if line.startswith("nameserver")] for text in (shown, own)]
    assert servers == [["nameserver 192.0.2.53"], ["nameserver 192.0.2.54"]]


def test_hosts_are_added_and_left_out(quilt: Quilt) -> None:
    """--add-host is first, host-gateway is the host, and --no-hosts leaves the image's file."""
    shown = quilt.ok(
        "run", "--rm", "--add-host", "db:192.0.2.7", "--add-host", "me:host-gateway", "box", "cat", "/etc/hosts"
    )
    assert "192.0.2.7\tdb" in shown
    assert "10.42.0.1\tme" in shown
    done = quilt("run", "--rm", "--no-hosts", "box", "cat", "/etc/hosts")
    assert (done.returncode, "No such file" in done.stderr) == (1, True)


def test_without_nft_the_default_network_is_refused_and_an_internal_one_works(quilt: Quilt) -> None:
    """The sentence says what is missing and what to do; nothing is left of the attempt."""
    quilt.ok("network", "create", "--internal", "closed")
    without = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /usr/sbin/nft; exec "$@"', "sh", quilt.command]
    done = subprocess.run(
        [*without, "run", "--rm", "box", "true"], env=quilt.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "nft" in done.stderr, "apt install nftables" in done.stderr) == (125, True, True)
    done = subprocess.run(
        [*without, "run", "--rm", "--network", "closed", "box", "true"],
        env=quilt.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.startswith("Warning: there is no nft on this host")) == (0, True)
    assert quilt.network_traces()["leases"] == []


def test_a_network_in_use_is_not_removed(quilt: Quilt) -> None:
    """With 2; a missing one with 1; with force its containers go too."""
    quilt.ok("network", "create", "blue")
    quilt.ok("create", "--name", "a", "--network", "blue", "box", "true")
    assert [quilt("network", "rm", name).returncode for name in ("blue", "nosuch")] == [2, 1]
    quilt.ok("network", "rm", "-f", "blue")
    assert quilt.ok("ps", "-aq") == ""


def test_a_network_of_ipv6_works_end_to_end(quilt: Quilt, outside: Namespace) -> None:
    """Neighbours and published ports, by IPv6 as by IPv4."""
    quilt.ok("network", "create", "--ipv6", "six")
    quilt.ok(
        "run",
        "-d",
        "--name",
        "web",
        "--hostname",
        "web",
        "--network",
        "six",
        "-p",
        "8080:80",
        "box",
        *GREET,
    )
    facts = quilt.inspect("web")["NetworkSettings"]["Networks"]["six"]
    quilt.ok("run", "-d", "--name", "a", "--network", "six", "box", "sleep", "1000")
    assert ask(quilt, "a", facts["GlobalIPv6Address"]) == "web"
    subprocess.run(["ip", "addr", "add", "2001:db8::1/64", "dev", "uplink", "nodad"], check=True)
    outside.ip("addr add 2001:db8::2/64 dev uplink nodad")
    # The first packet of IPv6 waits for the neighbour to be found.
    quilt.eventually(lambda: outside.fetch("2001:db8::1", 8080) == "web\n")
    assert outside.fetch(HOST, 8080) == "web\n"


def test_two_roots_on_a_host_do_not_disturb_each_other(quilt: Quilt, other: Quilt) -> None:
    """Each has a default network of its own, closed to the other's; and gc of one takes nothing of the other."""
    for root, port in ((quilt, "8080"), (other, "8081")):
        root.ok("run", "-d", "--name", "web", "--hostname", f"h{port}", "-p", f"{port}:80", "box", *GREET)
    addresses = [address_of(root, "web") for root in (quilt, other)]
    assert [address.rpartition(".")[0] for address in addresses] == ["10.42.0", "10.43.0"]
    assert [ask(quilt, "web", addresses[1]), ask(other, "web", addresses[0])] == ["", ""]
    assert [quilt.ok("gc"), other.ok("gc")] == ["", ""]
    assert ask(quilt, "web", HOST_LOCAL, 8081) == "h8081"
    quilt.ok("rm", "-f", "web")
    quilt.ok("network", "rm", "quilt0")
    assert (quilt.ok("gc"), fetch("127.0.0.1", 8081)) == ("", "h8081\n")


def test_nothing_of_a_network_is_written_outside_the_root(quilt: Quilt) -> None:
    """No file under /run/netns names a network namespace."""
    before = list(Path("/run/netns").glob("*")) if Path("/run/netns").exists() else []
    quilt.ok("run", "-d", "box", "sleep", "1000")
    assert (list(Path("/run/netns").glob("*")) if Path("/run/netns").exists() else []) == before
