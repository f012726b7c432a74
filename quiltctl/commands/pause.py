"""`pause`: have containers stand still."""

from __future__ import annotations

from quiltctl.commands import _parameters as shared
from quiltctl.commands._many import each_chosen
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Have all processes of containers stand still.",
    description=(
        "They keep their memory, their files and their addresses, and use no processor until `unpause`. `stop` and "
        "`rm --force` end them as ever; `exec` is refused. Prints what was given."
    ),
    parameters=(
        Flag(("--all", "-a"), "Pause all containers that run."),
        shared.LATEST,
        shared.CIDFILE,
        shared.FILTER,
        shared.CONTAINERS,
    ),
    examples=(("quiltctl pause agent", "hold it"), ("quiltctl pause --filter label=batch", "hold all of a kind")),
)


def command(
    paths: Paths, *, all: bool, latest: bool, cidfile: list[str], filter: list[str], containers: list[str]
) -> int:
    """Pause containers and print what was given, in order."""
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.pause import pause

    connection = open_to_write(paths)
    choice = choose(
        paths, connection, containers, all=all, latest=latest, cidfiles=cidfile, filters=filter, states=("running",)
    )

    return each_chosen(choice, lambda container: pause(paths, connection, container))
