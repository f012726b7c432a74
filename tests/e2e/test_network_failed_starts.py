"""Starts that fail while the network is made: what is told is the first process's own reason, and nothing is left."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_networks import GREET
from tests.hostile.probes import spoilt_image
from tests.netns import OUTSIDE, Inside, fetch

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt
    from tests.netns import Namespace

pytestmark = pytest.mark.needs("nft", "ip", "br_netfilter")
NETWORKS = ("--network", "quilt0", "--network", "blue", "-p", "8080:80", "--egress", "deny")
SPOILT = {"proc": {"name": "proc", "content": b""}, "dev": {"name": "dev", "content": b""}}
"""Images that the first process cannot build a root of, and what is in their archives."""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(("box", "/no/such"), 127, id="program"),
        pytest.param(("box", "/etc/passwd"), 126, id="not-executable"),
        pytest.param(("-w", "/etc/passwd", "box", "true"), 126, id="workdir"),
        pytest.param(("-w", "/no/such", "box", "true"), 126, id="no-workdir"),
        pytest.param(("-u", "nosuch", "box", "true"), 126, id="user"),
        pytest.param(("proc", "true"), 125, id="proc"),
        pytest.param(("dev", "true"), 125, id="dev"),
    ],
)
def test_a_first_process_that_fails_tells_its_own_reason(quilt: Quilt, words: tuple[str, ...], code: int) -> None:
    """The same code and sentence as without a network, each time; no port, lease, wire or rule is left."""
    for name in SPOILT.keys() & set(words):
        spoilt_image(quilt, SPOILT[name], name=name)
    quilt.ok("network", "create", "blue")
    alone = quilt("run", "--rm", "--name", "c", "--network", "none", *words)
    told = [quilt("run", "--rm", "--name", "c", *NETWORKS, *words) for _ in range(5)]
    assert alone.returncode == code, alone
    assert {(done.returncode, done.stdout, done.stderr) for done in told} == {(code, "", alone.stderr)}
    left = quilt.network_traces()
    assert (left["leases"], left["ports"], left["tasks"]) == ([], [], [])
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    assert [word for word in ("only-", "8080") if word in rules] == []
    quilt.eventually(lambda: len(quilt.network_traces()["links"]) == len(quilt.sql("SELECT 1 FROM networks")))
    assert quilt.ok("gc") == ""


def test_a_container_that_falls_back_has_its_networks(quilt: Quilt, outside: Namespace) -> None:
    """The first attempt was wired already when it turned out that it cannot have a user namespace: the next is anew."""
    outside.serve(8000, "heard", address=OUTSIDE)
    quilt.ok("network", "create", "blue")
    script = 'mount --bind /dev/null /proc/timer_list; exec "$@"'
    words = ("run", "-d", "--name", "web", "--hostname", "web", *NETWORKS, "box", *GREET)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", quilt.command, *words],
        env=quilt.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "is root of the host" in done.stderr) == (0, True), done
    assert quilt.ok("exec", "web", "cat", "/proc/self/uid_map").split() == ["0", "0", "4294967295"]
    assert fetch("127.0.0.1", 8080) == "web\n"
    container = Inside(quilt.inspect("web")["State"]["Pid"])
    assert container.fetch(OUTSIDE, 8000) == "refused"
    assert quilt.ok("gc") == ""
    container.close()
