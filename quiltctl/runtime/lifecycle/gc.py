"""`gc`: what crashes and reboots left is found by comparing the database with kernel and disk, both ways.

Every sweep lists what exists first and reads the database afterwards: a container that is being made has its row
before it has anything else, so whatever has no row then is nobody's. Nothing here waits for a container, and a
second gc at the same time finds the lock taken and leaves.
"""

from __future__ import annotations

import fcntl
import os
import time

from quiltctl.db import cleanup, configs, containers, events, meta
from quiltctl.db.connection import transaction
from quiltctl.model.value import Value
from quiltctl.runtime import liveness
from quiltctl.runtime.cgroup import place, tree
from quiltctl.runtime.lifecycle import (
    discard,
    observe,
    pause,
    reap,
    record_samples,
    remove,
    remove_network,
    sweep_images,
    sweep_networks,
    update_limits,
)
from quiltctl.runtime.lifecycle.create_network import BRIDGE
from quiltctl.runtime.seccomp import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from quiltctl.paths import Paths

_HEX = frozenset("0123456789abcdef")


class Wish(Value):
    """What gc is asked to do beyond mending."""

    dry_run: bool = False
    exited_older_than_ns: int | None = None
    images: bool = False
    events_older_than_ns: int | None = None


class Finding(Value):
    """One thing that was wrong: what kind, which one, what was done about it, and why that failed, if it did."""

    kind: str
    name: str
    action: str
    problem: str = ""


