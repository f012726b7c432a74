"""`quiltctl container exists`: 0 or 1, for scripts."""

from __future__ import annotations

from quiltctl.commands._parameters import CONTAINER
from quiltctl.db import containers
from quiltctl.db.connection import open_to_read, translated
from quiltctl.errors import NotFound
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Tell by the exit code whether a container exists.",
    description="0 when it does, in whatever state; 1 when it does not; 125 when that cannot be told.",
    parameters=(Flag(("--external",), "Changes nothing: there are no containers but those of quiltctl."), CONTAINER),
    examples=(("quiltctl container exists web || quiltctl run -d --name web IMAGE", "run it unless it is there"),),
)


def command(paths: Paths, *, external: bool, container: str) -> int:  # noqa: ARG001 (there are none)
    """Return 0 or 1 and print nothing."""
    connection = open_to_read(paths)
    with translated(paths.database):
        try:
            containers.find(connection, container)
        except NotFound:
            return 1
    return 0
