"""`container prune`: remove all containers that do not run."""

from __future__ import annotations

import sys

from quiltctl.commands import _parameters as shared
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Remove all containers that do not run.",
    description="Prints the ids of what was removed and the space that it had taken.",
    parameters=(Flag(("--force", "-f"), "Do not ask."), shared.FILTER_LONG),
    examples=(("quiltctl container prune -f", "for scripts: no question"),),
)


def command(paths: Paths, *, force: bool, filter: list[str]) -> int:
    """Remove the containers that were created or have ended."""
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.remove import remove
    from quiltctl.runtime.tree import tree_size
    from quiltctl.ui.size import human_bytes

    if not force and sys.stdin.isatty():
        sys.stderr.write("Remove all containers that do not run? [y/N] ")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            return 0
    connection = open_to_write(paths)
    stopped = ("created", "exited", "error")
    choice = choose(paths, connection, (), all=not filter, filters=filter, states=stopped)
    chosen = [item.container for item in choice.chosen]
    sizes = {container.id: tree_size(paths.container(container.id)) for container in chosen}
    freed = 0
    for removal in remove(paths, connection, chosen, force=False):
        if removal.refusal is None:
            sys.stdout.write(f"{removal.container.id}\n")
            freed += sizes[removal.container.id]
    if chosen:
        sys.stdout.write(f"Total reclaimed space: {human_bytes(freed)}\n")
    return 0
