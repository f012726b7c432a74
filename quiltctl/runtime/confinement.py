"""What a container's spec comes to as the confinement of its programs, its first one and those of `exec`."""

from __future__ import annotations

from quiltctl.runtime import program
from quiltctl.runtime.linux import privileges
from quiltctl.runtime.seccomp import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths
    from quiltctl.runtime.rlimits import Limit


def of(
    paths: Paths, spec: Spec, limits: tuple[Limit, ...], capabilities: tuple[str, ...] | None = None
) -> program.Confinement:
    """Return the confinement; call it while /proc is still the host's. ``capabilities`` replace those of the spec.

    Raises:
        HostLacks: the profile of system calls has to be compiled, and there is no libseccomp.
    """
    # The profile depends on what the container may, not on what one program in it is given beyond.
    seccomp = b"" if spec.seccomp == "unconfined" else cache.program(paths.seccomp, spec.seccomp, spec.capabilities)
    return program.Confinement(
        capabilities=spec.capabilities if capabilities is None else capabilities,
        last_capability=privileges.read_last_capability(),
        no_new_privileges=spec.no_new_privileges,
        seccomp=seccomp,
        limits=limits,
    )
