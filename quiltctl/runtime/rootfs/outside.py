"""What real root makes for a container before it is let go: detached mounts, which belong to no path.

The overlay's layers are idmapped mounts: a file of the image that belongs to 0 shows as the container's root, and on
disk nothing is changed. They are attached in a mount namespace that the caller has made for itself and that ends
with it, since overlay finds its layers by path.
"""

from __future__ import annotations

import errno
import os
import stat

from quiltctl.model.device import STANDARD, DeviceNode, node_from
from quiltctl.model.id_map import host_id, root_ids
from quiltctl.model.value import Value
from quiltctl.runtime import devices
from quiltctl.runtime.linux import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec


class Made(Value):
    """Detached mounts, by descriptor; -1 is one that the container makes by itself."""

    dev_fd: int
    shm_fd: int
    files: dict[str, int]
    """What is laid over the files of /etc, by name."""
    trees: dict[str, int]
    """Kernel file systems that show a namespace of the host's, by kind."""


class CannotShift(OSError):
    """The file system of the layers cannot be mounted with its owners mapped."""


def open_overlay(layers: tuple[str, ...], upper: str, work: str, user_namespace_fd: int | None) -> int:
    """Return the descriptor of a detached overlay: the layers, the lowest first, below a writable directory.

    One option carries at most 255 bytes (fsconfig(2)), so several layers go one by one, which needs Linux 6.5.

    Raises:
        CannotShift: the file system of a layer has no idmapped mounts.
        OSError: the kernel refuses the overlay.
    """
    if user_namespace_fd is not None:
        for layer in layers:
            _shift(layer, user_namespace_fd)
    if len(layers) == 1:
        # Here, and here alone, a colon separates directories.
        lower = [("lowerdir", layers[0].replace("\\", "\\\\").replace(":", "\\:"))]
    else:
        lower = [("lowerdir+", path) for path in reversed(layers)]
    # A folder that could be renamed would take a mask along to another name: where the host allows it, not here.
    return mounts.new_mount("overlay", (*lower, ("upperdir", upper), ("workdir", work), ("redirect_dir", "off")))


def _shift(layer: str, user_namespace_fd: int) -> None:
    """Lay over a layer, in this mount namespace alone, the same layer with its owners mapped."""
    place_fd = os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    mount_fd = mounts.clone_mount(place_fd, subject=layer)
    try:
        mounts.shift_owners(mount_fd, user_namespace_fd, subject=layer)
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise CannotShift(error.errno, error.strerror, error.filename) from error
        raise
    mounts.attach_mount(mount_fd, place_fd, subject=layer)
    os.close(mount_fd)
    os.close(place_fd)


def give(path: str, spec: Spec, inside_uid: int = 0, inside_gid: int = 0) -> None:
    """Give a file of the container's folder to one of the container's own ids; one that it lacks is its root."""
    root_uid, root_gid = root_ids(spec)
    uid, gid = host_id(spec.uid_map, inside_uid), host_id(spec.gid_map, inside_gid)
    os.chown(path, root_uid if uid is None else uid, root_gid if gid is None else gid, follow_symlinks=False)


def files_of(spec: Spec) -> tuple[str, ...]:
    """Return which files of /etc the container gets, in the place of those of its image.

    Without a network there is nobody to ask for addresses, unless the user knows better.
    """
    resolves = spec.network != "none" or any((spec.dns, spec.dns_search, spec.dns_options))
    return (*(() if spec.no_hosts else ("hosts",)), "hostname", *(("resolv.conf",) if resolves else ()))


def _file(spec: Spec, container_dir: str, name: str) -> str:
    """Return the path of what is laid over a file of /etc. Who shares a network shares what is said of it."""
    kind, _, owner_id = spec.network.partition(":")
    shared = f"{os.path.dirname(container_dir)}/{owner_id}/{name}"
    if kind == "container" and name != "hostname" and os.path.exists(shared):
        return shared
    return f"{container_dir}/{name}"


