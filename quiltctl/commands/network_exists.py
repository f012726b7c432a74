"""`network exists`: tell by the exit code whether there is a network."""

from __future__ import annotations

from quiltctl.commands._parameters import NETWORK
from quiltctl.errors import NotFound
from quiltctl.model.parameters import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Tell by the exit code whether a network exists.",
    description="0 when it does, 1 when it does not. Prints nothing.",
    parameters=(NETWORK,),
    examples=(("quiltctl network exists app || quiltctl network create app", "make it only once"),),
)


def command(paths: Paths, *, network: str) -> int:
    """Return 0 or 1."""
    from quiltctl.commands._networks import find_network
    from quiltctl.db.connection import open_to_read, translated

    try:
        with translated(paths.database):
            find_network(open_to_read(paths), network)
    except NotFound:
        return 1
    return 0
