"""Networks that are changed by many at once, or by one that is killed: afterwards rows and kernel agree."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.test_networks import GREET, address_of, ask, interfaces
from tests.netns import HOST, OUTSIDE, Inside, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Pause, Quilt
    from tests.netns import Namespace

pytestmark = pytest.mark.needs("nft", "ip", "br_netfilter")
SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def killed(quilt: Quilt, seconds: float, *words: str) -> None:
    """Begin a command, and kill it so many seconds later."""
    process = quilt.popen(*words, **SILENT)
    time.sleep(seconds)
    process.kill()
    process.wait(30)


def let_time_pass(quilt: Quilt) -> None:
    """Make leases older than gc's patience with a command that may still be at work."""
    connection = sqlite3.connect(quilt.root / "quilt.db", timeout=20)
    connection.execute("UPDATE network_allocations SET allocated_at = allocated_at - 100000000000")
    connection.commit()
    connection.close()


def check_agreement(quilt: Quilt, container: Inside) -> bool:
    """Assert that a is in blue by row, lease, wire, address and name, or by none of them; return which."""
    is_in = (
        len(
            quilt.sql(
                "SELECT 1 FROM network_memberships AS m JOIN containers AS c ON c.id = m.container_id"
                " JOIN networks AS n ON n.id = m.network_id WHERE c.name = 'a' AND n.name = 'blue'"
            )
        )
        == 1
    )
    leases = quilt.sql(
        "SELECT a.state, a.ip, a.host_interface FROM network_allocations AS a"
        " JOIN containers AS c ON c.id = a.container_id JOIN networks AS n ON n.id = a.network_id"
        " WHERE c.name = 'a' AND n.name = 'blue' AND a.state <> 'cleaned'"
    )
    inside = container.run("ip", "-o", "-4", "addr")
    assert [lease["state"] for lease in leases] == (["active"] if is_in else [])
    assert [lease["ip"] for lease in leases if f"{lease['ip']}/" in inside] == [lease["ip"] for lease in leases]
    assert inside.count("inet 10.89.") == len(leases)
    heard = container.fetch(address_of(quilt, "db", "blue"), 80)
    assert heard.strip() == "db" if is_in else heard in {"refused", "timeout", "unreachable"}
    assert ("10.89." in quilt.ok("exec", "a", "cat", "/etc/hosts")) is is_in
    return is_in


def test_a_killed_connect_or_disconnect_is_finished_by_gc(quilt: Quilt, outside: Namespace) -> None:
    """At twenty-four moments: the container is in the network, or it is not; and nothing of it waits for ever."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("network", "create", "--egress", "allow=10.89.0.0/16", "blue")
    quilt.ok("run", "-d", "--name", "db", "--hostname", "db", "--network", "blue", "box", *GREET)
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    container = Inside(quilt.inspect("a")["State"]["Pid"])
    chance = random.Random(5)
    seen = set()
    is_in = False
    for _ in range(24):
        verb = "disconnect" if is_in else "connect"
        killed(quilt, chance.uniform(0, 0.08), "network", verb, "blue", "a")
        let_time_pass(quilt)
        quilt.ok("gc")
        assert quilt.ok("gc") == ""
        is_in = check_agreement(quilt, container)
        seen.add((verb, is_in))
        assert container.fetch(OUTSIDE, 8000) == f"welcome {HOST}"
    assert len(seen) == 4
    container.close()


def test_who_is_killed_leaving_the_way_out_goes_by_another(
    quilt: Quilt, outside: Namespace, pausing: Callable[[str, str], tuple[Quilt, Pause]]
) -> None:
    """A disconnect that is killed once its rows are written: gc lets the default route go by the next network."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "a", "--network", "bridge", "--network", "blue", "box", "sleep", "1000")
    paused, pause = pausing("runtime/lifecycle/connect_network.py", "apply_network.unwire(")
    kill_at(paused.popen("network", "disconnect", "quilt0", "a", **SILENT), pause)
    assert "lease 10.42.0.2 in quilt0: released" in quilt.ok("gc").splitlines()
    assert (ask(quilt, "a", OUTSIDE, 8000), quilt.ok("gc")) == (f"welcome {HOST}", "")


def test_gc_finishes_a_killed_connect_though_another_one_came_after_it(
    quilt: Quilt, pausing: Callable[[str, str], tuple[Quilt, Pause]]
) -> None:
    """One that is killed once its rows are written is not taken for done because the next one is."""
    for name in ("blue", "green"):
        quilt.ok("network", "create", name)
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    paused, pause = pausing("runtime/lifecycle/connect_network.py", "apply_network.wire(")
    kill_at(paused.popen("network", "connect", "blue", "a", **SILENT), pause)
    quilt.ok("network", "connect", "green", "a")
    assert "lease" not in quilt.ok("gc")  # for all it knows the command is still at work
    let_time_pass(quilt)
    assert "lease 10.89.0.2 in blue: connected" in quilt.ok("gc").splitlines()
    shown = [line.split(": ")[1].partition("@")[0] for line in interfaces(quilt, "a")]
    assert (shown, quilt.ok("gc")) == (["lo", "eth0", "eth2", "eth1"], "")


