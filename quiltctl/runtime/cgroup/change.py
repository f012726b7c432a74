"""Changing the limits of a cgroup in which processes live: all of them, or none."""

from __future__ import annotations

import errno
import os

from quiltctl.runtime.cgroup import limits, population, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from quiltctl.runtime.cgroup.layout import Layout
    from quiltctl.runtime.cgroup.limits import Write

_SWAP_V1 = "memory.memsw.limit_in_bytes"


def apply(layout: Layout, path: str, before: Sequence[Write], after: Sequence[Write]) -> list[tuple[str, str]]:
    """Write what is in ``after`` and not in ``before``, and return what ``restore`` needs to take it back.

    What was written is taken back when the kernel refuses another.

    Raises:
        OSError: it does; the filename names option and value. EBUSY: the container uses more than that already.
    """
    changes = [write for write in after if write not in before]
    _adopt(layout, path, changes)
    undo: list[tuple[str, str]] = []
    try:
        for write in _in_order(layout, path, changes):
            file, text = limits.file_of(layout, path, write)
            if os.path.exists(file):  # else the write will say what is missing, or that nobody needs it
                undo.append((file, _present(file, text)))
            if file.endswith("/memory.max"):
                _make_room(file, text, write)
            limits.write_all(layout, path, (write,))
    except OSError:
        restore(undo)
        raise
    return undo


def restore(undo: Sequence[tuple[str, str]]) -> None:
    """Write what stood in the files before, the last one first."""
    for file, text in reversed(undo):
        tree.write(file, text)


def _adopt(layout: Layout, path: str, changes: Sequence[Write]) -> None:
    """Bring the processes under the controllers that they are not counted by yet, while they stand still."""
    missing = {
        write.controller
        for write in changes
        if not os.path.exists(limits.file_of(layout, path, write)[0]) and layout.version(write.controller)
    }
    if not missing:
        return
    stood = population.is_told_to_stand(path)
    population.freeze(path)
    try:
        for controller in sorted(missing):
            population.adopt(controller, path)
    finally:
        if not stood:
            population.thaw(path)


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


def _make_room(file: str, text: str, write: Write) -> None:
    """Have the kernel take back memory down to a new limit, and refuse one that it cannot be brought under.

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
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), f"{write.option} {text}")


def _present(file: str, text: str) -> str:
    """Return what must be written to a file to have it as it is now; ``text`` is what shall come into it."""
    now = _read(file)
    device, _, value = text.partition(" ")
    if ":" not in device:
        return now.removeprefix("default ") if file.endswith("weight") else now
    lines = (line for line in now.splitlines() if line.startswith(f"{device} "))
    nothing = f"{value.partition('=')[0]}=max" if "=" in value else "default" if "weight" in file else "0"
    return next(lines, f"{device} {nothing}")


def _read(file: str) -> str:
    with open(file, encoding="ascii") as stream:
        text = stream.read().strip()
    return next(line.split()[1] for line in text.splitlines()) if file.endswith("/memory.oom_control") else text
