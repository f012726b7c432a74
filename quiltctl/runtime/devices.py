"""Devices of a container: which nodes it gets, and what its cgroup allows.

What is not allowed is denied: by the devices controller on v1, by an eBPF program on v2. A node alone opens nothing,
and a program that may mknod can make any node, but not use it.
"""

from __future__ import annotations

import os
import stat

from quiltctl.errors import UsageError
from quiltctl.model.device import ACCESS, OURS, STANDARD, DeviceNode, DeviceRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quiltctl.model.device import DeviceRequest

EVERYTHING = DeviceRule("a", None, None, ACCESS)
"""The one rule of a privileged container, where its cgroup has to be limited at all."""

# OCI runtime specification, config-linux.md, "Default Devices", and what runc and crun allow beyond: to make any node.
DEFAULT_RULES = (
    DeviceRule("c", None, None, "m"),
    DeviceRule("b", None, None, "m"),
    *(DeviceRule("c", major, minor, ACCESS) for _, major, minor in STANDARD),
    DeviceRule("c", 5, 1, ACCESS),  # console
    DeviceRule("c", 5, 2, ACCESS),  # ptmx
    DeviceRule("c", 136, None, ACCESS),  # pts/*
)
_DEV = "/dev"
_SKIPPED = frozenset((*OURS, "console", *(name for name, _, _ in STANDARD)))
"""What `--privileged` does not take over from the top of the host's /dev: every container has its own."""


def nodes(requests: Iterable[DeviceRequest]) -> tuple[DeviceNode, ...]:
    """Return the nodes that the requests come to; a directory is all devices below it, a later path wins.

    Links of the host are followed where the request names them, and nowhere below a directory.

    Raises:
        UsageError: a path is missing, or no device, or a directory without any.
    """
    found: dict[str, DeviceNode] = {}
    for request in requests:
        path = os.path.realpath(request.host_path)
        place = request.container_path.removeprefix(f"{_DEV}/")
        try:
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                skipped = frozenset(OURS) if path == _DEV else frozenset[str]()
                several = tuple(_below(path, place, request.access, skipped))
            else:
                several = _node(place, status, request.access)
        except OSError as error:
            raise UsageError(
                f"cannot pass device {request.host_path}: {error.strerror}",
                hint="the path before the first colon is the host's" if error.errno == 2 else None,  # noqa: PLR2004 (ENOENT)
            ) from error
        if not several:
            raise UsageError(f"cannot pass device {request.host_path}: it is no device, nor a directory of devices")
        found.update((node.path, node) for node in several)
    return tuple(found.values())


def all_nodes() -> tuple[DeviceNode, ...]:
    """Return every device of the host that a container does not have by itself: what `--privileged` passes."""
    return tuple(_below(_DEV, "", ACCESS, _SKIPPED))


def limit_v1(directory: str, rules: Iterable[DeviceRule]) -> None:
    """Let the processes of a cgroup of the v1 devices controller use what the rules allow, and nothing else.

    What was allowed before no longer is. See cgroup-v1/devices.

    Raises:
        OSError: EPERM when the cgroup above does not allow what was asked for, EINVAL for one with others below.
    """
    wanted = tuple(rules)
    _write(f"{directory}/devices.deny", ("a",))
    try:
        _write(f"{directory}/devices.allow", map(str, wanted))
    except PermissionError:
        # The cgroup above lacks one of them, as in a container of a CI runner. A usual device may be missing then; one
        # that was asked for may not.
        _write(f"{directory}/devices.allow", (str(rule) for rule in wanted if rule not in DEFAULT_RULES))
        for rule in DEFAULT_RULES:
            _write_if_permitted(f"{directory}/devices.allow", str(rule))


def limit_v2(cgroup_fd: int, rules: Iterable[DeviceRule]) -> None:
    """Let the processes of a v2 cgroup use what the rules allow, and nothing else. O_PATH is enough for its directory.

    A cgroup that outlived its last container has that one's program. It goes when the new one is there: in between
    both must say yes, so at no time is more allowed than by one of them.

    Raises:
        OSError: the kernel has no such programs, or this process may not attach one.
    """
    from quiltctl.runtime.device_program import assemble
    from quiltctl.runtime.linux import bpf  # ctypes: 2 ms, which `create` with a device would pay

    former = bpf.attached(cgroup_fd, bpf.CGROUP_DEVICE)
    program_fd = bpf.load(bpf.PROG_TYPE_CGROUP_DEVICE, assemble(rules), "quilt_devices")
    try:
        bpf.attach(cgroup_fd, program_fd, bpf.CGROUP_DEVICE)
    finally:
        os.close(program_fd)
    for number in former:
        former_fd = bpf.open_program(number)
        try:
            bpf.detach(cgroup_fd, former_fd, bpf.CGROUP_DEVICE)
        finally:
            os.close(former_fd)


def _below(directory: str, place: str, access: str, skipped: frozenset[str]) -> Iterator[DeviceNode]:
    """Give the devices below a directory, in the order of their names; ``skipped`` names what to leave out of it."""
    with os.scandir(directory) as listed:
        entries = sorted((entry for entry in listed if entry.name not in skipped), key=lambda entry: entry.name)
    for entry in entries:
        path = f"{place}/{entry.name}" if place else entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, path, access, frozenset())
            else:
                yield from _node(path, entry.stat(follow_symlinks=False), access)
        except FileNotFoundError:
            continue  # unplugged meanwhile


def _node(path: str, status: os.stat_result, access: str) -> tuple[DeviceNode, ...]:
    """Return the node for a file of the host, or nothing if that is no device."""
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return ()
    return (
        DeviceNode(
            path,
            "b" if stat.S_ISBLK(status.st_mode) else "c",
            os.major(status.st_rdev),
            os.minor(status.st_rdev),
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            access,
        ),
    )


def _write_if_permitted(path: str, line: str) -> None:
    try:
        _write(path, (line,))
    except PermissionError:
        return


def _write(path: str, lines: Iterable[str]) -> None:
    """Write each line by a call of its own: the kernel reads one rule from each.

    Raises:
        OSError: with path and line as its filename.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for line in lines:
            try:
                os.write(fd, line.encode())
            except OSError as error:
                error.filename = f"{path} {line}"
                raise
    finally:
        os.close(fd)
