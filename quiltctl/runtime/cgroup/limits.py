"""The limits of a container as the kernel takes them: which text goes into which file of which controller.

The plan is a value, made without looking at anything but the layout. See memory, cpuacct, cpusets, blkio-controller of
cgroup-v1, and "Controllers" of cgroup-v2.
"""

from __future__ import annotations

import errno
import os

from quiltctl.errors import HostLacks
from quiltctl.model.limits import DEFAULT_PIDS, UNLIMITED
from quiltctl.model.value import Value
from quiltctl.runtime.cgroup import tree
from quiltctl.runtime.cgroup.layout import name_on_v2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quiltctl.model.limits import DeviceLimits, Limits
    from quiltctl.runtime.cgroup.layout import Layout

_UNIFIED = 2
_MOST_SHARES = 262144
_MOST_WEIGHT = 10000


class Write(Value):
    """One line for one file of a controller, and the option it comes from, or "" where nobody has asked for it."""

    option: str
    controller: str
    choices: tuple[tuple[str, str], ...]
    """File and text. The first file that is there takes its text: kernels name some of them differently."""


def plan(layout: Layout, limits: Limits) -> tuple[Write, ...]:
    """Return what has to be written for the limits, in the order in which it has to be.

    Raises:
        HostLacks: the host has no such controller, or only v1 has such a limit.
    """
    writes = tuple(
        write
        for part in (_memory, _processors, _processor_set, _processes, _disks)
        for write in part(layout, limits)
        if write.option or layout.version(write.controller)
    )
    for write in writes:
        if not layout.version(write.controller):
            raise HostLacks(
                f"{write.option} cannot be honoured: this host has no {write.controller} controller of cgroups",
                hint="see what it has: quiltctl system check",
            )
    return writes


def _memory(layout: Layout, limits: Limits) -> Iterator[Write]:
    yield from (_memory_v2 if layout.version("memory") == _UNIFIED else _memory_v1)(limits)


def _memory_v2(limits: Limits) -> Iterator[Write]:
    for option, given in (
        ("--memory-swappiness", limits.memory_swappiness is not None),
        ("--oom-kill-disable", bool(limits.oom_kill_disable)),
    ):
        if given:
            raise HostLacks(
                f"{option} cannot be honoured: cgroup v2 has no such setting", hint="leave it out on this host"
            )
    if limits.memory_bytes is not None:
        yield _write("--memory", "memory", "memory.max", _v2_number(limits.memory_bytes))
    if limits.swap_bytes is not None:
        yield _write(_swap_option(limits), "memory", "memory.swap.max", _v2_number(limits.swap_bytes, zero=True))
    if limits.memory_reservation_bytes is not None:
        yield _write("--memory-reservation", "memory", "memory.low", str(limits.memory_reservation_bytes))


def _memory_v1(limits: Limits) -> Iterator[Write]:
    memory, swap = limits.memory_bytes, limits.swap_bytes
    if memory is not None:
        yield _write("--memory", "memory", "memory.limit_in_bytes", str(memory or UNLIMITED))
    if swap is not None:
        both = UNLIMITED if swap == UNLIMITED else swap + (memory or 0)
        yield _write(_swap_option(limits), "memory", "memory.memsw.limit_in_bytes", str(both))
    if limits.memory_reservation_bytes is not None:
        text = str(limits.memory_reservation_bytes or UNLIMITED)
        yield _write("--memory-reservation", "memory", "memory.soft_limit_in_bytes", text)
    if limits.memory_swappiness is not None:
        yield _write("--memory-swappiness", "memory", "memory.swappiness", str(limits.memory_swappiness))
    if limits.oom_kill_disable is not None:
        yield _write("--oom-kill-disable", "memory", "memory.oom_control", str(int(limits.oom_kill_disable)))


def _swap_option(limits: Limits) -> str:
    """Return the option that a limit of swap comes from: --memory alone implies one, where the kernel counts swap."""
    return "" if limits.memory_swap_bytes is None else "--memory-swap"


def _processors(layout: Layout, limits: Limits) -> Iterator[Write]:
    v2 = layout.version("cpu") == _UNIFIED
    if limits.cpu_bandwidth_us is not None:
        quota_us, period_us = limits.cpu_bandwidth_us
        option = "--cpus" if limits.nano_cpus is not None else "--cpu-quota and --cpu-period"
        if v2:
            yield _write(option, "cpu", "cpu.max", f"{_v2_number(quota_us)} {period_us}")
        else:
            # The period first, without a quota: the kernel takes no pair that is above that of a cgroup around, not
            # even for the moment between the two.
            yield _write(option, "cpu", "cpu.cfs_quota_us", str(UNLIMITED))
            yield _write(option, "cpu", "cpu.cfs_period_us", str(period_us))
            yield _write(option, "cpu", "cpu.cfs_quota_us", str(quota_us))
    if limits.cpu_shares is not None:
        shares = min(max(limits.cpu_shares or 1024, 2), _MOST_SHARES)
        if v2:
            yield _write("--cpu-shares", "cpu", "cpu.weight", str(weight_of_shares(shares)))
        else:
            yield _write("--cpu-shares", "cpu", "cpu.shares", str(shares))


