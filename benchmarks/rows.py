"""What is measured, in the order in which the containers it needs come and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import port, queries
from benchmarks.engines import Engine, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.agent import Argv

ROWS = {
    "run": ("run --rm IMAGE true", "ms", 70),
    "run-limited": ("run --rm with limits IMAGE true", "ms", None),
    "run-d": ("run -d returns", "ms", 60),
    "run-wired": ("run --rm IMAGE true, in the default network", "ms", 85),
    "run-d-wired": ("run -d returns, in the default network", "ms", 75),
    "exec": ("exec C true", "ms", 35),
    "ps-1": ("ps, 1 running", "ms", 25),
    "ps-100": ("ps, 100 running", "ms", 28),
    "ps-500": ("ps, 500 running", "ms", 40),
    "inspect": ("inspect of one among 100", "ms", 25),
    "stats-100": ("stats, 100 running", "ms", 100),
    "start-100": ("100 x run -d, 8 at a time", "ms", 4000),
    "start-100-wired": ("100 x run -d, 8 at a time, in the default network", "ms", 4500),
    "port": (f"{port.MEGABYTES} MB from a published port", "ms", None),
    "rm-100": ("rm -f of 100 running, one command", "ms", 1000),
    "memory": ("memory of a monitor (PSS)", "MiB", 4),
    "query-list": ("query: state of 1,000 containers", "ms", 1),
    "query-values": ("query: 1,000 containers as values", "ms", None),
    "query-running": ("query: how many of 1,000 run", "ms", 1),
    "query-name": ("query: one of 1,000 by name", "ms", 0.1),
    "query-prefix": ("query: one of 1,000 by prefix", "ms", 0.1),
}
"""By key: what it is, its unit, and what quiltctl must reach."""
AT_ONCE = 8
HUNDRED = [f"bench{number}" for number in range(100)]
FIVE_HUNDRED = [f"bench{number}" for number in range(500)]
_UNITS = {"ms": 1e6, "MiB": 1024}


@dataclass
class Measured:
    """The samples of each row and engine, in the row's unit."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, row: str, engine: str, value: float) -> None:
        """Add a sample, given in nanoseconds or KiB."""
        self.samples.setdefault(row, {}).setdefault(engine, []).append(value / _UNITS[ROWS[row][1]])


def measure(engines: list[Engine], wanted: set[str], scratch: Path, *, repeat: int, rounds: int) -> Measured:
    """Measure the wanted rows: each repetition asks one engine after the other, so that the machine's moods hit all."""
    measured = Measured()
    _to_the_end(measured, engines, wanted, repeat)
    if "run-d" in wanted:
        _alternate(measured, "run-d", engines, repeat, lambda e, turn: named(e.start, f"bench{turn}"))
        _remove(engines, [f"bench{turn}" for turn in range(repeat)])
    _in_a_network(measured, [engine for engine in engines if engine.run_wired is not None], wanted, repeat, rounds)
    if wanted & {"exec", "ps-1"}:
        _one_running(measured, engines, wanted, repeat)
    if wanted & {"start-100", "rm-100", "ps-100", "inspect", "stats-100", "memory"}:
        for turn in range(rounds if wanted & {"start-100", "rm-100"} else 1):
            _hundred_running(measured, engines, wanted, repeat if turn == 0 else 0)
    if "ps-500" in wanted:
        _five_hundred_running(measured, engines, repeat)
    if any(row.startswith("query") for row in wanted):
        for row, times in queries.measure(scratch, 50 * repeat).items():
            for ns in times:
                measured.add(row, "quiltctl", ns)
    return measured


def _to_the_end(measured: Measured, engines: list[Engine], wanted: set[str], repeat: int) -> None:
    if "run" in wanted:
        _alternate(measured, "run", engines, repeat, lambda engine, _: engine.run)
    if "run-limited" in wanted:
        _alternate(measured, "run-limited", engines, repeat, lambda engine, _: engine.run_limited)


def _in_a_network(measured: Measured, wired: list[Engine], wanted: set[str], repeat: int, rounds: int) -> None:
    if "run-wired" in wanted:
        _alternate(measured, "run-wired", wired, repeat, lambda engine, _: engine.run_wired)
    if "run-d-wired" in wanted:
        _alternate(measured, "run-d-wired", wired, repeat, lambda e, turn: named(e.start_wired or [], f"bench{turn}"))
        _remove(wired, [f"bench{turn}" for turn in range(repeat)])
    for _ in range(rounds if "start-100-wired" in wanted else 0):
        for engine in wired:
            ns = engine.agent.time([named(engine.start_wired or [], name) for name in HUNDRED], AT_ONCE)
            measured.add("start-100-wired", engine.name, ns)
        _remove(wired, HUNDRED)
    if "port" in wanted:
        for name, ns in port.measure(wired, repeat):
            measured.add("port", name, ns)


def _alternate(
    measured: Measured, row: str, engines: Iterable[Engine], repeat: int, make: Callable[[Engine, int], Argv | None]
) -> None:
    for turn in range(repeat):
        for engine in engines:
            argv = make(engine, turn)
            if argv is not None:
                measured.add(row, engine.name, engine.agent.time([argv]))


def _one_running(measured: Measured, engines: list[Engine], wanted: set[str], repeat: int) -> None:
    for engine in engines:
        engine.agent.time([named(engine.start, "bench0")])
    if "exec" in wanted:
        _alternate(measured, "exec", engines, repeat, lambda e, _: named(e.execute, "bench0"))
    if "ps-1" in wanted:
        _alternate(measured, "ps-1", engines, repeat, lambda e, _: e.list_running)
    _remove(engines, ["bench0"])


def _hundred_running(measured: Measured, engines: list[Engine], wanted: set[str], repeat: int) -> None:
    for engine in engines:
        ns = engine.agent.time([named(engine.start, name) for name in HUNDRED], AT_ONCE)
        measured.add("start-100", engine.name, ns)
    if "ps-100" in wanted:
        _alternate(measured, "ps-100", engines, repeat, lambda e, _: e.list_running)
    if "inspect" in wanted:
        _alternate(measured, "inspect", engines, repeat, lambda e, _: e.inspect and named(e.inspect, "bench50"))
    if "stats-100" in wanted:
        _alternate(measured, "stats-100", engines, repeat, lambda e, _: e.stats)
    for engine in engines if repeat and "memory" in wanted else []:
        for pid in engine.monitors(HUNDRED):
            measured.add("memory", engine.name, _pss_kib(pid))
    for engine in engines:
        measured.add("rm-100", engine.name, engine.agent.time([engine.remove(HUNDRED)]))


def _five_hundred_running(measured: Measured, engines: list[Engine], repeat: int) -> None:
    listing = [engine for engine in engines if engine.list_running is not None]
    for engine in listing:
        engine.agent.time([named(engine.start, name) for name in FIVE_HUNDRED], AT_ONCE)
    _alternate(measured, "ps-500", listing, repeat, lambda e, _: e.list_running)
    _remove(listing, FIVE_HUNDRED)


def _remove(engines: Iterable[Engine], names: list[str]) -> None:
    for engine in engines:
        engine.agent.time([engine.remove(names)])


def _pss_kib(pid: int) -> int:
    """Return a process's share of memory, pages that several share divided among them (proc_pid_smaps(5))."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
