"""Containers that stand still: `pause`, `unpause`, and what the other verbs do with them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.cgroup import population

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.e2e.conftest import Quilt

    Pausing = Callable[[str, str], tuple[Quilt, Callable[[], AbstractContextManager[None]]]]

pytestmark = pytest.mark.needs("root")
NONE = ("--network", "none")
COUNT = "i=0; while :; do i=$((i+1)); echo $i > /count; done"


def start(quilt: Quilt, *flags: str, name: str = "c") -> Path:
    """Start a container that counts, and return the file in which it does."""
    container_id = quilt.ok("run", "-d", "--name", name, *NONE, *flags, "box", "sh", "-c", COUNT)
    file = quilt.root / "containers" / container_id / "upper" / "count"
    quilt.eventually(file.exists)
    return file


def ticks(quilt: Quilt, name: str) -> int:
    """Return the processor time of a container's first process."""
    fields = Path(f"/proc/{quilt.inspect(name)['State']['Pid']}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def states(quilt: Quilt, name: str = "c") -> tuple[str, bool, bool]:
    """Return what inspect says of a container."""
    state = quilt.inspect(name)["State"]
    return state["Status"], state["Running"], state["Paused"]


def cgroup(quilt: Quilt, name: str = "c") -> str:
    """Return the path of a container's cgroup."""
    path: str = quilt.inspect(name)["State"]["CgroupPath"].strip("/")
    return path


def test_paused_container_stands_still_and_goes_on(either: Quilt) -> None:
    """Its processes use no time; ps and inspect say so; and it goes on where it was."""
    start(either)
    assert either.ok("pause", "c") == "c"
    assert states(either) == ("paused", False, True)
    assert either.ok("ps", "-a", "--format", "{{.Status}}") == "Paused"
    before = ticks(either, "c")
    time.sleep(0.2)
    assert ticks(either, "c") == before
    assert either.ok("unpause", "c") == "c"
    assert states(either) == ("running", True, False)
    either.eventually(lambda: ticks(either, "c") > before)
    actions = either.ok(
        "events", "--stream=false", "--since", "1h", "--filter", "container=c", "--format", "{{.Status}}"
    ).split()
    assert actions == ["create", "init", "start", "pause", "unpause"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("pause", "c"), 125, "cannot pause c: it is paused already"),
        (("exec", "c", "true"), 125, "cannot exec in c: it is paused"),
        (("unpause", "c", "r"), 125, "cannot unpause r: it is running, not paused"),
        (("rm", "c"), 2, "cannot remove c: it is paused"),
        (("pause", "nobody"), 125, 'no such container: "nobody"'),
    ],
)
def test_what_does_not_fit_is_refused(quilt: Quilt, words: tuple[str, ...], code: int, error: str) -> None:
    """A sentence that says how it is."""
    start(quilt)
    start(quilt, name="r")
    quilt.ok("pause", "c")
    done = quilt(*words)
    assert (done.returncode, error in done.stderr) == (code, True), done


@pytest.mark.parametrize("words", [("rm", "-f", "c"), ("stop", "-t", "0", "c"), ("kill", "c"), ("stop", "c")])
def test_paused_container_is_ended_as_any_other(either: Quilt, words: tuple[str, ...]) -> None:
    """At once, also where the v1 freezer would hold what was killed; a stop signal reaches the program."""
    start(either, "--init")
    either.ok("pause", "c")
    began = time.monotonic()
    either.ok(*words)
    if words[0] != "rm":
        either.eventually(lambda: states(either)[0] == "exited")
    assert time.monotonic() - began < 8
    either.ok("rm", "-f", "c")
    assert either.ok("gc") == ""
    assert either.traces()["cgroups"] == []


def test_timeout_ends_a_paused_container(either: Quilt) -> None:
    """It was asked to end by then."""
    start(either, "--timeout", "1")
    either.ok("pause", "c")
    assert either.ok("wait", "c") == "137"
    assert either.inspect("c")["State"]["ExitReason"] == "timeout"


def test_shim_that_is_killed_takes_a_paused_container_with_it(either: Quilt) -> None:
    """With the v1 freezer it waits for whoever thaws: gc does."""
    import os

    start(either)
    either.ok("pause", "c")
    os.kill(either.shim_pid("c"), 9)
    either.eventually(lambda: [either("gc"), either.inspect("c")["State"]["Status"] == "exited"][1])
    assert either.inspect("c")["State"]["ExitReason"] == "supervisor-lost"
    either.ok("rm", "c")
    assert either.traces()["cgroups"] == []