def weight_of_shares(shares: int) -> int:
    """Return the weight of v2, 1 to 10,000, for the shares of v1, 2 to 262,144, so that 1,024 becomes the default, 100.

    A parabola through the least, the usual and the greatest of both, on logarithmic scales. On a straight line, which
    engines took for long, a container with the default of v1 got 39 where everything else has 100.
    """
    from math import log2

    exponent = log2(shares)
    return min(max(round(10 ** ((exponent * exponent + 125 * exponent) / 612 - 7 / 34)), 1), _MOST_WEIGHT)


def _processor_set(layout: Layout, limits: Limits) -> Iterator[Write]:  # noqa: ARG001 (the same on all)
    if limits.cpuset_cpus is not None:
        yield _write("--cpuset-cpus", "cpuset", "cpuset.cpus", limits.cpuset_cpus)
    if limits.cpuset_mems is not None:
        yield _write("--cpuset-mems", "cpuset", "cpuset.mems", limits.cpuset_mems)


def _processes(layout: Layout, limits: Limits) -> Iterator[Write]:  # noqa: ARG001 (the same on all)
    if limits.pids is None:
        yield _write("", "pids", "pids.max", str(DEFAULT_PIDS))
    else:
        yield _write("--pids-limit", "pids", "pids.max", str(limits.pids) if limits.pids > 0 else "max")


def _disks(layout: Layout, limits: Limits) -> Iterator[Write]:
    v2 = layout.version("blkio") == _UNIFIED
    if limits.blkio_weight is not None:
        weight = str(limits.blkio_weight)
        # bfq counts as docker does, from 10 to 1,000; io.weight goes from 1 to 10,000.
        scaled = f"default {_scaled(limits.blkio_weight)}"
        v2_files = (("io.bfq.weight", weight), ("io.weight", scaled))
        v1_files = (("blkio.weight", weight), ("blkio.bfq.weight", weight))
        yield Write("--blkio-weight", "blkio", v2_files if v2 else v1_files)
    for device, major, minor, number in limits.blkio_weight_devices or ():
        text, scaled = f"{major}:{minor} {number}", f"{major}:{minor} {_scaled(number)}"
        v2_files = (("io.bfq.weight", text), ("io.weight", scaled))
        v1_files = (("blkio.weight_device", text), ("blkio.bfq.weight_device", text))
        yield Write(f"--blkio-weight-device {device}", "blkio", v2_files if v2 else v1_files)
    for direction, unit, values in (
        ("read", "bps", limits.device_read_bps),
        ("write", "bps", limits.device_write_bps),
        ("read", "iops", limits.device_read_iops),
        ("write", "iops", limits.device_write_iops),
    ):
        yield from _throttles(direction, unit, values or (), v2=v2)


def _scaled(weight: int) -> int:
    return 1 + (weight - 10) * (_MOST_WEIGHT - 1) // 990


def _throttles(direction: str, unit: str, values: DeviceLimits, *, v2: bool) -> Iterator[Write]:
    for device, major, minor, limit in values:
        option = f"--device-{direction}-{unit} {device}"
        if v2:
            yield _write(option, "blkio", "io.max", f"{major}:{minor} {direction[0]}{unit}={_v2_number(limit)}")
        else:
            yield _write(option, "blkio", f"blkio.throttle.{direction}_{unit}_device", f"{major}:{minor} {limit}")


def _write(option: str, controller: str, file: str, text: str) -> Write:
    return Write(option, controller, ((file, text),))


def _v2_number(value: int, *, zero: bool = False) -> str:
    """Return a number as v2 takes it: no limit is ``max``, and so is zero where it does not mean nothing at all."""
    return "max" if value < 0 or (value == 0 and not zero) else str(value)


def find_missing(layout: Layout, writes: Sequence[Write]) -> Write | None:
    """Return the first limit asked for whose file no cgroup of this host has, or None.

    Some files are in no root of a hierarchy: then any cgroup below it that has the controller tells. Where there is
    none nobody can know, and the kernel will say.
    """
    return next((write for write in writes if write.option and not _is_supported(layout, write)), None)


def _is_supported(layout: Layout, write: Write) -> bool:
    root = layout.directory(write.controller, "")
    with os.scandir(root) as entries:
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    if layout.version(write.controller) == _UNIFIED:
        below = [path for path in below if _has_controller(path, write.controller)]
    if any(os.path.exists(f"{path}/{name}") for path in (root.rstrip("/"), *below) for name, _ in write.choices):
        return True
    return not any(map(os.path.isdir, below))  # those that were listed may all have gone meanwhile


def _has_controller(directory: str, controller: str) -> bool:
    try:
        with open(f"{directory}/cgroup.controllers", encoding="utf-8") as file:
            return name_on_v2(controller) in file.read().split()
    except OSError:  # ENOENT, ENODEV: others' cgroups come and go
        return False


def write_all(layout: Layout, path: str, writes: Sequence[Write]) -> None:
    """Write limits into the files of a cgroup.

    Raises:
        OSError: the kernel refuses one that was asked for; its filename names option and value.
    """
    for write in writes:
        file, text = file_of(layout, path, write)
        try:
            tree.write(file, text)
        except OSError as error:
            if write.option or error.errno != errno.ENOENT:
                error.filename = f"{write.option or file} {text}"
                raise


def file_of(layout: Layout, path: str, write: Write) -> tuple[str, str]:
    """Return the file that takes a limit of this cgroup, whether it is there or not, and what to write into it."""
    directory = layout.directory(write.controller, path)
    there = (choice for choice in write.choices if os.path.exists(f"{directory}/{choice[0]}"))
    name, text = next(there, write.choices[-1])
    return f"{directory}/{name}", text