def make(spec: Spec, container_dir: str, shm_fd: int, *, cgroup2: bool) -> Made:
    """Make all that only real root can, but the overlay, which has to wait for the maps of ids.

    ``shm_fd`` is the /dev/shm that is shared with another container, or -1.

    Raises:
        OSError: the kernel refuses one of them.
    """
    modes = {"proc": spec.pid, "sysfs": spec.network, "mqueue": spec.ipc}
    if cgroup2:
        modes["cgroup2"] = spec.cgroupns
    hosts = (kind for kind, mode in modes.items() if mode == "host")
    sealed = mounts.RDONLY if spec.read_only else 0
    return Made(
        dev_fd=_make_dev(spec),
        shm_fd=_open("/dev/shm", os.O_DIRECTORY, mounts.LOCKED) if spec.ipc == "host" else shm_fd,  # noqa: S108
        files={
            name: _open(_file(spec, container_dir, name), os.O_NOFOLLOW, mounts.NOSUID | mounts.NODEV | sealed)
            for name in files_of(spec)
        },
        trees={kind: mounts.new_mount(kind, attributes=tree_attributes(spec, kind)) for kind in hosts},
    )


def tree_attributes(spec: Spec, kind: str) -> int:
    """Return how a kernel file system is mounted, by whoever does it: what the host could be changed by, read-only."""
    closed = kind in {"sysfs", "cgroup2"} and not spec.privileged
    return mounts.LOCKED | (mounts.RDONLY if closed else 0)


def _make_dev(spec: Spec) -> int:
    """Return the detached tmpfs of /dev with its devices. In a user namespace nobody may make those, not even root.

    mknod(2) asks for CAP_MKNOD in the first user namespace, and a tmpfs mounted in another one opens no devices. What
    was asked for belongs to whom it belongs outside, as the container counts; what --privileged passes unasked stays
    the host's, so that root of a user namespace can use no more of it than any stranger.
    """
    uid, gid = root_ids(spec)
    options = (("mode", "0755"), ("size", "65536k"), ("uid", str(uid)), ("gid", str(gid)))
    mount_fd = mounts.new_mount("tmpfs", options, attributes=mounts.NOSUID | mounts.STRICTATIME)
    usual = (DeviceNode(name, "c", major, minor, 0o666, 0, 0) for name, major, minor in STANDARD)
    nodes = {node.path: (node, (node.uid, node.gid)) for node in (devices.all_nodes() if spec.privileged else ())}
    nodes.update((node.path, (node, _as_inside(spec, node))) for node in (*usual, *map(node_from, spec.devices)))
    mask = os.umask(0)
    for node, ids in nodes.values():
        _make_node(mount_fd, node, ids)
    os.umask(mask)
    return mount_fd


def _make_node(dev_fd: int, node: DeviceNode, owner: tuple[int, int]) -> None:
    for end in (place for place, letter in enumerate(node.path) if letter == "/"):
        try:
            os.mkdir(node.path[:end], 0o755, dir_fd=dev_fd)
        except FileExistsError:
            continue
    kind = stat.S_IFBLK if node.kind == "b" else stat.S_IFCHR
    os.mknod(node.path, kind | node.mode, os.makedev(node.major, node.minor), dir_fd=dev_fd)
    os.chown(node.path, *owner, dir_fd=dev_fd, follow_symlinks=False)


def _as_inside(spec: Spec, node: DeviceNode) -> tuple[int, int]:
    uid, gid = root_ids(spec)
    return host_id(spec.uid_map, node.uid) or uid, host_id(spec.gid_map, node.gid) or gid


def _open(path: str, flags: int, attributes: int) -> int:
    source_fd = os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
    try:
        return mounts.clone_mount(source_fd, attributes=attributes, subject=path)
    finally:
        os.close(source_fd)
