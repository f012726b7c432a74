"""Where the cgroups of a root lie, as paths below the mount point of each hierarchy.

All of a root lie below one cgroup, named by the root: ``quilt/<id of a container>``, and ``quilt/shims``, in which the
shims live. Where systemd owns the v2 tree that cgroup is a scope of its own, which systemd makes and delegates
(runtime/cgroup/delegation.py). ``--cgroup-parent`` puts a container elsewhere, under a name that tells whose it is.
"""

from __future__ import annotations

import os

from quiltctl.runtime.cgroup.layout import find_layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

SHIMS = "shims"
_SLICE = "system.slice"


def is_delegated() -> bool:
    """Return whether the cgroup of a root has to be had from systemd: a v2 tree has one owner (sd_booted(3))."""
    return find_layout().is_unified and os.path.isdir("/run/systemd/system")


def base(paths: Paths) -> str:
    """Return the cgroup below which the cgroups of this root lie."""
    return f"{_SLICE}/{paths.cgroup}.scope" if is_delegated() else paths.cgroup


def of_shims(paths: Paths) -> str:
    """Return the cgroup in which the shims live."""
    return f"{base(paths)}/{SHIMS}"


def of_container(paths: Paths, container_id: str, parent: str = "") -> str:
    """Return the cgroup of a container, which has been given a parent of its own or not."""
    return f"{parent}/{paths.cgroup}-{container_id}" if parent else f"{base(paths)}/{container_id}"


def expand(parent: str) -> str:
    """Return the path that ``--cgroup-parent`` means, without slashes at its ends; "" is the usual one.

    The name of a slice alone means its place in systemd's tree: a-b.slice lies in a.slice (systemd.slice(5)).
    """
    path = parent.strip("/")
    if "/" in path or not path.endswith(".slice"):
        return path
    words = path.removesuffix(".slice").split("-")
    return "/".join(f"{'-'.join(words[: count + 1])}.slice" for count in range(len(words)))
