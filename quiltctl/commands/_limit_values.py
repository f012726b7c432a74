"""What the values of the options that limit a container mean, and whether this host can do it."""

from __future__ import annotations

import os
import stat

from quiltctl.errors import HostLacks, UsageError
from quiltctl.model import limits as model
from quiltctl.model.limits import Limits
from quiltctl.model.units import parse_bytes, parse_decimal, parse_whole
from quiltctl.runtime.cgroup import limits as kernel
from quiltctl.runtime.cgroup import place, tree
from quiltctl.runtime.cgroup.layout import find_layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quiltctl.model.limits import DeviceLimits

LEAST_MEMORY_BYTES = 6 << 20
"""What a container takes before its program runs; docker's least is the same."""
_LEAST_NANO_CPUS = 10_000_000
_PERIODS_US = (1000, 1_000_000)
_LEAST_QUOTA_US = 1000
_WEIGHTS = (10, 1000)
_MOST_PERCENT = 100
_MOST_PIDS = 1 << 22
"""PID_MAX_LIMIT of the kernel: pids.max takes no more."""
_LONGEST_NAME = 255


def limits(options: dict[str, Any]) -> Limits:
    """Return what the options of a command line say.

    Raises:
        UsageError: a value is not one.
    """
    return Limits(
        memory_bytes=_memory(options["memory"]),
        memory_reservation_bytes=_bytes(options["memory_reservation"], "--memory-reservation"),
        memory_swap_bytes=-1 if options["memory_swap"] == "-1" else _bytes(options["memory_swap"], "--memory-swap"),
        memory_swappiness=_swappiness(options["memory_swappiness"]),
        oom_kill_disable=options["oom_kill_disable"] or None,
        nano_cpus=_cpus(options["cpus"]),
        cpu_period_us=_within(options["cpu_period"], "--cpu-period", *_PERIODS_US),
        cpu_quota_us=_quota(options["cpu_quota"]),
        cpu_shares=_not_negative(options["cpu_shares"], "--cpu-shares"),
        cpuset_cpus=_list(options["cpuset_cpus"], "--cpuset-cpus", "/sys/devices/system/cpu/online"),
        cpuset_mems=_list(options["cpuset_mems"], "--cpuset-mems", "/sys/devices/system/node/online"),
        pids=_pids(options["pids_limit"]),
        blkio_weight=_within(options["blkio_weight"], "--blkio-weight", *_WEIGHTS),
        blkio_weight_devices=_devices(options["blkio_weight_device"], "--blkio-weight-device", _weight),
        device_read_bps=_devices(options["device_read_bps"], "--device-read-bps", parse_bytes),
        device_write_bps=_devices(options["device_write_bps"], "--device-write-bps", parse_bytes),
        device_read_iops=_devices(options["device_read_iops"], "--device-read-iops", parse_whole),
        device_write_iops=_devices(options["device_write_iops"], "--device-write-iops", parse_whole),
    )


def check_host(limits: Limits) -> None:
    """Refuse limits that this host has not.

    Raises:
        HostLacks: it has not.
    """
    layout = find_layout()
    missing = kernel.find_missing(layout, kernel.plan(layout, limits))
    if missing is not None:
        hint = "this kernel, or its configuration, does not have it: leave it out"
        if missing.controller == "memory":
            hint = "boot with swapaccount=1, or leave it out: then nobody swaps more than the host lets it"
        raise HostLacks(f"{missing.option} cannot be honoured: no cgroup here has {missing.choices[-1][0]}", hint=hint)


def parent(text: str) -> str:
    """Return the path of the cgroup that ``--cgroup-parent`` names.

    Raises:
        UsageError: it is no path of a cgroup.
        HostLacks: systemd owns the tree, and has not given away that part of it.
    """
    path = place.expand(text)
    words = path.split("/")
    if not path or any(word in {"", ".", ".."} or len(word) > _LONGEST_NAME or "\0" in word for word in words):
        raise UsageError(
            f'invalid --cgroup-parent "{text}"', hint="a path below the root of the cgroups, such as /ci/job"
        )
    if words[0] == "quilt" or words[0].startswith("quilt-"):
        raise UsageError(f'invalid --cgroup-parent "{text}"', hint="choose another name: that one is taken")
    if not path.endswith(".slice") and place.is_delegated() and not tree.given_away(path):
        raise HostLacks(
            f"--cgroup-parent {text} cannot be honoured: systemd owns that cgroup",
            hint="name a slice, such as my.slice, or a cgroup of a unit with Delegate=yes",
        )
    return path


