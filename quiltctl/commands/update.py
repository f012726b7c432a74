"""`update`: change what a container may, while it runs or not. What is not given stays."""

from __future__ import annotations

import sys

from quiltctl.commands import _limit_options as limit_options
from quiltctl.commands._refused import REFUSED_BY_UPDATE
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Argument, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Change what containers may.",
    description=(
        "What they may use, and where they may speak to. It is in force at once, and stays over stop and start. A "
        "limit that the kernel refuses, as when the container uses more than that already, changes nothing. Prints "
        "the ids."
    ),
    parameters=(
        *limit_options.CHANGEABLE,
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
        ("quiltctl update --memory 4g --cpus 2 agent", "give it more, without a restart"),
        ("quiltctl update --pids-limit 100 $(quiltctl ps -q)", "all that run"),
        ("quiltctl update --egress allow=10.0.0.5:5432/tcp agent", "from now on, the database alone"),
        ("quiltctl update --egress network agent", "what its networks say"),
    ),
)


def command(paths: Paths, *, egress: list[str], containers: list[str], **options: Any) -> int:
    """Change each of them and print its id; return the worst of 0 and 125."""
    limits = limit_options.read_change(options)
    if limits is None and not egress:
        raise UsageError("nothing to change was given", hint="give a limit, such as --memory, or --egress")
    from quiltctl.commands._many import each
    from quiltctl.db.connection import open_to_write
    from quiltctl.model.egress import parse_egress
    from quiltctl.runtime.lifecycle import reap, update_egress, update_limits

    if "network" in egress and len(egress) > 1:
        raise UsageError("--egress network cannot be given together with others", hint="leave one of them out")
    allowed = None if egress in ([], ["network"]) else parse_egress(egress)
    connection = open_to_write(paths)

    def act(reference: str) -> None:
        container = reap.find(paths, connection, reference)
        if limits is not None:
            update_limits.update(paths, connection, container, limits)
        if egress:
            update_egress.update(paths, connection, container, allowed)
        sys.stdout.write(f"{container.id}\n")

    return each(containers, act)
