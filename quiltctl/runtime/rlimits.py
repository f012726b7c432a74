"""Resource limits: raised outside, where real root may, and made exact inside, last of all (getrlimit(2))."""

from __future__ import annotations

import errno
import os
import resource

from quiltctl.model.ulimit import HOST, NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOFILE = 1048576
"""What programs are used to; where the host does not let us go so far, as far as it does."""

Limit = tuple[int, int, int]
"""Number, soft and hard limit, as setrlimit takes them; -1 is unlimited."""


def prepare(ulimits: Sequence[Sequence[object]]) -> tuple[Limit, ...]:
    """Raise this process's own limits as far as a child needs them, and return the exact ones for the child.

    Raises:
        OSError: EPERM: this host does not let us raise what the user asked for; the filename says which.
    """
    wanted = [entry for entry in ulimits if entry[0] != HOST.name]
    exact: dict[int, tuple[int, int]] = {}
    if len(wanted) == len(ulimits):  # with `host` among them, the caller's own, whatever they are
        exact = {resource.RLIMIT_CORE: (0, 0), resource.RLIMIT_NOFILE: _nofile()}
    for name, soft, hard in wanted:
        number = NUMBERS[str(name)]
        exact[number] = (int(str(soft)), int(str(hard)))
        try:
            _raise(number, exact[number][1])
        except (PermissionError, ValueError) as error:
            raise OSError(errno.EPERM, "not permitted", f"ulimit {name}={soft}:{hard}") from error
    return tuple((number, soft, hard) for number, (soft, hard) in exact.items())


def set_oom_score(adjustment: int) -> None:
    """Give this process, and what it forks, a rank before the OOM killer; 0 is that of any program.

    proc_pid_oom_score_adj(5): lowering what the caller had raised needs CAP_SYS_RESOURCE, which some hosts lack.

    Raises:
        OSError: EPERM: a rank that somebody has asked for cannot be had.
    """
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(adjustment).encode())
    except PermissionError as error:
        if adjustment:
            raise OSError(errno.EPERM, "not permitted", f"--oom-score-adj {adjustment}") from error
    finally:
        os.close(fd)


def apply(limits: Iterable[Limit]) -> None:
    """Set the limits of this process exactly; what asks for more than it has was raised before."""
    for number, soft, hard in limits:
        resource.setrlimit(number, (soft, hard))


def _nofile() -> tuple[int, int]:
    try:
        _raise(resource.RLIMIT_NOFILE, NOFILE)
    except (PermissionError, ValueError):
        hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], NOFILE)
        return hard, hard
    return NOFILE, NOFILE


def _raise(number: int, hard: int) -> None:
    soft_now, hard_now = resource.getrlimit(number)
    if hard_now != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or hard > hard_now):
        resource.setrlimit(number, (soft_now, hard))
