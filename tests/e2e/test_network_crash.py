"""Networks after kill -9 and after a reboot: what is in the kernel and what is in the rows agree again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.linux import netlink, processes
from tests.netns import fetch

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("nft", "ip")
NOTHING: dict[str, list[str]] = {"links": [], "tables": [], "leases": [], "ports": [], "tasks": []}
GREET = ("nc", "-ll", "-p", "80", "-e", "hostname")


def kill_shim(quilt: Quilt, name: str) -> None:
    """Kill the shim of a container that is there and has not ended."""
    query = f"SELECT shim_pid FROM containers WHERE name = '{name}' AND state IN ('starting', 'running')"
    for row in quilt.sql(query):
        with contextlib.suppress(ProcessLookupError):
            os.kill(row["shim_pid"], signal.SIGKILL)


def start(quilt: Quilt, number: int) -> subprocess.Popen[bytes]:
    """Begin to run a container that publishes a port and has an egress policy, in two networks."""
    options = ("-p", f"{8000 + number}:80", "--egress", "deny", "--network", "quilt0", "--network", "blue")
    return quilt.popen(
        *("run", "-d", "--name", f"c{number}", *options, "box", "sleep", "1000"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_runs_leave_no_lease_no_port_no_rule_and_no_interface(quilt: Quilt) -> None:
    """30 x kill -9 at random moments, of the command and of the shim by turns: what gc leaves is what runs."""
    quilt.ok("network", "create", "blue")
    chance = random.Random(13)
    for number in range(30):
        process = start(quilt, number)
        time.sleep(chance.uniform(0.005, 0.12))
        if number % 2:
            kill_shim(quilt, f"c{number}")
        else:
            process.kill()
        process.wait(30)
    quilt.eventually(
        lambda: quilt.sql("SELECT 1 FROM containers WHERE state = 'starting'") == [] or quilt.ok("gc") == ""
    )
    quilt.ok("gc")
    assert quilt.ok("gc") == ""
    running = len(quilt.ok("ps", "-q").splitlines())
    left = quilt.network_traces()
    assert (len(left["leases"]), len(left["ports"]), len(left["links"])) == (2 * running, running, 2 * running + 2)
    assert 0 < running < 30
    quilt.ok("rm", "-f", "-a")
    quilt.ok("network", "rm", "blue", "quilt0")
    quilt.eventually(lambda: quilt.network_traces() == NOTHING)
    # An interface lives as long as its namespace, so with the last one that is gone, too.
    assert quilt.traces()["processes"] == []
    assert quilt.ok("gc") == ""


def test_a_port_of_a_killed_shim_is_free_at_once(quilt: Quilt) -> None:
    """The next container that wants it gets it, without gc, and is what answers."""
    quilt.ok("run", "-d", "--name", "old", "--hostname", "old", "-p", "8080:80", "box", *GREET)
    os.kill(quilt.shim_pid("old"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    quilt.ok("run", "-d", "--name", "new", "--hostname", "new", "-p", "8080:80", "box", *GREET)
    assert fetch("127.0.0.1", 8080) == "new\n"
    assert quilt.ok("inspect", "--format", "{{.State.Status}}", "old") == "exited"


def test_an_address_of_a_killed_shim_is_free_at_once(quilt: Quilt) -> None:
    """Also in a network that has no other."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/30", "tiny")
    quilt.ok("run", "-d", "--name", "old", "--network", "tiny", "box", "sleep", "1000")
    os.kill(quilt.shim_pid("old"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    quilt.ok("run", "--rm", "--network", "tiny", "box", "true")


@pytest.fixture
def rebooted(quilt: Quilt) -> Quilt:
    """Give a root after a reboot: two containers ran, the kernel knows nothing of them, and the boot id is another."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/29", "blue")
    asked = ("--network", "blue", "--ip", "10.77.0.5", "-p", "8080:80", "--egress", "deny")
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", *asked, "box", *GREET)
    quilt.ok("run", "-d", "--name", "other", "box", "sleep", "1000")
    for name in ("web", "other"):
        os.kill(quilt.shim_pid(name), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    connection = sqlite3.connect(quilt.root / "quilt.db")
    connection.execute("UPDATE containers SET boot_id = '00000000-0000-0000-0000-000000000000'")
    connection.commit()
    connection.close()
    processes.leave(processes.CLONE_NEWNET)
    socket = netlink.open_socket()
    netlink.ask(socket, (netlink.raise_link(netlink.index_of(socket, "lo")),))
    socket.close()
    return quilt


def test_after_a_reboot_the_next_start_puts_everything_right(rebooted: Quilt) -> None:
    """The same container starts with its address and its port; bridge, rules and wire are made anew."""
    rebooted.ok("start", "web")
    assert fetch("127.0.0.1", 8080) == "web\n"
    assert rebooted.ok("exec", "web", "ip", "-o", "-4", "addr", "show", "eth0").split()[3] == "10.77.0.5/29"
    assert rebooted.ok("run", "--rm", "box", "true") == ""


def test_after_a_reboot_gc_releases_what_nobody_has_any_more(rebooted: Quilt) -> None:
    """Leases and ports go with the containers that ended, and nothing is made for networks that nobody uses."""
    said = rebooted.ok("gc").splitlines()
    assert sorted(said) == [f"container {name}: marked exited (host-reboot)" for name in ("other", "web")]
    assert rebooted.network_traces() == NOTHING
    assert rebooted.ok("gc") == ""


def test_after_a_reboot_a_new_container_may_have_what_an_old_one_had(rebooted: Quilt) -> None:
    """Neither address nor port is kept for one that does not run."""
    asked = ("--network", "blue", "--ip", "10.77.0.5", "-p", "8080:80", "--hostname", "new")
    rebooted.ok("run", "-d", "--name", "new", *asked, "box", *GREET)
    assert fetch("127.0.0.1", 8080) == "new\n"


def test_a_removal_of_a_network_that_was_killed_is_finished_by_gc(quilt: Quilt) -> None:
    """At twelve moments: either the network is still whole, or gc takes away what is left of it."""
    chance = random.Random(17)
    for _ in range(12):
        quilt.ok("network", "create", "blue")
        quilt.ok("run", "--rm", "--network", "blue", "box", "true")
        process = quilt.popen("network", "rm", "blue", stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.02, 0.4))
        process.kill()
        process.wait(30)
        quilt.ok("gc")
        if quilt("network", "exists", "blue").returncode == 0:
            quilt.ok("run", "--rm", "--network", "blue", "box", "true")
            quilt.ok("network", "rm", "blue")
    quilt.eventually(lambda: quilt.network_traces() == NOTHING)
    assert quilt.ok("gc") == ""
