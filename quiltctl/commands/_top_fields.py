"""The columns of `top`: by their names of AIX, which podman has, what each shows of a process."""

from __future__ import annotations

import os
import time

from quiltctl.model.capability import CAPABILITIES
from quiltctl.model.id_map import inside_id
from quiltctl.model.value import Value
from quiltctl.ui.ago import go_duration, local_time, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from quiltctl.runtime.process_facts import Process

_OVERFLOW_ID = 65534
"""What an id that the container does not have looks like inside (user_namespaces(7))."""
_SECCOMP = {0: "disabled", 1: "strict", 2: "filter"}
_KIB = 1024


class Scene(Value):
    """What the processes are looked at by: the container's ids and names, and the capabilities there are."""

    uid_map: tuple[str, ...]
    gid_map: tuple[str, ...]
    users: dict[int, str]
    groups: dict[int, str]
    last_capability: int
    ticks_per_s: int
    since_boot_ns: int
    now_ns: int


class Field(Value):
    """A column: its heading, what a table shows, and what JSON has, where that is something else."""

    heading: str
    text: Callable[[Process, Scene], str]
    value: Callable[[Process, Scene], Any] | None = None
    code: str = ""
    """What ps(1) calls it after a percent sign."""


def scene(uid_map: tuple[str, ...], gid_map: tuple[str, ...], names: tuple[dict[int, str], dict[int, str]]) -> Scene:
    """Return how things stand on this host at this moment."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    since_boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return Scene(uid_map, gid_map, *names, last, os.sysconf("SC_CLK_TCK"), since_boot_ns, time.time_ns())


def _user(process: Process, scene: Scene, place: int) -> str:
    uid = _inside(scene.uid_map, process.uids[place])
    return scene.users.get(uid) or str(uid)


def _group(gid: int, scene: Scene) -> str:
    inside = _inside(scene.gid_map, gid)
    return scene.groups.get(inside) or str(inside)


def _inside(id_map: tuple[str, ...], outside: int) -> int:
    found = inside_id(id_map, outside)
    return _OVERFLOW_ID if found is None else found


def _groups(process: Process, scene: Scene) -> list[str]:
    return [_group(gid, scene) for gid in process.groups]


def _host_user(uid: int) -> str:
    import pwd  # what only these columns need

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _host_group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _elapsed_ns(process: Process, scene: Scene) -> int:
    ticks = scene.since_boot_ns * scene.ticks_per_s // 10**9 - process.started_ticks
    return max(ticks, 0) * 10**9 // scene.ticks_per_s


def _cpu_percent(process: Process, scene: Scene) -> float:
    elapsed_ns = _elapsed_ns(process, scene)
    return 100 * process.cpu_ticks * 10**9 / scene.ticks_per_s / elapsed_ns if elapsed_ns else 0.0


def _started_at(process: Process, scene: Scene) -> int:
    return scene.now_ns - _elapsed_ns(process, scene)


def _cpu_ns(process: Process, scene: Scene) -> int:
    return process.cpu_ticks * 10**9 // scene.ticks_per_s


def _args(process: Process) -> str:
    text = " ".join(process.argv)
    return text or f"[{process.comm}]"


def _capability_names(mask: int) -> list[str]:
    names = (*CAPABILITIES, *(f"CAP_{number}" for number in range(len(CAPABILITIES), 64)))
    return sorted(name for number, name in enumerate(names) if mask >> number & 1)


def _capability_field(heading: str, kind: str) -> Field:
    def text(process: Process, scene: Scene) -> str:
        mask = process.capabilities[kind]
        if mask == (1 << scene.last_capability + 1) - 1:
            return "full"
        return ",".join(_capability_names(mask)) or "none"

    return Field(heading, text, lambda process, _: _capability_names(process.capabilities[kind]))


def _number_field(heading: str, number: Callable[[Process, Scene], int], code: str = "") -> Field:
    return Field(heading, lambda process, scene: str(number(process, scene)), number, code)


def _size_field(heading: str, size: Callable[[Process], int], code: str = "") -> Field:
    """Return a field that is KiB in a table, as in ps(1), and bytes in JSON."""
    return Field(heading, lambda p, _: str(size(p) // _KIB), lambda p, _: size(p), code)


def _list_field(heading: str, listed: Callable[[Process, Scene], list[str]]) -> Field:
    return Field(heading, lambda process, scene: ",".join(listed(process, scene)), listed)


FIELDS = {
    "args": Field("COMMAND", lambda p, _: _args(p), code="%a"),
    "capamb": _capability_field("AMBIENT CAPS", "amb"),
    "capbnd": _capability_field("BOUNDING CAPS", "bnd"),
    "capeff": _capability_field("EFFECTIVE CAPS", "eff"),
    "capinh": _capability_field("INHERITED CAPS", "inh"),
    "capprm": _capability_field("PERMITTED CAPS", "prm"),
    "comm": Field("COMMAND", lambda p, _: p.comm, code="%c"),
    "etime": Field(
        "ELAPSED", lambda p, s: go_duration(_elapsed_ns(p, s)), lambda p, s: _elapsed_ns(p, s) / 10**9, code="%t"
    ),
    "group": Field("GROUP", lambda p, s: _group(p.gids[1], s), code="%G"),
    "groups": _list_field("GROUPS", _groups),
    "hgroup": Field("HGROUP", lambda p, _: _host_group(p.gids[1])),
    "hgroups": _list_field("HGROUPS", lambda p, _: [_host_group(gid) for gid in p.groups]),
    "hpid": _number_field("HPID", lambda p, _: p.host_pid),
    "huid": _number_field("HUID", lambda p, _: p.uids[1]),
    "huser": Field("HUSER", lambda p, _: _host_user(p.uids[1])),
    "label": Field("LABEL", lambda p, _: p.label),
    "nice": _number_field("NI", lambda p, _: p.nice, "%n"),
    "pcpu": Field(
        "%CPU", lambda p, s: f"{_cpu_percent(p, s):.3f}", lambda p, s: round(_cpu_percent(p, s), 3), code="%C"
    ),
    "pgid": _number_field("PGID", lambda p, _: p.pgid, "%r"),
    "pid": _number_field("PID", lambda p, _: p.pid, "%p"),
    "ppid": _number_field("PPID", lambda p, _: p.ppid, "%P"),
    "rgroup": Field("RGROUP", lambda p, s: _group(p.gids[0], s), code="%g"),
    "rss": _size_field("RSS", lambda p: p.resident_bytes),
    "ruser": Field("RUSER", lambda p, s: _user(p, s, 0), code="%u"),
    "seccomp": Field("SECCOMP", lambda p, _: _SECCOMP.get(p.seccomp, "?")),
    "state": Field("STATE", lambda p, _: p.state),
    "stime": Field(
        "STIME",
        lambda p, s: local_time(_started_at(p, s) // 10**9 * 10**9),
        lambda p, s: timestamp(_started_at(p, s) // 10**9 * 10**9),
    ),
    "time": Field(
        "TIME", lambda p, s: go_duration(_cpu_ns(p, s) // 10**9 * 10**9), lambda p, s: _cpu_ns(p, s) / 10**9, code="%x"
    ),
    "tty": Field("TTY", lambda p, _: p.tty, code="%y"),
    "uid": _number_field("UID", lambda p, s: _inside(s.uid_map, p.uids[1])),
    "user": Field("USER", lambda p, s: _user(p, s, 1), code="%U"),
    "vsz": _size_field("VSZ", lambda p: p.virtual_bytes, "%z"),
}
"""By descriptor."""

USUAL = ("user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args")
_BY_CODE = {field.code: name for name, field in FIELDS.items() if field.code}


def named(words: Iterable[str]) -> list[str | None]:
    """Return the descriptors that words mean, also several with commas between them; None for one that is none."""
    parts = [part.strip() for word in words for part in word.split(",")]
    return [part if part in FIELDS else _BY_CODE.get(part) for part in parts if part]


def row(process: Process, scene: Scene, descriptors: Iterable[str]) -> list[str]:
    """Return the cells of a process in a table."""
    return [FIELDS[name].text(process, scene) for name in descriptors]


def document(process: Process, scene: Scene, descriptors: Iterable[str]) -> dict[str, Any]:
    """Return a process as JSON has it: numbers as numbers, sizes in bytes, times in seconds, lists as arrays."""
    return {name: (FIELDS[name].value or FIELDS[name].text)(process, scene) for name in descriptors}
