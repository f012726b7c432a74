"""Kill -9 at every step of a command: the truth at once, nothing left after gc, the name free, neighbours untouched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from quiltctl.paths import Paths
from quiltctl.runtime.cgroup import place, population

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt
    from tests.faults.conftest import Faulty

pytestmark = pytest.mark.needs("root")
NONE = ("--network", "none")
LIMITS = ("--memory", "64m", "--cpus", "0.5", "--cpuset-cpus", "0")
MAKE = ("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")

SCENARIOS: dict[str, tuple[list[tuple[str, ...]], tuple[str, ...]]] = {
    # what stands before, and the command that is killed
    "run -d": ([], ("run", "-d", "--name", "c", *NONE, *LIMITS, "box", "sleep", "1000")),
    "run --rm": ([], ("run", "--rm", "--name", "c", *NONE, "box", "true")),
    "create": ([], ("create", "--name", "c", *NONE, "box", "true")),
    "start": ([("create", "--name", "c", *NONE, "box", "sleep", "1000")], ("start", "c")),
    "stop": ([MAKE], ("stop", "-t", "0", "c")),
    "rm -f": ([MAKE], ("rm", "-f", "c")),
    "pause": ([MAKE], ("pause", "c")),
    "unpause": ([MAKE, ("pause", "c")], ("unpause", "c")),
    "update": ([MAKE], ("update", *LIMITS, "c")),
    "exec": ([MAKE], ("exec", "c", "true")),
    "gc": ([MAKE, ("kill", "c")], ("gc",)),
}


def prepare(faulty: Faulty, scenario: str) -> tuple[str, ...]:
    """Bring about what stands before, by the copy, whose shims have points too, and return the command."""
    before, command = SCENARIOS[scenario]
    for words in before:
        faulty.ok(*words)
    return command


def is_told_truly(sound: Quilt) -> bool:
    """Return whether what is said to run has a living first process in its cgroup."""
    for row in json.loads(sound.ok("ps", "-a", "--json")):
        if row["Names"] == ["c"] and row["State"] in {"running", "paused"}:
            path = place.of_container(Paths(str(sound.root)), row["Id"])
            return row["Pid"] in population.members(path)
    return True


def check(sound: Quilt, neighbour: str) -> None:
    """See that what is told is true, and that nothing is left once all is removed."""
    sound.eventually(lambda: is_told_truly(sound))  # it may just be ending
    assert sound("gc").returncode == 0
    sound.eventually(lambda: sound.ok("gc") == "")
    sound("rm", "-f", "c")
    left = sound.traces()
    del left["processes"]  # the neighbour's are told by numbers
    assert {kind: [one for one in found if neighbour not in one] for kind, found in left.items()} == {
        "folders": [],
        "cgroups": [],
        "mounts": [],
        "rows": [],
    }


def check_once(sound: Quilt) -> None:
    """See that the neighbour is well, and that the name can be used again, by itself and by others."""
    assert sound.ok("exec", "neighbour", "echo", "well") == "well"
    assert sound("run", "--rm", "--name", "c", *NONE, "box", "sh", "-c", "exit 7").returncode == 7
    assert sound.ok("gc") == ""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_command_that_is_killed_at_any_step_leaves_nothing_wrong(faulty: Faulty, scenario: str) -> None:
    """Each point it comes to, itself or its shim, once."""
    neighbour = faulty.sound.ok("run", "-d", "--name", "neighbour", *NONE, "box", "sleep", "1000")
    command = prepare(faulty, scenario)
    faulty.record()
    faulty(*command)
    points = list(dict.fromkeys(faulty.recorded()))
    assert points
    faulty.sound("rm", "-f", "c")
    faulty.sound.ok("gc")
    for name, number in points:
        prepare(faulty, scenario)
        faulty.arm(name, number)
        faulty(*command)
        faulty.disarm()
        try:
            check(faulty.sound, neighbour)
        except AssertionError as error:
            error.add_note(f"killed at {name} {number}")
            raise
    check_once(faulty.sound)
    print(f"{scenario}: {len(points)} points")  # noqa: T201 (a figure)


WIRED = ("run", "-d", "--name", "c", "-p", "127.0.0.1:8098:80", "--egress", "deny", "box", "sleep", "1000")


@pytest.mark.needs("nft", "ip")
@pytest.mark.parametrize("command", [WIRED, ("rm", "-f", "c")], ids=["run -p", "rm -f"])
def test_wired_container_leaves_no_trace_in_the_network(faulty: Faulty, command: tuple[str, ...]) -> None:
    """Killed at each step that has to do with networks: no lease, port, interface or rule, and no task."""
    neighbour = faulty.sound.ok("run", "-d", "--name", "neighbour", *NONE, "box", "sleep", "1000")
    prepare = [] if command is WIRED else [WIRED]
    for words in prepare:
        faulty.ok(*words)
    faulty.record()
    faulty(*command)
    points = [point for point in dict.fromkeys(faulty.recorded()) if "network" in point[0] or "lease" in point[0]]
    assert points
    faulty.sound("rm", "-f", "c")
    faulty.sound.ok("gc")
    for name, number in points:
        for words in prepare:
            faulty.ok(*words)
        faulty.arm(name, number)
        faulty(*command)
        faulty.disarm()
        try:
            check(faulty.sound, neighbour)
            left = faulty.sound.network_traces()
            assert (left["leases"], left["ports"], left["tasks"]) == ([], [], [])
            assert [link for link in left["links"] if "-" in link] == []  # bridges have no dash
        except AssertionError as error:
            error.add_note(f"killed at {name} {number}")
            raise
    print(f"{command[0]} in a network: {len(points)} points")  # noqa: T201 (a figure)
