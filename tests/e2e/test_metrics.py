"""`metrics`: the installed command, its numbers against the kernel's, and its table in the docs."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.metric_families import parse_openmetrics, parse_prometheus

if TYPE_CHECKING:
    from typing import Any

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
PAGE = Path(__file__).parents[2] / "docs/metrics.md"
MEMORY = 64 << 20


def families(quilt: Quilt, *words: str) -> dict[str, Any]:
    """Return the metrics by their whole name."""
    text = quilt.ok("metrics", *words) + "\n"
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in parse_openmetrics(text)
    }


def number(quilt: Quilt, metric: str, name: str) -> float | None:
    """Return a number of one container, or None where it is not told."""
    return next((s.value for s in families(quilt)[metric].samples if s.labels["name"] == name), None)


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    """Return the table of the page: type and labels by metric."""
    rows = [line.split("|")[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| `quilt_")]
    return {
        name.strip().strip("`"): (kind.strip(), frozenset(word.strip().strip("`") for word in labels.split(",")) - {""})
        for name, kind, labels, _ in rows
    }


def test_every_metric_stands_in_the_table_and_nothing_else(quilt: Quilt) -> None:
    """With its type and its labels, of a container that runs, one that has ended, and a gc that has run."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "--cpus", "1", "box", "sleep", "1000")
    quilt.ok("run", "--name", "done", *NONE, "box", "true")
    quilt.ok("gc")

    told = families(quilt)

    own = {name: {"id", "name", "image"} if name.startswith("quilt_container_") else {"root"} for name in told}
    found = {
        name: (family.type, frozenset(label for s in family.samples for label in s.labels) - own[name])
        for name, family in told.items()
    }
    assert found == documented()
    assert all(own[name] <= set(s.labels) for name, family in told.items() for s in family.samples)
    assert [name for name, family in told.items() if not family.samples] == []


def test_metrics_are_those_of_the_kernel(quilt: Quilt) -> None:
    """What a container computes, holds and may hold, and how many it is; gone with its end, and it with its removal."""
    fill = "x=$(head -c 8000000 /dev/zero | tr '\\0' x)"
    program = f"{fill}; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1000 & wait"
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", str(MEMORY), "box", "sh", "-c", program)
    quilt.eventually(lambda: number(quilt, "quilt_container_pids", "c") == 2)

    cpu_seconds = number(quilt, "quilt_container_cpu_seconds_total", "c")
    memory_bytes = number(quilt, "quilt_container_memory_bytes", "c")

    assert cpu_seconds is not None
    assert memory_bytes is not None
    assert 0.03 < cpu_seconds < 60
    assert 8_000_000 < memory_bytes <= MEMORY
    assert number(quilt, "quilt_container_memory_limit_bytes", "c") == MEMORY
    assert number(quilt, "quilt_container_running", "c") == 1
    quilt.ok("kill", "c")
    quilt.ok("wait", "c")
    assert number(quilt, "quilt_container_cpu_seconds_total", "c") is None
    assert number(quilt, "quilt_container_last_exit_code", "c") == 137
    quilt.ok("rm", "c")
    assert not [s for name, f in families(quilt).items() if name.startswith("quilt_container_") for s in f.samples]


def test_metrics_of_a_container_whose_shim_was_killed(quilt: Quilt) -> None:
    """It never runs in the numbers, before anybody has mended its row and after."""
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    shim = quilt.shim_pid("c")
    os.kill(shim, 9)
    quilt.eventually(lambda: quilt.inspect("c")["State"]["Status"] == "exited")
    for _ in range(2):
        assert number(quilt, "quilt_container_running", "c") == 0
        assert number(quilt, "quilt_container_last_exit_code", "c") == -1
        quilt.ok("gc")
    exits = {s.labels["reason"]: s.value for s in families(quilt)["quilt_exits_total"].samples}
    assert exits["supervisor-lost"] == 1


def test_metrics_count_what_the_kernel_kills_for_memory(quilt: Quilt) -> None:
    """While the container goes on, after it has ended by it, and of the whole root when it is removed."""
    hungry = "(x=$(head -c 90000000 /dev/zero | tr '\\0' x)); sleep 1000; :"
    quilt.ok("run", "-d", "--name", "c", *NONE, "--memory", "32m", "box", "sh", "-c", hungry)
    quilt.eventually(lambda: number(quilt, "quilt_container_oom_kills_total", "c"))
    kills = number(quilt, "quilt_container_oom_kills_total", "c")
    assert number(quilt, "quilt_container_running", "c") == 1
    quilt.ok("rm", "-f", "c")

    (total,) = families(quilt)["quilt_oom_kills_total"].samples
    assert total.value == kills


