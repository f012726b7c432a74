"""`network prune`: remove the networks that no container is in."""

from __future__ import annotations

from quiltctl.commands._parameters import FILTER_LONG
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.commands._network_document import Row
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Remove the networks that no container is in.",
    description="A container is in its networks whether it runs or not. The default network, quilt0, stays."
    " Filters: until, label, label!. Prints the names of what was removed.",
    parameters=(Flag(("--force", "-f"), "Do not ask."), FILTER_LONG),
    examples=(("quiltctl network prune -f --filter until=24h", "for cron: what was made more than a day ago"),),
)
_FILTERS = ("until", "label", "label!")


def command(paths: Paths, *, force: bool, filter: list[str]) -> int:
    """Remove them and print their names."""
    from quiltctl.commands._confirm import confirmed
    from quiltctl.commands._many import each
    from quiltctl.commands._network_filters import is_dangling
    from quiltctl.commands._networks import rows_of
    from quiltctl.db.connection import open_to_write
    from quiltctl.errors import KernelError, WrongState
    from quiltctl.runtime.lifecycle.remove_network import remove_network
    from quiltctl.ui.safe import write

    connection = open_to_write(paths)
    rows = rows_of(connection, filter, only=_FILTERS)
    if not confirmed("Remove all networks that no container is in?", force=force):
        return 0

    def act(row: Row) -> None:
        try:
            problem = remove_network(paths, connection, row.network)
        except WrongState:
            return  # somebody has come in meanwhile
        if problem:
            raise KernelError(problem, hint="it will be tried again by: quiltctl gc")
        write(f"{row.network.name}\n")

    return each([row for row in rows if is_dangling(row)], act)
