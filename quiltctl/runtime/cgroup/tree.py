"""The directories of cgroups: made in the hierarchies that are there, given controllers, listed, removed."""

from __future__ import annotations

import errno
import os

from quiltctl.runtime.cgroup import place
from quiltctl.runtime.cgroup.layout import find_layout, name_on_v2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.runtime.cgroup.layout import Layout

_MARK = "trusted.quilt"
"""An attribute of the cgroups that were made for another one to lie in: they go with the last of those."""
_ATTEMPTS = 100
_NOT_DELEGATED = frozenset((errno.ENOENT, errno.EBUSY, errno.EPERM, errno.EACCES))


def make(mount: str, path: str, *, above: bool = False) -> int:
    """Make a cgroup with what it lies in, unless it is there, and return a descriptor of it.

    One that is made for others to lie in, ``above`` them, goes with the last of those.

    Raises:
        FileNotFoundError: it lies in a scope that is not there: those are made by systemd alone.
        OSError: the kernel refuses it.
    """
    for attempt in range(_ATTEMPTS):
        try:
            _make_path(mount, path, above=above)
            return os.open(f"{mount}/{path}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            # Somebody removes an empty one meanwhile, as gc does.
            if attempt == _ATTEMPTS - 1 or _lacks_its_scope(mount, path):
                raise
    return -1


def _lacks_its_scope(mount: str, path: str) -> bool:
    before, scope, _ = path.partition(".scope/")
    return bool(scope) and not os.path.isdir(f"{mount}/{before}.scope")


def _make_path(mount: str, path: str, *, above: bool) -> None:
    """Make a cgroup and those above it; ``above`` says that it is one of the latter."""
    directory = f"{mount}/{path}"
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        return
    except FileNotFoundError:
        if _lacks_its_scope(mount, path):
            raise
        _make_path(mount, os.path.dirname(path), above=True)
        _make_path(mount, path, above=above)
        return
    if above:
        os.setxattr(directory, _MARK, b"")
    if mount.endswith("/cpuset"):
        _inherit_cpuset(directory)


def _inherit_cpuset(directory: str) -> None:
    """Give a new cgroup the processors of the one above: it has none, and nobody can enter it (cgroup-v1, cpusets)."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        with open(f"{os.path.dirname(directory)}/{name}", encoding="utf-8") as file:
            write(f"{directory}/{name}", file.read().strip())


def enable(layout: Layout, path: str, controllers: Sequence[str]) -> None:
    """Have a v2 cgroup pass controllers on to those below it, as far as it has them; on the way down from the root.

    cgroup-v2, "Enabling and Disabling". A cgroup in which processes live passes nothing on, but the root: then, and
    where the one above has not passed a controller on, it stays missing, and the limit that needs it cannot be written.
    """
    wanted = [name_on_v2(name) for name in controllers if name in layout.controllers]
    if not wanted or passes_on(f"{layout.unified}/{path}", wanted):
        return
    os.close(make(layout.unified, path, above=True))
    # What lies above a delegated cgroup is systemd's, and delegating it has brought all controllers down to it.
    owned = given_away(path) if place.is_delegated() else ""
    directory = f"{layout.unified}/{owned}".rstrip("/")
    for step in ("", *path[len(owned) :].strip("/").split("/")):
        directory = f"{directory}/{step}" if step else directory
        for name in wanted:
            try:
                if not passes_on(directory, [name]):
                    write(f"{directory}/cgroup.subtree_control", f"+{name}")
            except OSError as error:
                if error.errno not in _NOT_DELEGATED:
                    raise


def given_away(path: str) -> str:
    """Return the cgroup that systemd has delegated, of this one and those above it; "" for none.

    It notes that in an attribute ("Control Group APIs and Delegation" of systemd).
    """
    unified = find_layout().unified
    words = path.split("/")
    for count in range(1, len(words) + 1):
        above = "/".join(words[:count])
        try:
            if os.getxattr(f"{unified}/{above}", "trusted.delegate") == b"1":
                return above
        except OSError:  # ENODATA, or ENOENT: it would have to be made
            continue
    return ""


def passes_on(directory: str, names: Sequence[str]) -> bool:
    """Return whether a v2 cgroup gives those below it these controllers."""
    try:
        with open(f"{directory}/cgroup.subtree_control", encoding="utf-8") as file:
            return set(names) <= set(file.read().split())
    except FileNotFoundError:
        return False


def remove(path: str) -> None:
    """Remove a container's cgroup from every hierarchy, with those that were made inside of it.

    One that is not there is removed already. What lies above it and was made for it goes with the last one in it.

    Raises:
        OSError: EBUSY when a process still lives in it.
    """
    for hierarchy in find_layout().hierarchies:
        try:
            os.rmdir(f"{hierarchy}/{path}")
        except FileNotFoundError:
            pass  # of the others there may still be some
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            _remove_from_below(f"{hierarchy}/{path}")
        _remove_marked(hierarchy, os.path.dirname(path))


def _remove_from_below(directory: str) -> None:
    """Remove a cgroup in which there are others: a program that may write to its tree has made them."""
    for inner, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(inner)
        except FileNotFoundError:
            continue


def _remove_marked(hierarchy: str, path: str) -> None:
    """Remove the cgroups from here up which carry our mark, as long as they are empty."""
    while path:
        try:
            os.getxattr(f"{hierarchy}/{path}", _MARK)
            os.rmdir(f"{hierarchy}/{path}")
        except OSError:  # ENODATA: not ours; EBUSY: in use; ENOENT: somebody was faster
            return
        path = os.path.dirname(path)


def remove_shared(path: str) -> bool:
    """Remove a cgroup for many and the one it lies in, as far as they are empty. Returns whether any was there.

    A scope is left to systemd, which removes it once it is empty.
    """
    removed = False
    for hierarchy in find_layout().hierarchies:
        for directory in (path, os.path.dirname(path)):
            try:
                if not directory.endswith(".scope"):
                    os.rmdir(f"{hierarchy}/{directory}")
                    removed = True
            except FileNotFoundError:
                continue  # the one above may be there all the same
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                break
    return removed


def names(path: str) -> set[str]:
    """Return the names of the cgroups there are below one, over all hierarchies."""
    found: set[str] = set()
    for hierarchy in find_layout().hierarchies:
        try:
            with os.scandir(f"{hierarchy}/{path}") as entries:
                found.update(entry.name for entry in entries if entry.is_dir())
        except FileNotFoundError:
            continue
    return found


def write(path: str, text: str, *, dir_fd: int | None = None) -> None:
    """Write to a file of a cgroup, in one call.

    Raises:
        OSError: the kernel does not take it.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(fd)
