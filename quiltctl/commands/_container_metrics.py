"""What `metrics` tells of each container. One that was removed is not there any more."""

from __future__ import annotations

from quiltctl.db import containers
from quiltctl.model.metric import COUNTER, GAUGE, Metric
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quiltctl.runtime.lifecycle.sample import Usage

_SECOND_NS = 1_000_000_000
_SHORT_ID = 12
_UNKNOWN_CODE = -1


class Column(Value):
    """A metric, and its number for a container: None where there is none, or nobody knows it."""

    name: str
    kind: str
    help: str
    number: Callable[[Usage], float | None]


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / _SECOND_NS


def _exit_code(usage: Usage) -> int | None:
    if usage.container.state != "exited":
        return None
    return _UNKNOWN_CODE if usage.container.exit_code is None else usage.container.exit_code


def _with_cache(usage: Usage) -> int | None:
    used, cache = usage.figures.memory_bytes, usage.figures.cache_bytes
    return None if used is None else used + (cache or 0)


_COLUMNS = (
    Column(
        "quilt_container_running",
        GAUGE,
        "Whether the container runs now, is paused, or just starting: 1 or 0.",
        lambda usage: int(usage.container.state in containers.LIVE),
    ),
    Column(
        "quilt_container_start_time_seconds",
        GAUGE,
        "When the program of its last run began, in seconds since 1970.",
        lambda usage: _seconds(usage.container.started_at),
    ),
    Column(
        "quilt_container_restarts_total",
        COUNTER,
        "How often it was started again, by somebody or by its restart policy.",
        lambda usage: max(usage.container.generation - 1, 0),
    ),
    Column(
        "quilt_container_last_exit_code",
        GAUGE,
        "The exit code of its last run, -1 where nobody saw it; not there while it runs.",
        _exit_code,
    ),
    Column(
        "quilt_container_cpu_seconds_total",
        COUNTER,
        "Time of processors that it has used since its start.",
        lambda usage: _seconds(usage.figures.cpu_ns),
    ),
    Column(
        "quilt_container_cpu_throttled_seconds_total",
        COUNTER,
        "Time that its limit of processors made it wait since its start.",
        lambda usage: _seconds(usage.figures.throttled_ns),
    ),
    Column(
        "quilt_container_memory_bytes",
        GAUGE,
        "Memory that it holds, without the files that the kernel would drop first.",
        lambda usage: usage.figures.memory_bytes,
    ),
    Column(
        "quilt_container_memory_with_cache_bytes",
        GAUGE,
        "Memory that it holds, with those files.",
        _with_cache,
    ),
    Column(
        "quilt_container_memory_limit_bytes",
        GAUGE,
        "The lowest limit of memory above it; that of the host where there is none.",
        lambda usage: usage.figures.memory_limit_bytes,
    ),
    Column("quilt_container_pids", GAUGE, "Its processes and threads.", lambda usage: usage.figures.pids),
    Column(
        "quilt_container_network_received_bytes_total",
        COUNTER,
        "What has come to it by its own networks since its start.",
        lambda usage: usage.traffic.received_bytes,
    ),
    Column(
        "quilt_container_network_sent_bytes_total",
        COUNTER,
        "What has left it by its own networks since its start.",
        lambda usage: usage.traffic.sent_bytes,
    ),
    Column(
        "quilt_container_block_read_bytes_total",
        COUNTER,
        "What it has read from block devices since its start.",
        lambda usage: usage.figures.read_bytes,
    ),
    Column(
        "quilt_container_block_written_bytes_total",
        COUNTER,
        "What it has written to block devices since its start.",
        lambda usage: usage.figures.written_bytes,
    ),
)


def of_containers(usages: Sequence[Usage], oom_kills: dict[str, int]) -> list[Metric]:
    """Return all that is told of these containers; ``oom_kills`` are by container id."""
    labelled = [(_labels(usage), usage) for usage in usages]
    state = Metric(
        "quilt_container_state",
        GAUGE,
        "1, for the state that the container is in now.",
        tuple(({**labels, "state": usage.container.state}, 1) for labels, usage in labelled),
    )
    killed = Metric(
        "quilt_container_oom_kills_total",
        COUNTER,
        "Processes of it that the kernel has killed for memory, over all its runs.",
        tuple((labels, oom_kills.get(usage.container.id, 0)) for labels, usage in labelled),
    )
    return [state, killed, *(_metric(column, labelled) for column in _COLUMNS)]


def _metric(column: Column, labelled: Sequence[tuple[dict[str, str], Usage]]) -> Metric:
    numbers = [(labels, column.number(usage)) for labels, usage in labelled]
    return Metric(
        column.name,
        column.kind,
        column.help,
        tuple((labels, number) for labels, number in numbers if number is not None),
    )


def _labels(usage: Usage) -> dict[str, str]:
    container = usage.container
    return {"id": container.id[:_SHORT_ID], "name": container.name, "image": container.image_name}
