"""What the kernel kills for memory is told truly: by the exit, by inspect, and by an event when it happens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

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


def test_many_kills_are_counted_by_few_helpers(quilt: Quilt) -> None:
    """Each is in the sum; the watch lets a second go by between looks, and leaves no process behind."""
    loop = f"for i in 1 2 3 4 5 6; do sh -c '{HOG}'; done; sleep 1000"
    quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", loop)
    quilt.eventually(lambda: quilt.sql("SELECT oom_kills FROM containers") == [{"oom_kills": 6}], 60)
    events = [attributes for action, attributes in events_of(quilt, "c") if action == "oom"]
    assert sum(int(event["kills"]) for event in events) == 6
    assert len(events) < 6
    assert events[-1]["total"] == "6"


def test_count_that_could_not_be_written_comes_with_the_end(quilt: Quilt) -> None:
    """While the database was locked: the exit record has it."""
    import sqlite3

    quilt.ok("run", "-d", "--name", "c", *LIMITS, "box", "sh", "-c", f"sleep 1; sh -c '{HOG}'; sleep 7; exit 4")
    writer = sqlite3.connect(quilt.root / "quilt.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    import time

    time.sleep(7)  # longer than the helper's patience
    writer.execute("ROLLBACK")
    writer.close()
    assert quilt.ok("wait", "c") == "4"
    assert [action for action, _ in events_of(quilt, "c")][-2:] == ["oom", "died"]
