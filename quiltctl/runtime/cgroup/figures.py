"""What cgroups have used, read from the kernel's files: cgroup-v2, and cgroup-v1 of the kernel's admin guide.

In the hybrid layout the v2 tree counts the time of processors for every cgroup in it, without any controller
(cgroup-v2, cpu.stat), and the v1 hierarchies count the rest. A file that is not there is a controller that is not, or
a container that has just ended: either is no error, and makes a figure that is not known.
"""

from __future__ import annotations

import os

from quiltctl.model.figures import Figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.runtime.cgroup.layout import Layout

_MICROSECOND_NS = 1000
_V2 = 2
_V1_BLOCK = (
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_service_bytes",
    "blkio.bfq.io_service_bytes_recursive",
    "blkio.bfq.io_service_bytes",
)
"""The best first. The last two know only of the scheduler bfq."""


class Reader:
    """Reads the figures of many cgroups at one time; what they share is read once."""

    def __init__(self, layout: Layout, host_memory_bytes: int) -> None:
        self._layout = layout
        self._host_memory_bytes = host_memory_bytes
        self._limits_above: dict[str, int] = {}

    def read(self, path: str) -> Figures:
        """Return what a cgroup has used, as far as it is counted; nothing is known of one that is not there."""
        found: dict[str, Any] = {**self._cpu(path), **self._memory(path), **self._pids(path), **self._block(path)}
        return Figures(**found)

    def _cpu(self, path: str) -> dict[str, int]:
        layout = self._layout
        times = _pairs(f"{layout.unified}/{path}/cpu.stat") if layout.unified else {}
        if "usage_usec" in times:
            found = {
                "cpu_ns": times["usage_usec"] * _MICROSECOND_NS,
                "user_ns": times["user_usec"] * _MICROSECOND_NS,
                "system_ns": times["system_usec"] * _MICROSECOND_NS,
            }
        else:
            directory = layout.directory("cpuacct", path)
            used = {"cpu_ns": "usage", "user_ns": "usage_user", "system_ns": "usage_sys"}
            found = _known({name: _number(f"{directory}/cpuacct.{file}") for name, file in used.items()})
        return {**found, **self._waits(path, times)}

    def _waits(self, path: str, times: dict[str, int]) -> dict[str, int]:
        if "nr_throttled" in times:
            return {"throttled": times["nr_throttled"], "throttled_ns": times["throttled_usec"] * _MICROSECOND_NS}
        mount = self._layout.v1.get("cpu")
        stat = _pairs(f"{mount}/{path}/cpu.stat") if mount else {}
        return _known({"throttled": stat.get("nr_throttled"), "throttled_ns": stat.get("throttled_time")})

    def _memory(self, path: str) -> dict[str, int]:
        directory = self._layout.directory("memory", path)
        if not directory:
            return {}
        is_v2 = self._layout.version("memory") == _V2
        used = _number(f"{directory}/{'memory.current' if is_v2 else 'memory.usage_in_bytes'}")
        stat = _pairs(f"{directory}/memory.stat")
        if used is None or not stat:
            return {}
        return self._memory_v2(directory, used, stat) if is_v2 else self._memory_v1(directory, used, stat)

    def _memory_v2(self, directory: str, used: int, stat: dict[str, int]) -> dict[str, int]:
        limit = min(_limit(f"{directory}/memory.max", self._host_memory_bytes), self._limit_above(directory))
        return _known(
            {
                **_without_cache(used, stat.get("inactive_file", 0)),
                "memory_limit_bytes": limit,
                "swap_bytes": _number(f"{directory}/memory.swap.current"),
                "oom_kills": _pairs(f"{directory}/memory.events").get("oom_kill"),
            }
        )

    def _limit_above(self, directory: str) -> int:
        """Return the lowest limit of the v2 cgroups that one lies in, or the memory of the host."""
        above = os.path.dirname(directory)
        if above == self._layout.unified or len(above) < len(self._layout.unified):
            return self._host_memory_bytes  # the root has no limit
        if above not in self._limits_above:
            own = _limit(f"{above}/memory.max", self._host_memory_bytes)
            self._limits_above[above] = min(own, self._limit_above(above))
        return self._limits_above[above]

    def _memory_v1(self, directory: str, used: int, stat: dict[str, int]) -> dict[str, int]:
        return _known(
            {
                **_without_cache(used, stat.get("total_inactive_file", 0)),
                # Without a limit this is the greatest number of pages there is.
                "memory_limit_bytes": min(
                    stat.get("hierarchical_memory_limit", self._host_memory_bytes), self._host_memory_bytes
                ),
                "swap_bytes": stat.get("total_swap"),
                "oom_kills": _pairs(f"{directory}/memory.oom_control").get("oom_kill"),
            }
        )

    def _pids(self, path: str) -> dict[str, int]:
        directory = self._layout.directory("pids", path)
        if not directory:
            return {}
        return _known({"pids": _number(f"{directory}/pids.current"), "pids_limit": _number(f"{directory}/pids.max")})

    def _block(self, path: str) -> dict[str, int]:
        directory = self._layout.directory("blkio", path)
        if not directory:
            return {}
        if self._layout.version("blkio") == _V2:
            text = _text(f"{directory}/io.stat")
            return {} if text is None else {"read_bytes": _sum(text, "rbytes="), "written_bytes": _sum(text, "wbytes=")}
        for file in _V1_BLOCK:
            text = _text(f"{directory}/{file}")
            if text is not None:
                return {"read_bytes": _sum(text, "Read "), "written_bytes": _sum(text, "Write ")}
        return {}


def _without_cache(used: int, cache: int) -> dict[str, int]:
    # The two are not read at one moment: a cache may seem greater than what it is part of.
    return {"memory_bytes": used - min(cache, used), "cache_bytes": cache}


def _known(found: dict[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in found.items() if value is not None}


def _sum(text: str, word: str) -> int:
    """Return the sum, over all devices, of the numbers that follow a word."""
    return sum(int(rest.split(None, 1)[0]) for rest in text.split(word)[1:])


def _limit(path: str, otherwise: int) -> int:
    number = _number(path)
    return otherwise if number is None else min(number, otherwise)


def _number(path: str) -> int | None:
    """Return the number in a file; None for "max", and where there is no such file."""
    text = _text(path)
    return None if text is None or not text.strip().isdecimal() else int(text)


def _pairs(path: str) -> dict[str, int]:
    """Return the numbers in a file of names and numbers; none where there is no such file."""
    words = (_text(path) or "").split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=False)}


def _text(path: str) -> str | None:
    """Return what is in a file, or None: there is none (ENOENT), or its cgroup goes while it is read (ENODEV)."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("ascii")
    except OSError:
        return None
