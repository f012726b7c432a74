"""Which hierarchies of control groups this host has mounted, and which controller is found where.

Three layouts, told apart for each controller by what is mounted under /sys/fs/cgroup: unified (v2), v1, and hybrid (v1
controllers beside a v2 tree that has few of them or none, and still knows cgroup.kill, cgroup.freeze and
cgroup.events). See cgroups(7), and cgroup-v1 and cgroup-v2 of the kernel's admin guide.
"""

from __future__ import annotations

import os

from quiltctl.model.value import Value

MOUNT = "/sys/fs/cgroup"
_NAMES_V2 = {"blkio": "io"}
"""What v2 calls the controllers of v1 that it has under another name."""


class Layout(Value):
    """The path of the v2 tree, or "", the controllers in it, and where each v1 controller is mounted.

    Controllers have their v1 names throughout, where the two differ: blkio is io on v2.
    """

    unified: str
    controllers: tuple[str, ...]
    v1: dict[str, str]

    @property
    def name(self) -> str:
        """Return unified, hybrid, v1, v2 without controllers, or none."""
        if self.unified:
            return "hybrid" if self.v1 else "unified" if self.controllers else "v2 without controllers"
        return "v1" if self.v1 else "none"

    @property
    def is_unified(self) -> bool:
        """Return whether the v2 tree is all there is."""
        return bool(self.unified) and not self.v1

    @property
    def hierarchies(self) -> tuple[str, ...]:
        """Return the mount point of every hierarchy in which quiltctl makes cgroups, each once, v2 first."""
        return tuple(dict.fromkeys((*([self.unified] if self.unified else []), *self.v1.values())))

    def version(self, controller: str) -> int:
        """Return by which interface a controller is to be had: 2, 1, or 0 for neither."""
        return 2 if controller in self.controllers else 1 if controller in self.v1 else 0

    def directory(self, controller: str, path: str) -> str:
        """Return the directory of a cgroup in the hierarchy of a controller, or "" without that controller."""
        mount = self.unified if controller in self.controllers else self.v1.get(controller, "")
        return f"{mount}/{path}" if mount else ""


_found: Layout | None = None


def find_layout() -> Layout:
    """Return what this host has mounted in the usual places; it is looked for once."""
    global _found  # noqa: PLW0603 (it does not change while a process lives)
    if _found is None:
        _found = _look()
    return _found


def _look() -> Layout:
    if os.path.exists(f"{MOUNT}/cgroup.controllers"):
        return Layout(MOUNT, _controllers_of(MOUNT), {})
    unified = f"{MOUNT}/unified" if os.path.exists(f"{MOUNT}/unified/cgroup.procs") else ""
    v1: dict[str, str] = {}
    if os.path.isdir(MOUNT):
        with os.scandir(MOUNT) as entries:
            # The links to hierarchies with several controllers are passed over: their names list them all.
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for folder in folders:
            if folder not in {"unified", "systemd"} and os.path.exists(f"{MOUNT}/{folder}/tasks"):
                v1.update(dict.fromkeys(folder.split(","), f"{MOUNT}/{folder}"))
    return Layout(unified, _controllers_of(unified) if unified else (), v1)


def name_on_v2(controller: str) -> str:
    """Return what v2 calls a controller."""
    return _NAMES_V2.get(controller, controller)


def _controllers_of(tree: str) -> tuple[str, ...]:
    with open(f"{tree}/cgroup.controllers", encoding="utf-8") as file:
        there = file.read().split()
    return tuple(next((v1 for v1, v2 in _NAMES_V2.items() if v2 == name), name) for name in there)
