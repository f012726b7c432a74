"""`network rm`: remove networks."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.commands import _parameters as shared
from quiltctl.model.parameters import Flag, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Remove networks.",
    description="Ends with 1 when one does not exist, and with 2 when a container is in it, whether it runs or not.",
    parameters=(
        Flag(("--force", "-f"), "Remove the containers in it too; those that run are killed."),
        Option(
            ("--time", "-t"), "With --force, let each end by itself for so many seconds.", kind=int, metavar="SECONDS"
        ),
        shared.NETWORKS,
    ),
    examples=(
        ("quiltctl network rm app", "the containers in it have been removed before"),
        ("quiltctl network rm -f app", "with every container in it"),
    ),
)
_MISSING = 1


def command(paths: Paths, *, force: bool, time: int | None, networks: list[str]) -> int:
    """Remove networks and print what was given, in order; return the worst of 0, 1, 2 and 125."""
    if time is not None and not force:
        raise errors.UsageError("--time needs --force", hint="without --force nothing is ended")
    from quiltctl.commands._many import each
    from quiltctl.commands._networks import find_network
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.remove_network import remove_network
    from quiltctl.ui.safe import write

    connection = open_to_write(paths)

    def act(reference: str) -> None:
        try:
            network = find_network(connection, reference)
        except errors.NotFound as error:
            error.exit_code = _MISSING
            raise
        if force:
            _remove_containers(paths, connection, network.id, time_s=time)
        problem = remove_network(paths, connection, network)
        if problem:
            raise errors.KernelError(problem, hint="it will be tried again by: quiltctl gc")
        write(f"{reference}\n")

    return each(networks, act)


def _remove_containers(paths: Paths, connection: sqlite3.Connection, network_id: str, *, time_s: int | None) -> None:
    """Remove the containers that are in a network.

    Raises:
        QuiltError: one could not be removed; then the network stays.
    """
    from quiltctl.db import containers, memberships
    from quiltctl.runtime.lifecycle import reap
    from quiltctl.runtime.lifecycle.remove import remove

    found = [
        containers.get(connection, member.container_id) for member in memberships.of_network(connection, network_id)
    ]
    true = [reap.reap(paths, connection, container) for container in found if container is not None]
    chosen = [container for container in true if container is not None]
    if time_s:
        from quiltctl.runtime.lifecycle.stop import stop

        stop(paths, connection, chosen, timeout_s=time_s, warn=lambda _: None)
    for removal in remove(paths, connection, chosen, force=True):
        if removal.refusal is not None:
            raise removal.refusal
        if removal.problem:
            raise errors.KernelError(removal.problem, hint="it will be tried again by: quiltctl gc")
