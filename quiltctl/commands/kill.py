"""`kill`: send a signal to containers."""

from __future__ import annotations

from quiltctl.commands import _parameters as shared
from quiltctl.commands._many import each_chosen
from quiltctl.model.parameters import Flag, Option, Verb
from quiltctl.model.signals import parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Send a signal to containers.",
    description="The signal goes to the first process of each, by a descriptor that no other process can take over.",
    parameters=(
        Option(
            ("--signal", "-s"), "The signal, by name or number.", default="KILL", metavar="SIGNAL", completes="signal"
        ),
        Flag(("--all", "-a"), "Signal all containers that run."),
        shared.LATEST,
        shared.CIDFILE,
        shared.CONTAINERS,
    ),
    examples=(("quiltctl kill web", "KILL"), ("quiltctl kill -s HUP web", "have it read its configuration again")),
)


def command(paths: Paths, *, signal: str, all: bool, latest: bool, cidfile: list[str], containers: list[str]) -> int:
    """Signal containers and print what was given, in order."""
    number = parse_signal(signal)
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.signal_container import kill

    connection = open_to_write(paths)
    choice = choose(
        paths,
        connection,
        containers,
        all=all,
        latest=latest,
        cidfiles=cidfile,
        states=("running", "paused"),
    )

    return each_chosen(choice, lambda container: kill(paths, connection, container, number))
