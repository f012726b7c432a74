"""What a container may use of the host's memory, processors, processes and disks."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    DeviceLimits = tuple[tuple[str, int, int, int], ...]
    """The device as the user named it, its major and minor number, and the limit."""

UNLIMITED = -1
DEFAULT_PERIOD_US = 100_000
"""The kernel's own period of a processor quota."""
DEFAULT_PIDS = 2048
"""How many processes a container may have where nothing was said, if the host can limit them."""


class Limits(Value):
    """The limits of a container, in the words of docker and podman. None is: nothing was said, so the host decides.

    Zero lifts a limit: of memory, swap, processors, shares and processes. ``memory_swap_bytes`` counts memory and swap
    together, and -1 is as much swap as there is; nothing said, it is twice the memory.
    """

    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    memory_swap_bytes: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    nano_cpus: int | None = None
    """Processors, in billionths of one."""
    cpu_period_us: int | None = None
    cpu_quota_us: int | None = None
    """-1 is no quota."""
    cpu_shares: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids: int | None = None
    blkio_weight: int | None = None
    blkio_weight_devices: DeviceLimits | None = None
    device_read_bps: DeviceLimits | None = None
    device_write_bps: DeviceLimits | None = None
    device_read_iops: DeviceLimits | None = None
    device_write_iops: DeviceLimits | None = None

    def given(self) -> dict[str, Any]:
        """Return what was said, by field."""
        return {field: value for field, value in self.to_dict().items() if value is not None}

    @property
    def swap_bytes(self) -> int | None:
        """Return how much swap there may be beside the memory; -1 is all of it, None what the host says."""
        if not self.memory_bytes:
            return None if self.memory_bytes is None and self.memory_swap_bytes is None else UNLIMITED
        if self.memory_swap_bytes is None:
            return self.memory_bytes
        return UNLIMITED if self.memory_swap_bytes <= 0 else self.memory_swap_bytes - self.memory_bytes

    @property
    def cpu_bandwidth_us(self) -> tuple[int, int] | None:
        """Return quota and period of the processors, as the kernel counts them, or None where nothing was said."""
        if self.nano_cpus is not None:
            quota_us = self.nano_cpus * DEFAULT_PERIOD_US // 1_000_000_000
            return (quota_us or UNLIMITED, DEFAULT_PERIOD_US)
        if self.cpu_quota_us is None and self.cpu_period_us is None:
            return None
        return (self.cpu_quota_us or UNLIMITED, self.cpu_period_us or DEFAULT_PERIOD_US)


def limits_from(document: dict[str, Any]) -> Limits:
    """Return the limits of a stored document. A field that this version does not know is left out."""
    known: dict[str, Any] = {field: _frozen(value) for field, value in document.items() if field in Limits._fields}
    return Limits(**known)


_BY_DEVICE = frozenset(
    ("blkio_weight_devices", "device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")
)


def changed(before: Limits, given: Limits) -> Limits:
    """Return the limits with what was given put into them; processors said in one way replace what was said in another.

    Of limits for devices, those of other devices stay.

    Raises:
        UsageError: what comes of it cannot be.
    """
    kept = before.given()
    if given.nano_cpus is not None:
        kept = {field: value for field, value in kept.items() if field not in {"cpu_period_us", "cpu_quota_us"}}
    elif given.cpu_period_us is not None or given.cpu_quota_us is not None:
        kept.pop("nano_cpus", None)
    said = given.given()
    for field in _BY_DEVICE.intersection(kept, said):
        named = {device[1:3] for device in said[field]}
        said[field] = (*(device for device in kept[field] if device[1:3] not in named), *said[field])
    after = Limits(**{**kept, **said})
    check(after)
    return after


def check(limits: Limits) -> None:
    """Refuse what contradicts itself on any host.

    Raises:
        UsageError: it does; the sentence says how.
    """
    memory = limits.memory_bytes or 0
    swap = limits.memory_swap_bytes or 0
    if swap > 0 and not memory:
        raise UsageError("--memory-swap needs --memory", hint="it is the limit of memory and swap together")
    if 0 < swap < memory:
        raise UsageError(
            "--memory-swap is below --memory", hint="it is the limit of memory and swap together; -1 is all the swap"
        )
    if memory and (limits.memory_reservation_bytes or 0) > memory:
        raise UsageError("--memory-reservation is above --memory", hint="it is what remains when memory is short")
    if limits.oom_kill_disable and not memory:
        raise UsageError(
            "--oom-kill-disable needs --memory", hint="without a limit the whole host would come to a stop"
        )
    if limits.nano_cpus is not None and (limits.cpu_quota_us is not None or limits.cpu_period_us is not None):
        raise UsageError("--cpus cannot be given with --cpu-period or --cpu-quota", hint="it stands for both of them")


def _frozen(value: object) -> object:
    """Return a value of JSON with tuples for its arrays."""
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
