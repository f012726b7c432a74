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
    """Return whether cgroups have to be had from systemd: it owns the v2 tree (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system") and find_layout().is_unified


def base(paths: Paths, parent: str = "") -> str:
    """Return the cgroup in which a container lies that has been given this parent, or none."""
    if parent and not (parent.endswith(".slice") and is_delegated()):
        return parent
    if not is_delegated():
        return paths.cgroup
    stem = os.path.basename(parent).removesuffix(".slice")
    return f"{parent or _SLICE}/{paths.cgroup}{stem and '-' + stem}.scope"


def of_shim(paths: Paths, parent: str = "") -> str:
    """Return the cgroup of a container's shim. In a scope it lies beside the container's, and keeps the scope."""
    home = base(paths, parent)
    return f"{home if home.endswith('.scope') else base(paths)}/{SHIMS}"


def of_container(paths: Paths, container_id: str, parent: str = "") -> str:
    """Return the cgroup of a container that has been given this parent, or none."""
    home = base(paths, parent)
    own = not parent or home.endswith(".scope")
    return f"{home}/{container_id}" if own else f"{home}/{paths.cgroup}-{container_id}"


def expand(parent: str) -> str:
    """Return the path that ``--cgroup-parent`` means, without slashes at its ends; "" is the usual one.

    The name of a slice alone means its place in systemd's tree: a-b.slice lies in a.slice (systemd.slice(5)).
    """
    path = parent.strip("/")
    if "/" in path or not path.endswith(".slice"):
        return path
    words = path.removesuffix(".slice").split("-")
    return "/".join(f"{'-'.join(words[: count + 1])}.slice" for count in range(len(words)))
