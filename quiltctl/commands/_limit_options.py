"""The options that limit what a container may use, for `run`, `create` and `update`, and what they come to.

What reads the values is imported when one is given: the shim is started after this module is loaded.
"""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.parameters import Flag, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.model.limits import Limits
    from quiltctl.model.parameters import Parameter

CHANGEABLE: tuple[Parameter, ...] = (
    Option(("--memory", "-m"), "Limit memory; more is answered by the OOM killer.", metavar="BYTES"),
    Option(("--memory-swap",), "Limit memory and swap together; -1 is none. Without: twice --memory.", metavar="BYTES"),
    Option(("--memory-reservation",), "Memory to keep when the host is short of it.", metavar="BYTES"),
    Option(("--memory-swappiness",), "How readily to swap, 0 to 100 (cgroup v1).", kind=int, metavar="PERCENT"),
    Flag(("--oom-kill-disable",), "Let it wait for memory instead of killing it (cgroup v1)."),
    Option(("--cpus",), "Limit processor time to so many processors.", metavar="NUMBER"),
    Option(("--cpu-shares", "-c"), "Weight against others; the usual one is 1024.", kind=int, metavar="SHARES"),
    Option(("--cpu-period",), "Period of --cpu-quota in microseconds.", kind=int, metavar="US"),
    Option(("--cpu-quota",), "Processor time in each period in microseconds; -1 is no limit.", kind=int, metavar="US"),
    Option(("--cpuset-cpus",), "Run on these processors alone, such as 0-2,4.", metavar="LIST"),
    Option(("--cpuset-mems",), "Take memory from these NUMA nodes alone.", metavar="LIST"),
    Option(("--pids-limit",), "Limit processes and threads, 2048 otherwise; -1 is none.", kind=int, metavar="NUMBER"),
    Option(("--blkio-weight",), "Weight of its disk access, 10 to 1000.", kind=int, metavar="WEIGHT"),
    Option(("--blkio-weight-device",), "The same for one disk.", multiple=True, metavar="DEVICE:WEIGHT"),
    Option(("--device-read-bps",), "Limit reading, in bytes a second.", multiple=True, metavar="DEVICE:BYTES"),
    Option(("--device-write-bps",), "Limit writing, in bytes a second.", multiple=True, metavar="DEVICE:BYTES"),
    Option(("--device-read-iops",), "Limit reading, in operations a second.", multiple=True, metavar="DEVICE:NUMBER"),
    Option(("--device-write-iops",), "Limit writing, in operations a second.", multiple=True, metavar="DEVICE:NUMBER"),
)
"""What `update` can change while the container runs."""

OPTIONS: tuple[Parameter, ...] = (
    *CHANGEABLE,
    Option(("--oom-score-adj",), "Rank before the OOM killer, -1000 to 1000.", kind=int, default=0, metavar="NUMBER"),
    Option(("--cgroup-parent",), "The cgroup, or the slice of systemd, in which the container's lies.", metavar="PATH"),
    Option(
        ("--cgroups",),
        "Whether it gets a cgroup; disabled, it stays in yours, and has no limits of its own.",
        choices=("enabled", "disabled"),
        default="enabled",
        metavar="MODE",
    ),
)

_KEYS = tuple(
    (parameter.names[0], parameter.names[0].removeprefix("--").replace("-", "_"))
    for parameter in CHANGEABLE
    if isinstance(parameter, (Option, Flag))
)
_MOST_OOM_SCORE = 1000


def given(options: dict[str, Any]) -> list[str]:
    """Return the names of the limits that the command line gives."""
    # Zero is said, and lifts a limit; a flag, a list and a text that are not said are false as well.
    return [name for name, key in _KEYS if options[key] or (options[key] == 0 and options[key] is not False)]


def check(options: dict[str, Any]) -> None:
    """Refuse what cannot be right, or cannot be had on this host, before anything is made.

    Raises:
        UsageError: an option's value is not one, or two do not go together.
        HostLacks: this host has no such limit.
    """
    if abs(options["oom_score_adj"]) > _MOST_OOM_SCORE:
        raise UsageError(f"invalid --oom-score-adj {options['oom_score_adj']}", hint="a number from -1000 to 1000")
    if options["cgroups"] == "disabled":
        _check_disabled(options)
    parent(options)
    limits = read_change(options)
    if limits is not None:
        from quiltctl.model.limits import check as check_together

        check_together(limits)


def read_change(options: dict[str, Any]) -> Limits | None:
    """Return what the command line says of limits, or None where it says nothing.

    Raises:
        UsageError: an option's value is not one.
        HostLacks: this host has no such limit.
    """
    limits = read(options)
    if limits is not None:
        from quiltctl.commands import _limit_values

        _limit_values.check_host(limits)
    return limits


def read(options: dict[str, Any]) -> Limits | None:
    """Return what the command line says of limits, or None where it says nothing.

    Raises:
        UsageError: an option's value is not one.
    """
    if not given(options):
        return None
    from quiltctl.commands import _limit_values  # 1 ms

    return _limit_values.limits(options)


def parent(options: dict[str, Any]) -> str:
    """Return the path of the cgroup in which the container's is to lie, "" for the usual one.

    Raises:
        UsageError: it is none.
        HostLacks: it is not ours to give.
    """
    if not options["cgroup_parent"]:
        return ""
    from quiltctl.commands import _limit_values

    return _limit_values.parent(options["cgroup_parent"])


def fields(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the spec that these options come to, once they are checked."""
    limits = read(options)
    return {
        "limits": limits.given() if limits else {},
        "oom_score_adj": options["oom_score_adj"],
        "cgroup_parent": parent(options),
        "cgroups": options["cgroups"],
    }


def _check_disabled(options: dict[str, Any]) -> None:
    names = [*given(options), *(["--cgroup-parent"] if options["cgroup_parent"] else [])]
    if names:
        raise UsageError(f"{names[0]} cannot be given with --cgroups disabled", hint="a limit needs a cgroup")
    if options["pid"] != "private":
        raise UsageError(
            f"--cgroups disabled cannot be given with --pid {options['pid']}",
            hint="without either, nobody could find all processes of the container to end them",
        )
