"""Giving up rights: capabilities, no_new_privs, ids, dumpability. python-prctl is imported here and nowhere else."""

from __future__ import annotations

import os

import prctl

from quiltctl.model.capability import CAPABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LAST_CAPABILITY = "/proc/sys/kernel/cap_last_cap"


def known_capabilities() -> tuple[str, ...]:
    """Return the names of all capabilities that this kernel and this code know."""
    return tuple(CAPABILITIES[: read_last_capability() + 1])


def forbid_dumps() -> None:
    """Make this process not dumpable: nobody may ptrace it or open its /proc entries but real root (prctl(2))."""
    prctl.set_dumpable(False)


def set_title(title: str) -> None:
    """Replace what `ps` shows of this process, which as a fork shows the whole command line that it came from."""
    prctl.set_proctitle(title)


def read_last_capability() -> int:
    """Return the number of the highest capability the kernel knows. Read it while /proc is still the host's."""
    with open(_LAST_CAPABILITY, "rb", buffering=0) as file:
        return int(file.read())


def become(uid: int, gid: int, groups: Iterable[int], capabilities: Iterable[str], last_capability: int) -> None:
    """Take the final identity: bounding set, ids, capability sets, in the order the kernel forces.

    The bounding set goes while CAP_SETPCAP is there. KEEPCAPS carries the permitted set over the change of ids;
    a program that is not root gets no capabilities at exec all the same, since inheritable and ambient are empty.
    A capability that the caller itself lacks cannot be passed on and is left out.
    """
    wanted = {CAPABILITIES.index(name) for name in capabilities}
    for number in range(last_capability + 1):
        if number not in wanted:
            prctl.capbset_drop(number)
    prctl.set_keepcaps(True)
    os.setgroups(list(groups))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    forbid_dumps()  # proc_sys_fs(5), suid_dumpable: a change of ids may have undone it
    held = prctl.get_caps((list(range(min(last_capability, prctl.CAP_LAST_CAP) + 1)), [prctl.CAP_PERMITTED]))
    kept = [number for number in sorted(wanted) if held[prctl.CAP_PERMITTED].get(number)] if uid == 0 else []
    everything = list(range(min(last_capability, prctl.CAP_LAST_CAP) + 1))
    dropped = [number for number in everything if number not in kept]
    prctl.set_caps(
        (dropped, [prctl.CAP_EFFECTIVE, prctl.CAP_PERMITTED], False),
        (everything, [prctl.CAP_INHERITABLE], False),
        (kept, [prctl.CAP_EFFECTIVE, prctl.CAP_PERMITTED], True),
    )
    prctl.set_keepcaps(False)


def pose_as(uid: int) -> None:
    """Change the effective user alone and keep every right, until 0 is posed as again.

    capabilities(7): without this bit, an effective user other than root has no effective capabilities.
    """
    prctl.securebits.no_setuid_fixup = True
    os.seteuid(uid)
    prctl.securebits.no_setuid_fixup = uid != 0


def forbid_new_privileges() -> None:
    """Let no exec give more rights than there are, setuid files and file capabilities included (prctl(2))."""
    prctl.set_no_new_privs(True)
