"""What the kernel kills for memory is told truly: by the exit, by inspect, and by an event when it happens."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.e2e.conftest import Quilt

    Pausing = Callable[[str, str], tuple[Quilt, Callable[[], AbstractContextManager[None]]]]

pytestmark = pytest.mark.needs("root")
HOG = 'x=aaaaaaaa; while :; do x="$x$x"; done'
LIMITS = ("--network", "none", "--memory", "64m")


def events_of(quilt: Quilt, name: str) -> list[tuple[str, dict[str, str]]]:
    """Return the actions and attributes of a container's events."""
    lines = quilt.ok(
        "events", "--stream=false", "--since", "1h", "--filter", f"container={name}", "--json"
    ).splitlines()
    told = [json.loads(line) for line in lines]
    return [(event["Status"], event["Attributes"]) for event in told]


def test_child_that_is_killed_makes_an_event_while_the_program_goes_on(either: Quilt) -> None:
    """Not the flag: the container has not ended by it, and ends with its own code."""
    child = f"sh -c '{HOG}'; echo survived; read line; exit 3"
    either.ok("run", "-d", "-i", "--name", "c", *LIMITS, "box", "sh", "-c", f"{child} < /dev/null; sleep 1000")
    either.eventually(lambda: "oom" in [action for action, _ in events_of(either, "c")])
    assert either.inspect("c")["State"]["Running"]
    [oom] = [attributes for action, attributes in events_of(either, "c") if action == "oom"]
    assert (oom["kills"], oom["total"]) == ("1", "1")
    either.ok("kill", "c")
    either.ok("wait", "c")
    state = either.inspect("c")["State"]
    assert (state["ExitCode"], state["OOMKilled"], state["ExitReason"]) == (137, False, "exited")


def test_program_below_an_init_is_told_as_well(either: Quilt) -> None:
    """PID 1 is not what was killed; it ends with the code that says so."""
    assert either("run", "--name", "c", "--init", *LIMITS, "box", "sh", "-c", HOG).returncode == 137
    assert either.inspect("c")["State"]["OOMKilled"]
    actions = [action for action, _ in events_of(either, "c")]
    assert actions == ["create", "init", "start", "oom", "died"]


def test_died_event_and_wait_say_it(quilt: Quilt) -> None:
    """In the background too."""
    quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", HOG)
    assert quilt.ok("wait", "c") == "137"
    [died] = [attributes for action, attributes in events_of(quilt, "c") if action == "died"]
    assert (died["oomKilled"], died["reason"], died["exitCode"]) == ("true", "oom-killed", "137")


def test_next_run_begins_without_it(quilt: Quilt) -> None:
    """The flag and the count are those of the last run."""
    program = f"[ -e /once ] && exit 0; touch /once; {HOG}"
    assert quilt("run", "--name", "c", *LIMITS, "box", "sh", "-c", program).returncode == 137
    assert quilt.sql("SELECT oom_kills FROM containers") == [{"oom_kills": 1}]
    quilt.ok("start", "-a", "c")
    assert not quilt.inspect("c")["State"]["OOMKilled"]
    assert quilt.sql("SELECT oom_kills FROM containers") == [{"oom_kills": 0}]


def test_stop_that_ends_in_kill_is_no_oom(quilt: Quilt) -> None:
    """A child was killed for memory long ago; what ended the program is somebody else's doing."""
    quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", f"sh -c '{HOG}'; sleep 1000")
    quilt.eventually(lambda: "oom" in [action for action, _ in events_of(quilt, "c")])
    quilt.ok("stop", "-t", "0", "c")
    state = quilt.inspect("c")["State"]
    assert (state["ExitCode"], state["OOMKilled"], state["ExitReason"]) == (137, False, "stopped")


def test_many_kills_are_all_counted(quilt: Quilt) -> None:
    """Some in one event, if they come quickly; the sum is right, and no helper is left behind."""
    loop = f"for i in 1 2 3 4 5 6; do sh -c '{HOG}'; done; sleep 1000"
    quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", loop)
    quilt.eventually(lambda: quilt.sql("SELECT oom_kills FROM containers") == [{"oom_kills": 6}], 60)
    events = [attributes for action, attributes in events_of(quilt, "c") if action == "oom"]
    assert sum(int(event["kills"]) for event in events) == 6
    assert events[-1]["total"] == "6"
    shim = quilt.shim_pid("c")
    children = Path(f"/proc/{shim}/task/{shim}/children")
    quilt.eventually(lambda: children.read_text().split() == [str(quilt.inspect("c")["State"]["Pid"])])


def test_count_that_could_not_be_written_comes_with_the_end(quilt: Quilt, pausing: Pausing) -> None:
    """Its helper hangs; the exit record has it."""
    slow, _ = pausing("runtime/shim/note_oom.py", "connection = open_to_write(")
    slow.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", f"sh -c '{HOG}'; exit 4")
    assert quilt.ok("wait", "c") == "4"
    assert [action for action, _ in events_of(quilt, "c")][-2:] == ["oom", "died"]


def test_shim_without_a_descriptor_left_goes_on(quilt: Quilt) -> None:
    """The host is short of everything when memory is short: the count comes with the end then, and the code too."""
    program = f"sleep 1; sh -c '{HOG}'; touch /over; sleep 1; exit 4"
    container_id = quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", program)
    shim = quilt.shim_pid("c")
    used = {int(name) for name in os.listdir(f"/proc/{shim}/fd")}
    before = resource.prlimit(shim, resource.RLIMIT_NOFILE)
    resource.prlimit(shim, resource.RLIMIT_NOFILE, (min({*range(64)} - used), before[1]))
    quilt.eventually((quilt.root / "containers" / container_id / "upper" / "over").exists)
    time.sleep(0.3)  # it has looked at the count by now
    resource.prlimit(shim, resource.RLIMIT_NOFILE, before)
    assert quilt.ok("wait", "c") == "4"
    assert [action for action, _ in events_of(quilt, "c")][-2:] == ["oom", "died"]


def test_helper_that_waits_for_the_database_holds_nothing_of_the_shim(quilt: Quilt) -> None:
    """Neither a port of the host, nor an end of somebody's pipe, which would not close before the helper does."""
    writer = sqlite3.connect(quilt.root / "quilt.db", isolation_level=None)
    quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", f"sleep 1; sh -c '{HOG}'; sleep 1000")
    shim, first = quilt.shim_pid("c"), str(quilt.inspect("c")["State"]["Pid"])
    writer.execute("BEGIN IMMEDIATE")
    children = Path(f"/proc/{shim}/task/{shim}/children")
    quilt.eventually(lambda: len(children.read_text().split()) == 2)
    helper = next(pid for pid in children.read_text().split() if pid != first)
    quilt.eventually(lambda: any("quilt.db" in link for link in links(helper)))
    found = links(helper)
    writer.execute("ROLLBACK")
    writer.close()
    assert [link for link in found if link.startswith(("pipe:", "socket:"))] == []


def links(pid: int | str) -> list[str]:
    """Return what a process has open."""
    return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
