"""What a container has used, in plain units. None is what nobody knows: what counts it is not there."""

from __future__ import annotations

from quiltctl.model.value import Value


class Figures(Value):
    """What the cgroup of a container has used since it was made, and may use."""

    cpu_ns: int | None = None
    user_ns: int | None = None
    system_ns: int | None = None
    memory_bytes: int | None = None
    """Without the files that the kernel would drop from its cache first, as docker and podman count."""
    cache_bytes: int | None = None
    """Those files."""
    memory_limit_bytes: int | None = None
    """The lowest limit of the cgroup and of those above it; the memory of the host where none is lower."""
    swap_bytes: int | None = None
    pids: int | None = None
    """Processes and threads."""
    pids_limit: int | None = None
    """None where there is no limit, too."""
    read_bytes: int | None = None
    written_bytes: int | None = None
    """From and to block devices; what a cache in between spared them is not in it."""
    oom_kills: int | None = None
    throttled: int | None = None
    """How many periods its processes were made to wait in, because of --cpus or --cpu-quota."""
    throttled_ns: int | None = None


NOTHING = Figures()
"""Of a container without a cgroup, or of one that has ended."""


class Traffic(Value):
    """What has come to a container and left it by its networks. One that has none of its own has 0 of both."""

    received_bytes: int | None = None
    sent_bytes: int | None = None


def share(part: int | None, whole: int | None) -> float | None:
    """Return how much one number is of another, in per cent; None where one of them is not known, or nothing."""
    return None if part is None or not whole else 100 * part / whole