def _bytes(text: str | None, option: str) -> int | None:
    return None if text is None else parse_bytes(text, option)


def _memory(text: str | None) -> int | None:
    size = _bytes(text, "--memory")
    if size is not None and 0 < size < LEAST_MEMORY_BYTES:
        raise UsageError(
            f"--memory {text} is too little", hint=f"no container comes up with less than {LEAST_MEMORY_BYTES >> 20}m"
        )
    return size


def _swappiness(value: int | None) -> int | None:
    """Return the percentage; -1 is docker's word for nothing said."""
    return None if value == -1 else _within(value, "--memory-swappiness", 0, _MOST_PERCENT)


def _cpus(text: str | None) -> int | None:
    if text is None:
        return None
    nano = parse_decimal(text, 1_000_000_000)
    if nano is None or 0 < nano < _LEAST_NANO_CPUS:
        raise UsageError(
            f'invalid --cpus "{text}"', hint="a number of processors from 0.01 on, such as 1.5; 0 is no limit"
        )
    return nano


def _quota(value: int | None) -> int | None:
    if value is not None and value > 0 and value < _LEAST_QUOTA_US:
        raise UsageError(f"invalid --cpu-quota {value}", hint=f"{_LEAST_QUOTA_US} microseconds or more; -1 is no limit")
    return value if value is None or value > 0 else model.UNLIMITED


def _pids(value: int | None) -> int | None:
    if value is not None and value > _MOST_PIDS:
        raise UsageError(f"invalid --pids-limit {value}", hint=f"{_MOST_PIDS} is the most; -1 is no limit")
    return value if value is None else max(value, 0)


def _not_negative(value: int | None, option: str) -> int | None:
    if value is not None and value < 0:
        raise UsageError(f"invalid {option} {value}: it is negative")
    return value


def _within(value: int | None, option: str, least: int, most: int) -> int | None:
    if value is None or least <= value <= most:
        return value
    raise UsageError(f"invalid {option} {value}", hint=f"a number from {least} to {most}")


def _list(text: str | None, option: str, available: str) -> str | None:
    """Return a list of processors or nodes as it was given, all of which the host has.

    v2 would take others, and run the container on all there are.
    """
    if not text:
        return None
    numbers = _numbers(text)
    if numbers is None:
        raise UsageError(
            f'invalid {option} "{text}"', hint="numbers and ranges with commas between them, such as 0-2,4"
        )
    with open(available, encoding="ascii") as file:
        there = file.read().strip()
    if not numbers <= (_numbers(there) or set()):
        raise UsageError(f"{option} {text} names what this host has not", hint=f"it has {there}")
    return text


def _numbers(text: str) -> set[int] | None:
    found: set[int] = set()
    for word in text.split(","):
        first, dash, last = word.partition("-")
        last = last if dash else first
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()) or len(first + last) > 10:  # noqa: PLR2004
            return None
        if int(first) > int(last):
            return None
        found.update(range(int(first), int(last) + 1))
    return found


def _weight(text: str, what: str) -> int:
    return _within(parse_whole(text, what), what, *_WEIGHTS) or 0


def _devices(words: list[str], option: str, parse: Callable[[str, str], int]) -> DeviceLimits | None:
    return tuple(_device(word, option, parse) for word in words) or None


def _device(word: str, option: str, parse: Callable[[str, str], int]) -> tuple[str, int, int, int]:
    path, colon, number = word.rpartition(":")
    if not colon or not path.startswith("/"):
        raise UsageError(f'invalid {option} "{word}"', hint="DEVICE:NUMBER, such as /dev/sda:1mb")
    value = parse(number, option)
    try:
        facts = os.stat(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot limit {path} with {option}: no such device") from error
    if not stat.S_ISBLK(facts.st_mode):
        raise UsageError(f"cannot limit {path} with {option}: it is no block device")
    return (path, os.major(facts.st_rdev), os.minor(facts.st_rdev), value)