def test_all_of_a_kind_are_paused(quilt: Quilt) -> None:
    """By flag and by filter; those that do not run are left out."""
    for name, label in (("a", "k=1"), ("b", "k=2"), ("d", "k=1")):
        quilt.ok("run", "-d", "--name", name, "-l", label, *NONE, "box", "sleep", "1000")
    quilt.ok("create", "--name", "new", *NONE, "box", "true")
    assert len(quilt.ok("pause", "--filter", "label=k=1").split()) == 2
    assert [states(quilt, name)[0] for name in ("a", "b", "d")] == ["paused", "running", "paused"]
    assert len(quilt.ok("pause", "--all").split()) == 1
    assert len(quilt.ok("unpause", "-a").split()) == 3


@pytest.mark.parametrize(("verb", "told"), [("pause", "paused"), ("unpause", "running")])
def test_row_follows_the_kernel_where_a_pause_was_killed(quilt: Quilt, pausing: Pausing, verb: str, told: str) -> None:
    """Between the two: gc asks the kernel, says what it has mended, and is quiet the second time."""
    start(quilt)
    if verb == "unpause":
        quilt.ok("pause", "c")
    slow, pause = pausing(
        "runtime/lifecycle/pause.py",
        f'if not _move(connection, container, "{told}"',
    )
    killed = slow.popen(verb, "c")
    with pause():
        killed.kill()
        killed.wait()
    assert quilt.ok("gc", "--dry-run") == f"container c: would be marked {told}"
    assert quilt.ok("gc") == f"container c: marked {told}"
    assert states(quilt)[0] == told
    assert quilt.ok("gc") == ""


def test_gc_leaves_a_row_to_the_pause_that_is_about_to_write_it(quilt: Quilt, pausing: Pausing) -> None:
    """Nothing is wrong there, so there is nothing to say."""
    start(quilt)
    slow, pause = pausing("runtime/lifecycle/pause.py", 'if not _move(connection, container, "paused"')
    waiting = slow.popen("pause", "c")
    with pause():
        assert quilt.ok("gc") == ""
    assert waiting.wait() == 0
    assert states(quilt)[0] == "paused"
    assert population.is_told_to_stand(cgroup(quilt))


def test_container_that_ends_while_it_is_paused_is_not_left_frozen(quilt: Quilt, pausing: Pausing) -> None:
    """A kill wins; the pause says so."""
    start(quilt)
    slow, pause = pausing("runtime/lifecycle/pause.py", 'if not _move(connection, container, "paused"')
    waiting = slow.popen("pause", "c", stderr=-1)
    with pause():
        quilt.ok("kill", "c")
        quilt.ok("wait", "c")
    _, told = waiting.communicate()
    assert (waiting.returncode, b"it has just ended" in told) == (125, True)
    assert states(quilt)[0] == "exited"


def test_row_says_what_the_kernel_has_when_others_pause_as_well(quilt: Quilt, pausing: Pausing) -> None:
    """One stops before it writes the row; meanwhile another pauses, and one lets the container go on, if they may."""
    start(quilt)
    slow, pause = pausing("runtime/lifecycle/pause.py", 'if not _move(connection, container, "paused"')
    waiting = slow.popen("pause", "c")
    with pause():
        others = [quilt.popen("pause", "c", stderr=-1)]
        time.sleep(1)
        others.append(quilt.popen("unpause", "c", stderr=-1))
        time.sleep(1)
    for process in (waiting, *others):
        process.communicate()
    assert (states(quilt)[0] == "paused") == population.is_told_to_stand(cgroup(quilt))
    assert quilt.ok("gc") == ""


def test_container_that_is_removed_while_it_is_frozen_is_not_waited_for(quilt: Quilt, pausing: Pausing) -> None:
    """Its cgroup is gone; the kernel had no trouble with its processes."""
    start(quilt)
    slow, pause = pausing("runtime/cgroup/population.py", "if is_frozen(path):")
    waiting = slow.popen("pause", "c", stderr=-1)
    with pause():
        quilt.ok("rm", "-f", "c")
    began = time.monotonic()
    _, told = waiting.communicate(timeout=20)
    assert (waiting.returncode, told.decode()) == (125, "Error: cannot pause c: it has just ended\n")
    assert time.monotonic() - began < 5


def test_pause_that_comes_after_the_stop_signal_does_not_keep_it_from_the_program(
    quilt: Quilt, pausing: Pausing
) -> None:
    """The program hears it and ends by itself."""
    trap = "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.05; done"
    container_id = quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", trap)
    quilt.eventually((quilt.root / "containers" / container_id / "upper" / "ready").exists)
    slow, pause = pausing("runtime/lifecycle/stop.py", "_send(paths, connection, container, signal if patience_s")
    stopping = slow.popen("stop", "-t", "-1", "c", stdout=-1)
    with pause():
        quilt.ok("pause", "c")
    assert stopping.communicate(timeout=20)[0] == b"c\n"
    assert quilt.inspect("c")["State"]["ExitCode"] == 9
