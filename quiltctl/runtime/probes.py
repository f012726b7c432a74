"""Trying what the kernel allows, each time in a child that ends and takes with it all that it made."""

from __future__ import annotations

import os

from quiltctl.errors import QuiltError
from quiltctl.runtime.linux import mounts, netlink, processes
from quiltctl.runtime.network import nft, ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

_SHIFTED_RANGE = "0 100000 65536"


def namespaces() -> str | None:
    """Return why a process cannot leave the host's namespaces, or None when it can."""
    p = processes
    kinds = p.CLONE_NEWNS | p.CLONE_NEWPID | p.CLONE_NEWUTS | p.CLONE_NEWIPC | p.CLONE_NEWNET | p.CLONE_NEWCGROUP
    return _refusal(lambda: p.leave(kinds))


def user_namespace() -> str | None:
    """Return why no user namespace can be made, or None."""
    return _refusal(lambda: processes.leave(processes.CLONE_NEWUSER))


def overlay() -> str | None:
    """Return why no overlay can be mounted, or None."""
    return _refusal(_mount_overlay)


def idmapped_mount(folder: str) -> str | None:
    """Return why the owners of a folder's files cannot be shifted by a mount, or None."""
    return _refusal(lambda: _shift(folder))


def bridge() -> str | None:
    """Return why no bridge can be made with a wire in it, or None."""
    return _refusal(_wire)


def firewall(paths: Paths) -> str | None:
    """Return why the rules of networks cannot be loaded, or None."""
    return _refusal(lambda: _load_rules(paths.nft_table))


def _refusal(act: Callable[[], None]) -> str | None:
    """Run ``act`` in a child and return the words of the OSError it raised, or None."""
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
        except OSError as error:
            os.write(write_fd, f"{error.filename}: {error.strerror}".encode())
        except QuiltError as error:
            os.write(write_fd, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said or None


def _wire() -> None:
    """Make a bridge and a wire in it, in a network namespace of this process's own."""
    processes.leave(processes.CLONE_NEWNET)
    inside_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    processes.leave(processes.CLONE_NEWNET)
    socket = netlink.open_socket()
    netlink.ask(socket, (netlink.add_bridge("probe0", "02:42:00:00:00:01", 1500),))
    index = netlink.index_of(socket, "probe0")
    netlink.ask(socket, (netlink.add_veth("probe1", index, 1500, inside_fd, "eth0", "02:42:00:00:00:02"),))


def _load_rules(table: str) -> None:
    """Load the rules of a network, in a network namespace of this process's own."""
    processes.leave(processes.CLONE_NEWNET)
    nft.run(ruleset.base(table))


def _mount_overlay() -> None:
    """Mount an overlay of folders that lie in memory, in a mount namespace of this process's own."""
    processes.leave(processes.CLONE_NEWNS)
    mounts.make_private()
    place_fd = os.open("/sys", os.O_PATH | os.O_DIRECTORY)  # any folder will do: it is covered for this process only
    mounts.attach_mount(mounts.new_mount("tmpfs"), place_fd)
    for name in ("lower", "upper", "work"):
        os.mkdir(f"/sys/{name}")
    mounts.new_mount("overlay", [("lowerdir", "/sys/lower"), ("upperdir", "/sys/upper"), ("workdir", "/sys/work")])


def _shift(folder: str) -> None:
    folder_fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    mounts.shift_owners(mounts.clone_mount(folder_fd, subject=folder), _shifted_user_namespace(), subject=folder)


def _shifted_user_namespace() -> int:
    """Return the descriptor of a user namespace in which root is somebody else outside."""
    wait_fd, hold_fd = os.pipe()
    child = processes.clone(processes.CLONE_NEWUSER)
    if child == 0:
        os.close(hold_fd)
        os.read(wait_fd, 1)
        os._exit(0)
    for kind in ("uid", "gid"):
        with open(f"/proc/{child}/{kind}_map", "w", encoding="ascii") as file:
            file.write(_SHIFTED_RANGE)
    namespace_fd = os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
    os.close(hold_fd)
    os.waitpid(child, 0)
    return namespace_fd
