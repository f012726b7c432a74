"""`unpause`: let containers go on that stand still."""

from __future__ import annotations

from quiltctl.commands import _parameters as shared
from quiltctl.commands._many import each_chosen
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Let paused containers go on.",
    description="Prints what was given.",
    parameters=(
        Flag(("--all", "-a"), "Unpause all containers that are paused."),
        shared.LATEST,
        shared.CIDFILE,
        shared.FILTER,
        shared.CONTAINERS,
    ),
    examples=(("quiltctl unpause agent", "let it go on"), ("quiltctl unpause --all", "let all go on")),
)


def command(
    paths: Paths, *, all: bool, latest: bool, cidfile: list[str], filter: list[str], containers: list[str]
) -> int:
    """Unpause containers and print what was given, in order."""
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.pause import unpause

    connection = open_to_write(paths)
    choice = choose(
        paths, connection, containers, all=all, latest=latest, cidfiles=cidfile, filters=filter, states=("paused",)
    )

    return each_chosen(choice, lambda container: unpause(paths, connection, container))
