"""Changing the limits of a cgroup in which processes live, such that it can be taken back."""

from __future__ import annotations

import errno
import os

from quiltctl.runtime.cgroup import limits, population, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.runtime.cgroup.layout import Layout
    from quiltctl.runtime.cgroup.limits import Write

    Undo = Sequence[tuple[str, str]]
    """Files of the kernel and what stood in them, in the order in which they are changed."""

_SWAP_V1 = "memory.memsw.limit_in_bytes"
_BANDWIDTH_V1 = "cpu.cfs_"
"""How the files of v1 begin of which one is written twice: what comes last counts, also where it came first before."""


def differing(before: Sequence[Write], after: Sequence[Write]) -> list[Write]:
    """Return what is in ``after`` and not in ``before``; of quota and period on v1 all, or none."""

    def bandwidth(writes: Sequence[Write]) -> list[Write]:
        return [write for write in writes if write.choices[0][0].startswith(_BANDWIDTH_V1)]

    anew = bandwidth(after) if bandwidth(after) != bandwidth(before) else []
    return [write for write in after if write not in before or write in anew]


def uncounted(layout: Layout, path: str, changes: Sequence[Write]) -> list[str]:
    """Return the controllers by which the processes of a cgroup are not counted yet, and will have to be."""
    missing = {
        write.controller
        for write in changes
        if not os.path.exists(limits.file_of(layout, path, write)[0]) and layout.version(write.controller)
    }
    return sorted(missing)


def adopt(path: str, controllers: Sequence[str]) -> None:
    """Bring the processes of a cgroup under controllers, while they stand still.

    Raises:
        OSError: the kernel refuses it.
    """
    if not controllers:
        return
    stood = population.is_told_to_stand(path)
    population.freeze(path)
    try:
        for controller in controllers:
            population.adopt(controller, path)
    finally:
        if not stood:
            population.thaw(path)


def present(layout: Layout, path: str, changes: Sequence[Write]) -> Undo:
    """Return files and texts that bring a cgroup back, after the changes, to what it is now."""
    undo = []
    for write in _in_order(layout, path, changes):
        file, text = limits.file_of(layout, path, write)
        if os.path.exists(file):  # else the write will say what is missing, or that nobody needs it
            undo.append((file, _present(file, text)))
    return undo


def carry_out(layout: Layout, path: str, changes: Sequence[Write]) -> None:
    """Write the changes, some of them if the kernel refuses one.

    Raises:
        OSError: it does; the filename names option and value. EBUSY: the container uses more than that already.
    """
    for write in _in_order(layout, path, changes):
        file, text = limits.file_of(layout, path, write)
        if file.endswith("/memory.max"):
            _make_room(file, text, f"{write.option} {text}")
        limits.write_all(layout, path, (write,))


def restore(undo: Undo) -> OSError | None:
    """Write what stood in the files before, the last one first. A cgroup that is gone needs it no more.

    Returns what the kernel refused, if anything; the rest is written all the same. EBUSY: more than that is in use now.
    """
    problem: OSError | None = None
    for file, text in reversed(undo):
        try:
            if file.endswith("/memory.max"):
                _make_room(file, text, file)
            tree.write(file, text)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENODEV}:
                problem = error
    return problem


def _in_order(layout: Layout, path: str, changes: Sequence[Write]) -> list[Write]:
    """Return the changes with v1's limit of memory and swap before that of memory, where both are raised.

    cgroup-v1, memory: the second may at no time be above the first.
    """
    swap = next((write for write in changes if write.choices[0][0] == _SWAP_V1), None)
    if swap is None:
        return list(changes)
    file, text = limits.file_of(layout, path, swap)
    rises = os.path.exists(file) and (text == "-1" or int(text) > int(_read(file)))
    rest = [write for write in changes if write is not swap]
    return [swap, *rest] if rises else [*rest, swap]


def _make_room(file: str, text: str, name: str) -> None:
    """Have the kernel take back memory down to a new limit, and refuse one, by this name, that it cannot get under.

    v2 would take the limit and kill for it (cgroup-v2, memory.max); v1 refuses by itself.
    """
    directory = os.path.dirname(file)
    if text == "max":
        return
    excess = int(_read(f"{directory}/memory.current")) - int(text)
    if excess > 0 and os.path.exists(f"{directory}/memory.reclaim"):
        try:
            tree.write(f"{directory}/memory.reclaim", str(excess))
        except OSError as error:  # EAGAIN: less was to be had
            if error.errno != errno.EAGAIN:
                raise
    if int(_read(f"{directory}/memory.current")) > int(text):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)


def _present(file: str, text: str) -> str:
    """Return what must be written to a file to have it as it is now; ``text`` is what shall come into it."""
    now = _read(file)
    if not now:
        # cpuset.cpus of v2, where nothing was said. While processes are there it cannot be emptied again; what it is
        # empty for can be said.
        directory, name = os.path.split(file)
        return _read(f"{os.path.dirname(directory)}/{name}.effective")
    device, _, value = text.partition(" ")
    if ":" not in device:
        return now.removeprefix("default ") if file.endswith("weight") else now
    lines = (line for line in now.splitlines() if line.startswith(f"{device} "))
    nothing = f"{value.partition('=')[0]}=max" if "=" in value else "default" if "weight" in file else "0"
    return next(lines, f"{device} {nothing}")


def _read(file: str) -> str:
    with open(file, encoding="utf-8") as stream:
        text = stream.read().strip()
    return next(line.split()[1] for line in text.splitlines()) if file.endswith("/memory.oom_control") else text