def collect(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> list[Finding] | None:
    """Mend what is wrong and return what was found, or None when another gc is at work."""
    lock_fd = os.open(f"{paths.root}/.gc.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock_fd)
        return None
    try:
        return [finding for sweep in _SWEEPS for finding in sweep(paths, connection, wish)]
    finally:
        os.close(lock_fd)


def _dead_containers(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Rows that say alive, of containers that are not."""
    if not wish.dry_run:
        pause.let_die(connection)
    for container in containers.list_all(connection, containers.LIVE):
        true = observe.observe(connection, paths, container)
        if true is None or (true.state in containers.LIVE and observe.has_shim(true)):
            continue
        if not wish.dry_run:
            reap.reap(paths, connection, container)
        if true.state in containers.LIVE:
            true = observe.ended(paths, true)
        action = "removed" if container.auto_remove else f"marked {true.state} ({true.exit_reason})"
        yield Finding("container", container.name, action)


def _updates(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Changes of limits that were cut short."""
    for container in update_limits.unfinished(connection):
        problem = "" if wish.dry_run else update_limits.take_back(paths, connection, container)
        if problem is not None:
            yield Finding("limits", container.name, "restored", problem)


def _paused(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Rows that say otherwise than the kernel whether their container stands still."""
    for container, true in pause.follow(paths, connection, dry_run=wish.dry_run):
        yield Finding("container", container.name, f"marked {true}")


def _open_tasks(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """What was promised to be removed and is not yet."""
    for container_id in dict.fromkeys(task.container_id for task in cleanup.open_tasks(connection)):
        if wish.dry_run:
            yield Finding("cleanup", container_id[:12], "removed")
            continue
        yield from _retry(paths, connection, container_id)


def retry_tasks(paths: Paths, connection: sqlite3.Connection) -> list[Finding]:
    """Try every open cleanup task again and return what came of each container's."""
    return list(_open_tasks(paths, connection, Wish()))


def _retry(paths: Paths, connection: sqlite3.Connection, container_id: str) -> Iterator[Finding]:
    """Finish the tasks of a network, or of a container: all when its row is gone, else its cgroup and leases."""
    if any(task.resource.startswith(BRIDGE) for task in cleanup.tasks_of(connection, container_id)):
        yield Finding("network", container_id[:12], "removed", remove_network.finish(paths, connection, container_id))
        return
    unreleased = sweep_networks.release(paths, connection, container_id)
    if containers.get(connection, container_id) is None:
        problems = discard.discard_all(paths, connection, [container_id])
        yield Finding("cleanup", container_id[:12], "removed", problems[0] if problems else unreleased)
        return
    problem = discard.remove_cgroup(connection, container_id)
    failed = {"cgroup": "" if problem is None else str(problem), "network": unreleased}
    tasks = cleanup.tasks_of(connection, container_id)
    with transaction(connection):
        for task in tasks:
            if failed.get(task.type):
                cleanup.fail(connection, task.id, failed[task.type])
            elif task.type in failed:
                cleanup.complete(connection, container_id, task.type)
    yield from (
        Finding(task.type, container_id[:12], "removed", failed[task.type]) for task in tasks if task.type in failed
    )


def _orphan_folders(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Folders of containers that have no row."""
    for name in _listed(paths.containers):
        if containers.get(connection, name) is None:
            yield _act("folder", name, wish, lambda name=name: discard.remove_folder(paths.container(name)))  # type: ignore[misc]


def _orphan_cgroups(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Cgroups of containers that have no row, with whatever still lives in them."""
    for name in sorted(tree.names(place.base(paths))):
        if not _is_id(name) or containers.get(connection, name) is not None:
            continue
        if wish.dry_run:
            yield Finding("cgroup", name[:12], "removed")
            continue
        problem = discard.empty_and_remove(f"{place.base(paths)}/{name}")
        yield Finding("cgroup", name[:12], "removed", "" if problem is None else str(problem))


def _networks(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Leases, interfaces, bridges and the firewall."""
    for mended in sweep_networks.sweep(paths, connection, dry_run=wish.dry_run):
        yield Finding(mended.kind, mended.name, mended.action, mended.problem)


def _orphan_mounts(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:  # noqa: ARG001
    """Mounts below the containers' folders, which quiltctl never makes on the host, but a person may have."""
    from quiltctl.runtime.linux.mounts import detach

    for target in reversed(_mounts_below(f"{paths.containers}/")):
        yield _act("mount", target, wish, lambda target=target: detach(target))  # type: ignore[misc]


def _image_data(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Imports that were cut short, and layers that no row knows. A row whose layer is gone is told, not mended."""
    for folder in (sweep_images.stale_imports if wish.dry_run else sweep_images.sweep_stale_imports)(paths):
        yield Finding("import", os.path.basename(folder), "removed")
    orphans = (sweep_images.orphan_layers if wish.dry_run else sweep_images.sweep_orphan_layers)(paths, connection)
    for digest in orphans.without_row:
        yield Finding("layer", digest[:12], "removed")
    for digest in orphans.without_folder:
        yield Finding("layer", digest[:12], "restored", "its folder is gone: import its image again")


def _old_containers(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Containers that have ended long enough ago, where that was asked for."""
    if wish.exited_older_than_ns is None:
        return
    before = time.time_ns() - wish.exited_older_than_ns
    old = [
        container
        for container in containers.list_all(connection, ("exited", "error"))
        if (container.finished_at or container.created_at) < before
    ]
    if wish.dry_run:
        yield from (Finding("container", container.name, "removed") for container in old)
    elif old:
        for removal in remove.remove(paths, connection, old, force=False):
            problem = removal.problem if removal.refusal is None else str(removal.refusal)
            yield Finding("container", removal.container.name, "removed", problem)


def _old_events(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:  # noqa: ARG001
    """Events from before the time that was asked for."""
    if wish.events_older_than_ns is None:
        return
    before = time.time_ns() - wish.events_older_than_ns
    count = events.count_before(connection, before)
    if count and not wish.dry_run:
        with transaction(connection):
            events.delete_before(connection, before)
    if count:
        yield Finding("events", str(count), "removed")


def _unused_images(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """Images that no container uses, where that was asked for."""
    if not wish.images:
        return
    from quiltctl.runtime.lifecycle.prune_images import prunable_images
    from quiltctl.runtime.lifecycle.remove_image import remove_unused

    for image in prunable_images(connection, all=True):
        if not wish.dry_run:
            remove_unused(paths, connection, image.id)
        yield Finding("image", image.name or image.id[:12], "removed")


def _samples(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """What the containers use, which is no finding."""
    if not wish.dry_run:
        record_samples.record(paths, connection)
    yield from ()


def _bookkeeping(paths: Paths, connection: sqlite3.Connection, wish: Wish) -> Iterator[Finding]:
    """What nobody needs to hear of: finished tasks, filters of system calls that nobody uses, the boot id, ..."""
    if wish.dry_run:
        return
    with transaction(connection):
        cleanup.delete_completed_orphans(connection)
        meta.put(connection, "boot_id", liveness.boot_id())
        meta.put(connection, "collected_at", str(time.time_ns()))
    cache.sweep(paths.seccomp, configs.seccomp_profiles(connection))
    if not containers.list_all(connection, containers.LIVE):
        tree.remove_shared(place.of_shim(paths))
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    yield from ()


_SWEEPS = (
    _dead_containers,
    _updates,
    _paused,
    _open_tasks,
    _orphan_folders,
    _orphan_cgroups,
    _networks,
    _orphan_mounts,
    _image_data,
    _old_containers,
    _unused_images,
    _old_events,
    _samples,
    _bookkeeping,
)


def _act(kind: str, name: str, wish: Wish, act: Callable[[], object]) -> Finding:
    """Do it, unless this is a dry run, and return the finding."""
    if not wish.dry_run:
        try:
            act()
        except OSError as error:
            return Finding(kind, name, "removed", f"{error.filename}: {error.strerror}")
    return Finding(kind, name, "removed")


def _listed(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if _is_id(name))
    except FileNotFoundError:
        return []


def _is_id(name: str) -> bool:
    return len(name) == 64 and _HEX.issuperset(name)  # noqa: PLR2004 (hex digits of an id)


def _mounts_below(prefix: str) -> list[str]:
    """Return the mount points below a path, in the order of mounting (proc_pid_mountinfo(5), field 5)."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        targets = [line.split(" ")[4] for line in file]
    return [target for target in targets if target.startswith(prefix)]
