"""Facts about this machine, read anew each time; nothing is changed by asking."""

from __future__ import annotations

import os

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Mount(Value):
    """One line of /proc/self/mountinfo."""

    point: str
    kind: str
    options: tuple[str, ...]
    """Those of the file system, where v1 hierarchies name their controllers."""


class Memory(Value):
    """What meminfo says, in bytes."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int
    swap_free_bytes: int


def mounts() -> list[Mount]:
    """Return what is mounted in this mount namespace, the lowest first (proc_pid_mountinfo(5))."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return [_parse_mount(line) for line in file]


def _parse_mount(line: str) -> Mount:
    place, _, kind = line.partition(" - ")
    kind_fields = kind.split()
    return Mount(_unescape(place.split()[4]), kind_fields[0], tuple(kind_fields[-1].split(",")))


def _unescape(field: str) -> str:
    """Undo the octal escapes of blanks, tabs, newlines and backslashes."""
    head, *rest = field.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def mount_of(path: str, mounted: Iterable[Mount]) -> Mount | None:
    """Return the mount that a resolved path lies on, or None when none of these holds it."""
    nearest = None
    for mount in mounted:
        holds = mount.point in {"/", path} or path.startswith(f"{mount.point}/")
        # A longer path is nearer; of two on one path the later one hides the earlier.
        if holds and (nearest is None or len(mount.point) >= len(nearest.point)):
            nearest = mount
    return nearest


def controllers(mounted: Iterable[Mount]) -> list[str]:
    """Return the cgroup controllers that some mounted hierarchy offers, sorted (cgroups(7))."""
    with open("/proc/cgroups", encoding="ascii") as file:
        known = {line.split()[0] for line in file if not line.startswith("#")}
    found: set[str] = set()
    for mount in mounted:
        if mount.kind == "cgroup":
            found.update(known.intersection(mount.options))
        elif mount.kind == "cgroup2":
            with open(f"{mount.point}/cgroup.controllers", encoding="ascii") as file:
                found.update(file.read().split())
    return sorted(found)


def memory() -> Memory:
    """Return how much memory there is, and how much of it could be had now (proc_meminfo(5))."""
    with open("/proc/meminfo", encoding="ascii") as file:
        kib = {key: int(rest.split()[0]) for key, _, rest in (line.partition(":") for line in file)}
    names = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    return Memory(*(kib.get(name, 0) * 1024 for name in names))


def uptime_s() -> int:
    """Return the whole seconds since the machine was started."""
    with open("/proc/uptime", encoding="ascii") as file:
        return int(float(file.read().split()[0]))


def distribution() -> dict[str, str]:
    """Return what os-release(5) says, by key: ID, VERSION_ID, VERSION_CODENAME, ...; empty where there is none."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                pairs = [line.strip().partition("=") for line in file if "=" in line and not line.startswith("#")]
        except FileNotFoundError:
            continue
        return {key: value.strip("\"'") for key, _, value in pairs}
    return {}


def architecture() -> str:
    """Return the machine's architecture in the spelling of images: amd64, arm64, ..."""
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
