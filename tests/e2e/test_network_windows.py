"""The moments between two states: a container that has just ended, that starts, or that is half in a network."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_networks import GREET, address_of, ask
from tests.netns import HOST, OUTSIDE, Inside, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Pause, Quilt
    from tests.netns import Namespace

    Pausing = Callable[[str, str], tuple[Quilt, Pause]]

pytestmark = pytest.mark.needs("nft", "ip", "br_netfilter")


def rules() -> str:
    """Return the rules of the host that the test is in."""
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def kill_shim_and_look(quilt: Quilt) -> None:
    """End a container's shim, and with it the container, so that the next command writes its end."""
    os.kill(quilt.shim_pid("a"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    quilt.ok("stop", "a")


ENDS: dict[str, Callable[[Quilt], object]] = {
    "stop": lambda quilt: quilt.ok("stop", "-t", "0", "a"),
    "kill": lambda quilt: (quilt.ok("kill", "a"), quilt.ok("wait", "a"), quilt.ok("ps")),
    "rm": lambda quilt: quilt.ok("rm", "-f", "a"),
    "shim": kill_shim_and_look,
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("policy", [(), ("--egress", "deny")], ids=["free", "denied"])
def test_what_is_left_of_an_ended_container_says_nothing_more(
    quilt: Quilt, outside: Namespace, end: str, policy: tuple[str, ...]
) -> None:
    """Whoever holds a socket of it, or its network namespace, cannot send by the address that is free now."""
    outside.serve(8000, "heard", address=OUTSIDE, kind="udp")
    quilt.ok("run", "-d", "--name", "a", "-p", "8080:80", *policy, "box", "sleep", "1000")
    address = address_of(quilt, "a")
    left = Inside(quilt.inspect("a")["State"]["Pid"])
    kept = left.socket(socket.AF_INET, socket.SOCK_DGRAM)
    before = left.fetch(OUTSIDE, 8000, kind="udp")
    assert before == ("unreachable" if policy else f"heard {HOST}")
    ENDS[end](quilt)
    assert quilt.sql("SELECT 1 FROM network_allocations WHERE state <> 'cleaned'") == []
    assert [word for word in (address, "8080", "only-") if word in rules()] == []
    assert left.fetch(OUTSIDE, 8000, kind="udp") in {"unreachable", "timeout"}
    kept.sendto(b"?", (OUTSIDE, 8000))
    with pytest.raises((TimeoutError, OSError)):
        kept.recv(100)
    kept.close()
    left.close()


def test_a_wire_that_outlives_its_container_is_removed_by_gc(quilt: Quilt) -> None:
    """While somebody holds its namespace; and gc says so once."""
    quilt.ok("run", "-d", "--name", "a", "box", "sleep", "1000")
    left = Inside(quilt.inspect("a")["State"]["Pid"])
    wire = quilt.sql("SELECT host_interface FROM network_allocations")[0]["host_interface"]
    quilt.ok("stop", "-t", "0", "a")
    assert f"{wire}\n" not in left.run("ip", "-o", "link")
    assert (quilt.ok("gc"), quilt.ok("gc")) == (f"interface {wire}: removed", "")
    left.close()


@pytest.mark.parametrize(
    ("options", "change", "heard"),
    [
        pytest.param((), ("update", "--egress", "deny", "a"), "", id="denied"),
        pytest.param(("--egress", "deny"), ("update", "--egress", "all", "a"), f"heard {HOST}", id="freed"),
        pytest.param(
            ("--egress", "allow=198.51.100.1"),
            ("update", "--egress", f"allow={OUTSIDE}", "a"),
            f"heard {HOST}",
            id="another",
        ),
        pytest.param((), ("network", "update", "--egress", "deny", "quilt0"), "", id="network"),
    ],
)
def test_a_policy_that_is_changed_during_a_start_is_in_force(
    quilt: Quilt,
    outside: Namespace,
    pausing: Pausing,
    options: tuple[str, ...],
    change: tuple[str, ...],
    heard: str,
) -> None:
    """The row that update writes is what holds once the program runs, whatever it was started with."""
    outside.serve(8000, "heard", address=OUTSIDE)
    quilt.ok("run", "--rm", "box", "true")
    paused, pause = pausing("runtime/shim/build.py", "if not settle.note_running(")
    begun = paused.popen(
        *("run", "-d", "--name", "a", *options, "box", "sleep", "1000"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with pause():  # which waits for the start
        assert quilt.sql("SELECT state FROM containers") == [{"state": "starting"}]
        quilt.ok(*change)
    said, complaint = begun.communicate(timeout=20)
    assert (begun.returncode, len(said), complaint) == (0, 65, b"")
    assert ask(quilt, "a", OUTSIDE, 8000) == heard
    assert quilt.ok("gc") == ""


def hidden(quilt: Quilt, hide: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a mount namespace in which something has been hidden."""
    script = f'{hide}; exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", quilt.command, *words],
        env=quilt.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


UNWILLING = """#!/bin/sh
case "$*" in *list*) exec {real} "$@";; esac
text=$(cat)
case "$text" in *"delete chain"*) ;; *only-*) exit 1;; esac
printf '%s\\n' "$text" | {real} "$@"
"""
"""An nft that lets no container in, and takes out whom it should."""


@pytest.fixture
def unwilling(tmp_path: Path) -> Path:
    """Give a program that refuses in nft's place to hold a container to a policy."""
    shutil.copy("/usr/sbin/nft", tmp_path / "nft")
    (tmp_path / "unwilling").write_text(UNWILLING.format(real=tmp_path / "nft"))
    (tmp_path / "unwilling").chmod(0o755)
    return tmp_path / "unwilling"


@pytest.mark.parametrize(
    ("hide", "policy", "reason"),
    [
        pytest.param("true", "all", "netlink veth", id="interface"),
        pytest.param("mount --bind /dev/null /usr/sbin/nft", "all", "nft", id="nft"),
        pytest.param("mount --bind {unwilling} /usr/sbin/nft", "deny", "firewall", id="unwilling"),
        pytest.param("mount -t tmpfs none /proc/sys/net", "deny", "br_netfilter", id="br_netfilter"),
    ],
)
def test_a_connect_that_fails_leaves_nothing_and_may_be_repeated(
    quilt: Quilt, unwilling: Path, hide: str, policy: str, reason: str
) -> None:
    """Whatever fails half way: neither wire, rule, lease, membership nor task is left, and the next one works."""
    container = with_neighbour(quilt, policy)
    if reason == "nft":  # else all that it needs of the firewall is there already
        subprocess.run(["nft", "flush", "ruleset"], check=True)
    if hide == "true":
        container.ip("link add eth1 type veth peer name odd")
    before = state(quilt)
    done = hidden(quilt, hide.format(unwilling=unwilling), "network", "connect", "blue", "a")
    assert (done.returncode, reason in done.stderr) == (125, True), done.stderr
    assert state(quilt) == before
    if hide == "true":
        container.ip("link del eth1")
    quilt("gc")
    quilt.ok("network", "connect", "blue", "a")
    assert ask(quilt, "a", "db") == "db"
    assert quilt.ok("gc") == ""
    container.close()


def test_a_connect_that_cannot_be_undone_is_undone_by_gc(quilt: Quilt) -> None:
    """Its lease waits, in nobody's way; and gc leaves the one that came to be."""
    with_neighbour(quilt, "deny").close()
    done = hidden(quilt, "mount --bind /bin/false /usr/sbin/nft", "network", "connect", "blue", "a")
    assert (done.returncode, "firewall" in done.stderr) == (125, True), done.stderr
    assert len(quilt.sql("SELECT 1 FROM network_memberships")) == 2
    quilt.ok("network", "connect", "blue", "a")
    assert quilt.ok("gc") == "lease 10.89.0.3 in blue: released"
    assert (ask(quilt, "a", "db"), quilt.ok("gc")) == ("db", "")


def with_neighbour(quilt: Quilt, policy: str) -> Inside:
    """Run db in blue, whose policy this is, and a outside of it, which may speak to db; return a's namespace."""
    quilt.ok("network", "create", "--egress", policy, "blue")
    quilt.ok("run", "-d", "--name", "db", "--hostname", "db", "--network", "blue", "box", *GREET)
    quilt.ok("run", "-d", "--name", "a", "--egress", f"allow={address_of(quilt, 'db', 'blue')}", "box", "sleep", "1000")
    return Inside(quilt.inspect("a")["State"]["Pid"])


def state(quilt: Quilt) -> dict[str, object]:
    """Return what there is of networks: in the kernel, and in the rows."""
    return {
        **quilt.network_traces(),
        "members": quilt.sql("SELECT container_id, network_id, interface FROM network_memberships ORDER BY 1, 2"),
        "rules": rules(),
    }


def test_a_container_whose_last_leases_could_not_be_returned_starts_again(quilt: Quilt) -> None:
    """With its address and its port, though both of its last run still wait for gc."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/29", "blue")
    asked = ("--network", "blue", "--ip", "10.77.0.5", "-p", "8080:80", "--egress", "deny")
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", *asked, "box", *GREET)
    os.kill(quilt.shim_pid("web"), signal.SIGKILL)
    process = quilt.sql("SELECT pid FROM containers")[0]["pid"]
    quilt.eventually(lambda: not Path(f"/proc/{process}").exists())
    hidden(quilt, "mount --bind /bin/false /usr/sbin/nft", "stop", "web")
    assert quilt.sql("SELECT state FROM network_allocations") == [{"state": "cleanup_pending"}]
    quilt.ok("start", "web")
    assert fetch("127.0.0.1", 8080) == "web\n"
    assert quilt.ok("exec", "web", "ip", "-o", "-4", "addr", "show", "eth0").split()[3] == "10.77.0.5/29"
    quilt("gc")
    assert (fetch("127.0.0.1", 8080), quilt.ok("gc")) == ("web\n", "")