def test_who_leaves_the_way_out_for_a_network_half_way_gets_it_from_gc(
    quilt: Quilt, outside: Namespace, pausing: Callable[[str, str], tuple[Quilt, Pause]]
) -> None:
    """The next network has no wire yet, since its connect was killed: leaving the other is no error for that."""
    outside.serve(8000, "welcome", address=OUTSIDE)
    quilt.ok("network", "create", "blue")
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    paused, pause = pausing("runtime/lifecycle/connect_network.py", "apply_network.wire(")
    kill_at(paused.popen("network", "connect", "blue", "a", **SILENT), pause)
    quilt.ok("network", "disconnect", "quilt0", "a")
    let_time_pass(quilt)
    assert "lease 10.89.0.2 in blue: connected" in quilt.ok("gc").splitlines()
    assert (ask(quilt, "a", OUTSIDE, 8000), quilt.ok("gc")) == (f"welcome {HOST}", "")


def kill_at(process: subprocess.Popen[bytes], pause: Pause) -> None:
    """Kill a command that waits in a pause, or will."""
    with pause():
        process.kill()
        process.wait(30)


def come_and_go(quilt: Quilt, numbers: range) -> list[str]:
    """Run a container for each number, with a port and a policy; return what was not as it should be."""
    wrong = []
    for number in numbers:
        options = ("-p", f"{9000 + number}:80", "--egress", f"allow=192.0.2.{number + 3}", "--network", "blue,quilt0")
        done = quilt("run", "--rm", *options, "box", "nc", "-w", "1", OUTSIDE, "8000")
        if done.returncode != 1 or "Connection refused" not in done.stderr:
            wrong.append(f"{done.returncode} {done.stderr}")
    return wrong


def collect(quilt: Quilt) -> list[str]:
    """Run gc twenty times; return what it mended for the one that stays, and its errors."""
    said = []
    for _ in range(20):
        done = quilt("gc")
        lines = done.stdout.splitlines()
        said += [line for line in lines if "restored" in line or "8080" in line or "bridge" in line]
        said += [done.stderr] if done.returncode or done.stderr else []
    return said


def test_gc_beside_many_containers_takes_nothing_away(quilt: Quilt, outside: Namespace) -> None:
    """Twenty times gc while forty come and go with ports and policies: who stays answers, and is held, all the time."""
    outside.serve(8000, "forbidden", address=OUTSIDE)
    quilt.ok("network", "create", "blue")
    stay = ("-p", "8080:80", "--egress", "allow=10.89.0.0/16", "--network", "blue")
    quilt.ok("run", "-d", "--name", "stay", "--hostname", "stay", *stay, "box", *GREET)
    container = Inside(quilt.inspect("stay")["State"]["Pid"])
    heard = []
    with ThreadPoolExecutor() as pool:
        numbers = (range(20), range(20, 40))
        busy = [pool.submit(collect, quilt), *(pool.submit(come_and_go, quilt, each) for each in numbers)]
        while not all(future.done() for future in busy):
            heard.append((fetch("127.0.0.1", 8080), container.fetch(OUTSIDE, 8000)))
    container.close()
    assert [future.result() for future in busy] == [[], [], []]
    assert (len(heard) > 20, set(heard)) == (True, {("stay\n", "refused")})
    quilt.eventually(lambda: quilt.ok("gc") == "")
    left = quilt.network_traces()
    assert (len(left["leases"]), left["ports"], len(left["links"]), left["tasks"]) == (1, ["8080"], 3, [])


def test_a_network_is_removed_once_by_many(quilt: Quilt) -> None:
    """Two removals and gc at once, ten times: it is gone, or not there; and its bridge's name serves the next one."""
    for turn in range(10):
        quilt.ok("network", "create", "blue")
        quilt.ok("run", "--rm", "-p", "8080:80", "--egress", "deny", "--network", "blue", "box", "true")
        started = [
            quilt.popen(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for words in (("network", "rm", "blue"), ("network", "rm", "blue"), ("gc",))
        ]
        said = [(*process.communicate(timeout=60), process.returncode) for process in started]
        removals = sorted((out.decode(), error.decode().partition("\n")[0], code) for out, error, code in said[:2])
        assert removals[-1] == ("blue\n", "", 0), (turn, said)
        assert removals[0] in {("blue\n", "", 0), ("", 'Error: no such network: "blue"', 1)}, (turn, said)
        assert said[2][1:] == (b"", 0), (turn, said)
    assert quilt.ok("gc") == ""
    quilt.eventually(lambda: quilt.network_traces()["tables"] == [])
    assert quilt.network_traces() == {"links": [], "tables": [], "leases": [], "ports": [], "tasks": []}
