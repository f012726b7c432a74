"""`update`: change what a container may, while it runs or not. What is not given stays."""

from __future__ import annotations

import sys

from quiltctl.commands._refused import REFUSED_BY_UPDATE
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Argument, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Change what containers may.",
    description=(
        "In this version, where they may speak to. It is in force at once, for connections that are open as well, and"
        " stays over stop and start. Prints the ids."
    ),
    parameters=(
        Option(
            ("--egress",),
            "Where the program may speak to: deny (nowhere), allow=CIDR[:PORT[-PORT]][/PROTO], all, or network (what"
            " its networks say).",
            multiple=True,
            metavar="POLICY",
        ),
        *REFUSED_BY_UPDATE,
        Argument(
            "containers", "Names, ids, or beginnings of ids.", required=True, multiple=True, completes="container"
        ),
    ),
    examples=(
        ("quiltctl update --egress allow=10.0.0.5:5432/tcp agent", "from now on, the database alone"),
        ("quiltctl update --egress deny agent", "nothing any more"),
        ("quiltctl update --egress network agent", "what its networks say"),
    ),
)


def command(paths: Paths, *, egress: list[str], containers: list[str]) -> int:
    """Change each of them and print its id; return the worst of 0 and 125."""
    if not egress:
        raise UsageError("nothing to change was given", hint="give --egress")
    from quiltctl.commands._many import each
    from quiltctl.db.connection import open_to_write
    from quiltctl.model.egress import parse_egress
    from quiltctl.runtime.lifecycle import reap, update_egress

    if "network" in egress and len(egress) > 1:
        raise UsageError("--egress network cannot be given together with others", hint="leave one of them out")
    allowed = None if egress == ["network"] else parse_egress(egress)
    connection = open_to_write(paths)

    def act(reference: str) -> None:
        container = reap.find(paths, connection, reference)
        update_egress.update(paths, connection, container, allowed)
        sys.stdout.write(f"{container.id}\n")

    return each(containers, act)
