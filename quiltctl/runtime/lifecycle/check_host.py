"""Whether this host has what containers need. Asking changes nothing."""

from __future__ import annotations

import os

from quiltctl.errors import QuiltError
from quiltctl.model.value import Value
from quiltctl.runtime import host, probes
from quiltctl.runtime.cgroup.layout import MOUNT, find_layout
from quiltctl.runtime.linux import br_netfilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

OLDEST_KERNEL = (6, 1)
LEAST_FREE_BYTES = 64 << 20
_NO_UPPER = frozenset(
    {"overlay", "nfs", "nfs4", "cifs", "vfat", "fuse", "fuseblk", "9p", "virtiofs", "ramfs", "proc", "sysfs"}
)
"""File systems that cannot hold overlay's upper folder: no trusted.* attributes, or no whiteouts (overlayfs.rst)."""
_CAP_SYS_ADMIN = 21
_LIBRARY_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")


class Requirement(Value):
    """One thing the host has or lacks. Where something optional is missing, containers run without it."""

    name: str
    ok: bool
    required: bool
    found: str
    hint: str


def check(paths: Paths) -> list[Requirement]:
    """Return every requirement with what was found, and for what is missing how to get it."""
    # Probes fork: they come before the database is opened.
    probed = [_namespaces(), _overlay(), _user_namespaces(), _idmapped_mounts(paths)]
    networks = [_bridges(), _firewall(paths), _forwarding(), _bridge_filter()]
    return [
        *(_kernel(), _root(), _prctl(), *probed[:2], _cgroups()),
        *(_store(paths), _free_space(paths), _database(paths)),
        *(_pids_controller(), *probed[2:], _seccomp(), *networks),
    ]


def _needed(name: str, found: str, missing: str | None, hint: str = "", *, required: bool = True) -> Requirement:
    """Return the requirement as met, or, where ``missing`` says what is wrong, as missing."""
    if missing is None:
        return Requirement(name, True, required, found, "")
    return Requirement(name, False, required, missing, hint)


def _kernel() -> Requirement:
    release = os.uname().release
    major, minor = ("".join(c for c in part if c.isdigit()) for part in f"{release}.0".split(".")[:2])
    too_old = release if (int(major or 0), int(minor or 0)) < OLDEST_KERNEL else None
    return _needed("kernel", release, too_old, "boot Linux 6.1 or newer; Debian 12 has it")


def _root() -> Requirement:
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    if os.geteuid() != 0:
        return _needed("root", "", f"uid {os.geteuid()}", "run as root, for example through sudo")
    lacks = None if effective >> _CAP_SYS_ADMIN & 1 else "root without CAP_SYS_ADMIN"
    return _needed("root", "uid 0 with CAP_SYS_ADMIN", lacks, "the container around must be privileged")


def _prctl() -> Requirement:
    try:
        import prctl  # noqa: F401 (whether it is there is the question)
    except ImportError as error:
        return _needed(
            "python-prctl", "", str(error), "apt install gcc python3-dev libcap-dev; pip install python-prctl"
        )
    return _needed("python-prctl", "importable", None)


def _namespaces() -> Requirement:
    hint = "run as root; look at /proc/sys/user/max_*_namespaces"
    return _needed("namespaces", "mnt pid uts ipc net cgroup", probes.namespaces(), hint)


def _overlay() -> Requirement:
    return _needed("overlay", "mounts", probes.overlay(), "run as root; load the module: modprobe overlay")


def _cgroups() -> Requirement:
    layout = find_layout()
    missing = None if layout.unified or layout.v1 else "none mounted"
    return _needed("cgroups", layout.name, missing, f"mount them: mount -t cgroup2 cgroup2 {MOUNT}")


