"""Which namespaces a container has of its own, shares with another one, or leaves as the host's: flags for clone(2)."""

from __future__ import annotations

from quiltctl.runtime.linux import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec

_NAMESPACES = (
    # field of the spec, and the flag; what is neither private nor joined is the host's
    ("network", processes.CLONE_NEWNET),
    ("pid", processes.CLONE_NEWPID),
    ("ipc", processes.CLONE_NEWIPC),
    ("uts", processes.CLONE_NEWUTS),
    ("cgroupns", processes.CLONE_NEWCGROUP),
)


_OWN = frozenset({"private", "bridge", "none"})
"""The modes of a namespace of one's own; the latter two are those of the network."""


def own(spec: Spec) -> int:
    """Return the flags of the namespaces that this container has of its own, from its birth.

    The cgroup namespace is not among them: it is made once the process is in its cgroup (cgroup_namespaces(7)).
    """
    flags = processes.CLONE_NEWNS
    if spec.uid_map and not spec.userns.startswith("container:"):
        flags |= processes.CLONE_NEWUSER
    for field, flag in _NAMESPACES:
        if getattr(spec, field) in _OWN and flag != processes.CLONE_NEWCGROUP:
            flags |= flag
    return flags


def joined(spec: Spec) -> int:
    """Return the flags of the namespaces that this container shares with another one; the cgroup's is joined later."""
    flags = processes.CLONE_NEWUSER if spec.userns.startswith("container:") and spec.uid_map else 0
    for field, flag in _NAMESPACES:
        if getattr(spec, field).startswith("container:") and flag != processes.CLONE_NEWCGROUP:
            flags |= flag
    return flags


def to_enter(spec: Spec) -> int:
    """Return the flags of the namespaces in which a running container differs from the host, for ``exec``."""
    flags = processes.CLONE_NEWNS
    flags |= processes.CLONE_NEWUSER if spec.uid_map else 0
    for field, flag in _NAMESPACES:
        flags |= 0 if getattr(spec, field) == "host" else flag
    return flags