def test_counters_do_not_fall_when_gc_forgets(quilt: Quilt) -> None:
    """What is deleted from the events stays counted, by the installed command."""
    for _ in range(3):
        quilt.ok("run", "--rm", *NONE, "box", "true")
    before = families(quilt)["quilt_exits_total"].samples
    quilt.ok("gc", "--events-older-than", "1ms")

    assert [row["n"] for row in quilt.sql("SELECT count(*) AS n FROM events WHERE action = 'died'")] == [0]
    assert families(quilt)["quilt_exits_total"].samples == before
    assert {s.labels["reason"]: s.value for s in before}["exited"] == 3


def test_metrics_in_a_file_are_whole_whenever_they_are_read(quilt: Quilt, tmp_path: Path) -> None:
    """Two writers and a reader: each time there is one whole text, of mode 0644; nothing is left beside."""
    target = tmp_path / "quilt.prom"
    quilt.ok("metrics", "-o", target)
    writers = [threading.Thread(target=lambda: [quilt.ok("metrics", "-o", target) for _ in range(10)]) for _ in (1, 2)]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers):
        text = target.read_text()
        assert text.endswith("# EOF\n")
        assert oct(target.stat().st_mode & 0o777) == "0o644"
        reads += 1
    for writer in writers:
        writer.join()

    assert reads > 20
    assert len(list(parse_openmetrics(target.read_text()))) > 20
    assert os.listdir(tmp_path) == ["quilt.prom"]


def test_metrics_in_the_older_format(quilt: Quilt) -> None:
    """The same numbers under the same names, with the types of counters."""
    quilt.ok("run", "--name", "c", *NONE, "box", "true")

    classic = list(parse_prometheus(quilt.ok("metrics", "--format", "prometheus") + "\n"))

    types = {f"{f.name}_total" if f.type == "counter" else f.name: f.type for f in classic}
    assert types == {name: kind for name, (kind, _) in documented().items()}
    assert all(s.name in types for family in classic for s in family.samples)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (".", "it is there and no plain file"),
        ("fifo", "it is there and no plain file"),
        ("missing/quilt.prom", "No such file or directory"),
    ],
)
def test_metrics_refuse_what_is_no_file(quilt: Quilt, tmp_path: Path, name: str, sentence: str) -> None:
    """At once, also a FIFO that nobody reads, and with a hint."""
    os.mkfifo(tmp_path / "fifo")

    done = quilt("metrics", "-o", f"{tmp_path}/{name}", timeout=10)

    assert done.returncode == 125
    assert done.stderr.splitlines()[0] == f"Error: cannot write the metrics to {tmp_path}/{name}: {sentence}"
    assert done.stderr.splitlines()[1].startswith("hint: ")
    assert os.listdir(tmp_path) == ["fifo"]


def test_metrics_on_a_full_disk(quilt: Quilt) -> None:
    """They are printed where not a byte can be written; a file on it stays as it was."""
    quilt.ok("run", "--name", "c", *NONE, "box", "true")
    script = (
        "set -e; mount --make-rprivate /; mkdir -p $1/full; mount -t tmpfs -o size=2m tmpfs $1/full;"
        "cp $1/quilt.db* $1/full/; echo old > $1/full/quilt.prom;"
        "dd if=/dev/zero of=$1/full/fill bs=4k 2>/dev/null || true;"
        "$2 --root $1/full metrics; $2 --root $1/full metrics -o $1/full/quilt.prom || echo $?;"
        "cat $1/full/quilt.prom; ls $1/full"
    )

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(quilt.root), quilt.command],
        capture_output=True,
        text=True,
        check=True,
    )

    text, _, rest = done.stdout.partition("# EOF\n")
    assert 'quilt_containers{root="' in text
    assert rest.splitlines()[:2] == ["125", "old"]
    assert {*rest.splitlines()[2:]} <= {"fill", "quilt.db", "quilt.db-shm", "quilt.db-wal", "quilt.prom"}
    assert "No space left on device" in done.stderr


def test_metrics_while_containers_come_and_go(quilt: Quilt) -> None:
    """Whatever ends between the question and the answer, every text is whole."""
    words = [quilt.command, "run", "--rm", *NONE, "box", "true"]
    loop = subprocess.Popen(["sh", "-c", "for i in $(seq 15); do " + " ".join(words) + "; done"], env=quilt.environment)
    while loop.poll() is None:
        assert families(quilt)
    assert loop.returncode == 0
    assert json.loads(quilt.ok("ps", "-a", "--json")) == []