def _store(paths: Paths) -> Requirement:
    nearest = _nearest_folder(paths.root)
    mount = host.mount_of(nearest, host.mounts())
    kind = mount.kind if mount else "unknown"
    found, missing = f"{paths.root} on {kind}", None
    if not os.path.isdir(nearest):
        missing = f"{nearest} is not a directory"
    elif not os.access(nearest, os.W_OK) or os.statvfs(nearest).f_flag & os.ST_RDONLY:
        missing = f"{nearest} cannot be written"
    elif kind in _NO_UPPER:
        missing = f"{found}, which cannot hold containers"
    return _needed("store", found, missing, "choose a folder on ext4, xfs, btrfs or tmpfs with --root or QUILT_ROOT")


def _free_space(paths: Paths) -> Requirement:
    facts = os.statvfs(_nearest_folder(paths.root))
    free = facts.f_bavail * facts.f_frsize
    found = f"{free >> 20} MiB" + (f", {facts.f_favail} inodes" if facts.f_files else "")
    short = free < LEAST_FREE_BYTES or (facts.f_files > 0 and facts.f_favail == 0)
    return _needed("free space", found, found if short else None, "remove what is not needed: quiltctl image prune -a")


def _database(paths: Paths) -> Requirement:
    from quiltctl.db.connection import open_to_read, translated

    if not os.path.exists(paths.database):
        return _needed("database", "not made yet", None)
    try:
        with translated(paths.database):
            verdict = str(open_to_read(paths).execute("PRAGMA quick_check(1)").fetchone()[0])
    except QuiltError as error:
        return _needed("database", "", str(error), error.hint or "")
    hint = "restore a backup made with: quiltctl system backup"
    return _needed("database", "whole", None if verdict == "ok" else verdict, hint)


def _pids_controller() -> Requirement:
    missing = None if "pids" in host.controllers(host.mounts()) else "none: the number of processes is not limited"
    return _needed("pids controller", "available", missing, "a kernel with CONFIG_CGROUP_PIDS", required=False)


def _user_namespaces() -> Requirement:
    hint = "raise /proc/sys/user/max_user_namespaces; without them root inside is root outside"
    return _needed("user namespaces", "can be made", probes.user_namespace(), hint, required=False)


def _idmapped_mounts(paths: Paths) -> Requirement:
    missing = probes.idmapped_mount(_nearest_folder(paths.root))
    return _needed("idmapped mounts", "can be made", missing, "choose a --root on ext4, xfs or btrfs", required=False)


def _seccomp() -> Requirement:
    folders = [*_LIBRARY_FOLDERS, *(f"{folder}/{os.uname().machine}-linux-gnu" for folder in _LIBRARY_FOLDERS[:2])]
    path = _first_existing(folders, "libseccomp.so.2")
    return _needed("seccomp library", path or "", None if path else "none", "apt install libseccomp2")


def _bridges() -> Requirement:
    hint = "load the modules: modprobe bridge veth; without them, --network none or host"
    return _needed("bridges", "can be made", probes.bridge(), hint, required=False)


def _firewall(paths: Paths) -> Requirement:
    hint = "apt install nftables; modprobe nf_tables; without it, --network none, or networks made with --internal"
    return _needed("nft", "takes our rules", probes.firewall(paths), hint, required=False)


def _forwarding() -> Requirement:
    """Tell whether the host passes packets on, or can be made to, which the first container that needs it does."""
    path = "/proc/sys/net/ipv4/ip_forward"
    with open(path, encoding="ascii") as file:
        is_on = file.read().strip() == "1"
    found = "on" if is_on else "off, switched on for the first container with a way out"
    can_be = is_on or (os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY)
    missing = None if can_be else "off, and cannot be switched on here"
    return _needed("ip_forward", found, missing, "sysctl -w net.ipv4.ip_forward=1", required=False)


def _bridge_filter() -> Requirement:
    missing = None if br_netfilter.is_there() else "not loaded: --egress is refused"
    return _needed("br_netfilter", "loaded", missing, "modprobe br_netfilter", required=False)


def _first_existing(folders: list[str], name: str) -> str | None:
    return next((f"{folder}/{name}" for folder in folders if folder and os.path.exists(f"{folder}/{name}")), None)


def _nearest_folder(path: str) -> str:
    """Return the path, or what of it is there already: a check does not make the root."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path
