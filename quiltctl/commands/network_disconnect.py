"""`network disconnect`: take a container out of a network."""

from __future__ import annotations

from quiltctl.commands._parameters import CONTAINER, NETWORK
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Take a container out of a network.",
    description="One that runs loses the interface at once.",
    parameters=(Flag(("--force", "-f"), "Say nothing when it is not in it."), NETWORK, CONTAINER),
    examples=(("quiltctl network disconnect app web", "web is not in app any more"),),
)


def command(paths: Paths, *, force: bool, network: str, container: str) -> int:
    """Disconnect them; nothing is printed."""
    from quiltctl.commands._networks import find_network
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle import reap
    from quiltctl.runtime.lifecycle.connect_network import disconnect

    connection = open_to_write(paths)
    chosen = find_network(connection, network)
    disconnect(paths, connection, chosen, reap.find(paths, connection, container), force=force)
    return 0
