"""The options of `run` that end a container with another process: its caller, or any that is named."""

from __future__ import annotations

import os

from quiltctl.errors import UsageError
from quiltctl.model.parameters import Flag, Option, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.model.parameters import Parameter

OPTIONS: tuple[Parameter, ...] = (
    Flag(("--die-with-parent",), "Stop the container when the process that calls this ends; not with --detach."),
    Option(("--die-with",), "Stop the container when this process ends.", kind=int, metavar="PID"),
)
_WHY = "only run has a process to end with"
REFUSED: tuple[Parameter, ...] = (
    Refused(("--die-with-parent",), _WHY, takes_value=False),
    Refused(("--die-with",), _WHY),
)
"""The same for `create`, which makes what somebody else starts."""


def hold(options: dict[str, Any], *, detach: bool) -> list[int]:
    """Return a pidfd of the process with which the container shall end, or nothing.

    By the descriptor it is that process and no other, whoever gets its number later (pidfd_open(2)).

    Raises:
        UsageError: there is none, or it is one that a container cannot be bound to.
    """
    if not options["die_with_parent"] and options["die_with"] is None:
        return []
    if options["die_with_parent"] and options["die_with"] is not None:
        raise UsageError("--die-with and --die-with-parent exclude each other", hint="name the process you mean")
    if options["die_with_parent"]:
        return [_hold_parent(detach=detach)]
    return [_hold(options["die_with"], f"--die-with {options['die_with']}")]


def _hold_parent(*, detach: bool) -> int:
    if detach:
        raise UsageError(
            "--die-with-parent cannot be given with --detach",
            hint="that parent is often a short-lived shell; name the process that matters: --die-with $$",
        )
    parent = os.getppid()
    process_fd = _hold(parent, "--die-with-parent")
    if os.getppid() != parent:  # it ended just before the descriptor was had, and the number may be another's
        raise UsageError("cannot run with --die-with-parent: the parent has ended already")
    return process_fd


def _hold(pid: int, option: str) -> int:
    if pid <= 1 or pid == os.getpid():
        which = "that is the first process, which never ends" if pid == 1 else "no such process can be waited for"
        raise UsageError(f"cannot run with {option}: {which}", hint="name another one: --die-with PID")
    try:
        return os.pidfd_open(pid)
    except (ProcessLookupError, OverflowError) as error:
        raise UsageError(f"cannot run with {option}: there is no such process") from error
    except OSError as error:
        # pidfd_open(2): EINVAL for a thread that leads no group.
        raise UsageError(f"cannot run with {option}: {(error.strerror or '').lower()}") from error
