"""Ends of a run that are written late, when the container has been started again: the new run loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import configs, containers
from quiltctl.db.connection import open_to_write
from quiltctl.errors import KernelError
from quiltctl.model.document import decode
from quiltctl.model.spec import spec_from
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle import settle
from tests.e2e.test_network_windows import rules, state
from tests.e2e.test_networks import GREET
from tests.netns import fetch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.db.containers import Container
    from tests.e2e.conftest import Pause, Quilt

pytestmark = pytest.mark.needs("nft", "ip", "br_netfilter")


def run_web(quilt: Quilt) -> None:
    """Run web with an address, a port and a policy, which it has each time it is started."""
    quilt.ok("network", "create", "--subnet", "10.77.0.0/29", "blue")
    asked = ("--network", "blue", "--ip", "10.77.0.5", "-p", "8080:80", "--egress", "deny")
    quilt.ok("run", "-d", "--name", "web", "--hostname", "web", *asked, "box", *GREET)


def row(connection: sqlite3.Connection) -> Container:
    """Return the one container that there is."""
    [found] = containers.list_all(connection)
    return found


@pytest.mark.parametrize("end", ["write_end", "note_failure"])
def test_an_end_of_an_earlier_run_withdraws_nothing(quilt: Quilt, end: str) -> None:
    """Neither rule nor wire nor lease nor process of the run that has begun meanwhile at the same address."""
    run_web(quilt)
    paths = Paths(str(quilt.root))
    connection = open_to_write(paths)
    first = row(connection)
    quilt.ok("stop", "-t", "0", "web")
    quilt.ok("start", "web")
    before = state(quilt)
    if end == "write_end":
        over = type(first)(**{**first.to_dict(), "state": "exited", "exit_code": 1, "exit_reason": "exited"})
        assert not settle.write_end(paths, connection, over, monitor="aborted")
    else:
        spec = spec_from(decode(configs.config_of(connection, first.id)))
        settle.note_failure(paths, spec, first.generation, KernelError("too late"))
    assert state(quilt) == before
    assert (fetch("127.0.0.1", 8080), row(connection).state) == ("web\n", "running")


def test_who_is_overtaken_between_look_and_deed_puts_back_what_is_the_new_run_s(
    quilt: Quilt, pausing: Callable[[str, str], tuple[Quilt, Pause]]
) -> None:
    """One command looks at a dead container; another one ends it and starts it again; then the first goes on."""
    run_web(quilt)
    os.kill(quilt.shim_pid("web"), signal.SIGKILL)
    quilt.eventually(lambda: quilt.ok("ps", "-q") == "")
    paused, pause = pausing("runtime/lifecycle/settle.py", "unwithdrawn = lease.withdraw(")
    late = paused.popen("update", "--egress", "deny", "web", stdout=subprocess.DEVNULL)
    with pause():
        quilt.ok("start", "web")
        before = rules()
    assert late.wait(30) == 0
    assert quilt.ok("inspect", "--format", "{{.State.Status}}", "web") == "running"
    assert (fetch("127.0.0.1", 8080), quilt.ok("gc")) == ("web\n", "")
    assert sorted(rules().splitlines()) == sorted(before.splitlines())
