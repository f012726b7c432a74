"""What `stats` can say of a container: a field each, under the names that docker and podman have for them."""

from __future__ import annotations

from quiltctl.model.figures import share
from quiltctl.runtime.lifecycle.sample import cpu_percent
from quiltctl.ui.ago import timestamp
from quiltctl.ui.size import binary_bytes, human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quiltctl.runtime.lifecycle.sample import Usage

UNKNOWN = "--"
"""What nobody knows: the container does not run, or its cgroup lacks the controller. 0 is a figure, and shown as 0."""
_SHORT_ID = 12
_SECOND_NS = 1_000_000_000
HEADINGS = (
    ("ID", "ID"),
    ("NAME", "Name"),
    ("CPU %", "CPUPerc"),
    ("MEM USAGE / LIMIT", "MemUsage"),
    ("MEM %", "MemPerc"),
    ("NET IO", "NetIO"),
    ("BLOCK IO", "BlockIO"),
    ("PIDS", "PIDS"),
    ("CPU TIME", "UpTime"),
    ("AVG CPU %", "AVGCPU"),
)
"""podman's columns; in a narrow window the last ones go first."""


KNOWN = (*HEADINGS, ("PIDS", "PIDs"), ("MEM USAGE / LIMIT", "MemUsageBytes"))
"""What stands above a column of a template: podman's and docker's words."""


class Row:
    """One container in one sample, with the sample before, if there was one."""

    __slots__ = ("before", "now", "read_at", "whole")

    def __init__(self, now: Usage, before: Usage | None, *, read_at: int, whole: bool) -> None:
        self.now = now
        self.before = before
        self.read_at = read_at
        self.whole = whole

    @property
    def cpu(self) -> float | None:
        """Return how much of one processor it uses, in per cent: since the sample before, or since its start."""
        return cpu_percent(self.now, self.before)

    @property
    def memory(self) -> float | None:
        """Return how much of the memory it may use it uses, in per cent."""
        return share(self.now.figures.memory_bytes, self.now.figures.memory_limit_bytes)


SORTS: dict[str, Callable[[Row], Any]] = {
    "cpu": lambda row: row.cpu or 0.0,
    "memory": lambda row: row.now.figures.memory_bytes or 0,
    "pids": lambda row: row.now.figures.pids or 0,
    "net": lambda row: (row.now.traffic.received_bytes or 0) + (row.now.traffic.sent_bytes or 0),
    "block": lambda row: (row.now.figures.read_bytes or 0) + (row.now.figures.written_bytes or 0),
}
"""The greatest first."""


def sort(rows: list[Row], key: str) -> list[Row]:
    """Return the rows in this order; ``created`` is that in which they come."""
    if key == "name":
        return sorted(rows, key=lambda row: row.now.container.name)
    return rows if key == "created" else sorted(rows, key=SORTS[key], reverse=True)


def cpu_time(ns: int | None) -> str:
    """Return a time of a processor as podman does, in the largest unit that it fills: ``17.2ms``, ``1h2m3.4s``."""
    if ns is None:
        return UNKNOWN
    for unit, size in (("ns", 1000), ("µs", 1000**2), ("ms", _SECOND_NS)):
        if ns < size:
            return f"{ns * 1000 / size:.4g}{unit}" if unit != "ns" else f"{ns}ns"
    minutes, seconds_ns = divmod(ns, 60 * _SECOND_NS)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{seconds_ns // 1_000_000 / 1000:g}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds


def per_cent(value: float | None) -> str:
    """Return a share for people: ``12.34%``."""
    return UNKNOWN if value is None else f"{value:.2f}%"


def _pair(first: int | None, second: int | None, word: Callable[[int], str] = human_bytes) -> str:
    if first is None and second is None:
        return UNKNOWN
    return " / ".join(UNKNOWN if value is None else word(value) for value in (first, second))


def _id(row: Row) -> str:
    return row.now.container.id if row.whole else row.now.container.id[:_SHORT_ID]


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _memory(row: Row, word: Callable[[int], str] = human_bytes) -> str:
    return _pair(row.now.figures.memory_bytes, row.now.figures.memory_limit_bytes, word)


def _average(row: Row) -> str:
    return per_cent(cpu_percent(row.now))


FIELDS: dict[str, Callable[[Row], Any]] = {
    "ID": _id,
    "ContainerID": _id,
    "Container": _id,
    "Name": lambda row: row.now.container.name,
    "State": lambda row: row.now.container.state,
    "CPUPerc": lambda row: per_cent(row.cpu),
    "CPU": lambda row: row.cpu,
    "AVGCPU": _average,
    "AvgCPU": lambda row: cpu_percent(row.now),
    "MemUsage": _memory,
    "MemUsageBytes": lambda row: _memory(row, binary_bytes),
    "MemLimit": lambda row: row.now.figures.memory_limit_bytes,
    "MemPerc": lambda row: per_cent(row.memory),
    "NetIO": lambda row: _pair(row.now.traffic.received_bytes, row.now.traffic.sent_bytes),
    "NetInput": lambda row: row.now.traffic.received_bytes,
    "NetOutput": lambda row: row.now.traffic.sent_bytes,
    "BlockIO": lambda row: _pair(row.now.figures.read_bytes, row.now.figures.written_bytes),
    "BlockInput": lambda row: row.now.figures.read_bytes,
    "BlockOutput": lambda row: row.now.figures.written_bytes,
    "PIDS": lambda row: _count(row.now.figures.pids),
    "PIDs": lambda row: _count(row.now.figures.pids),
    "CPUNano": lambda row: row.now.figures.cpu_ns,
    "CPUSystemNano": lambda row: row.now.figures.system_ns,
    "SystemNano": lambda row: row.read_at,
    "Duration": lambda row: row.now.figures.cpu_ns,
    "UpTime": lambda row: cpu_time(row.now.figures.cpu_ns),
    "Up": lambda row: cpu_time(row.now.figures.cpu_ns),
    "Swap": lambda row: row.now.figures.swap_bytes,
    "OOMKills": lambda row: row.now.figures.oom_kills,
}
"""By name, for templates and for the table. UpTime is podman's word for the time on processors."""


def document(row: Row) -> dict[str, Any]:
    """Return the row as `stats --json` shows it: numbers, bytes, nanoseconds and per cent; null is not known."""
    now, figures = row.now, row.now.figures
    average = cpu_percent(now)
    return {
        "ContainerID": now.container.id,
        "Name": now.container.name,
        "State": now.container.state,
        "Time": timestamp(row.read_at),
        "CPU": _rounded(row.cpu),
        "AvgCPU": _rounded(average),
        "CPUNano": figures.cpu_ns,
        "CPUUserNano": figures.user_ns,
        "CPUSystemNano": figures.system_ns,
        "ThrottledPeriods": figures.throttled,
        "ThrottledNano": figures.throttled_ns,
        "MemUsage": figures.memory_bytes,
        "MemCache": figures.cache_bytes,
        "MemLimit": figures.memory_limit_bytes,
        "MemPerc": _rounded(row.memory),
        "MemSwap": figures.swap_bytes,
        "OOMKills": figures.oom_kills,
        "NetInput": now.traffic.received_bytes,
        "NetOutput": now.traffic.sent_bytes,
        "BlockInput": figures.read_bytes,
        "BlockOutput": figures.written_bytes,
        "PIDs": figures.pids,
        "PIDsLimit": figures.pids_limit,
        "UpNano": now.up_ns,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
