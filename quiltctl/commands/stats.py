"""`quiltctl stats`: what containers use, now, live, or in the past as far as `gc` has recorded it."""

from __future__ import annotations

from quiltctl.commands._parameters import CONTAINERS, FORMAT, JSON, NO_TRUNC
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Flag, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

_LEAST_INTERVAL_S = 0.1
_LONGEST_INTERVAL_S = 86400.0
VERB = Verb(
    summary="Show what containers use.",
    description="Those that run, or those that are named. On a terminal in its place, until Ctrl-C; elsewhere one table"
    " after the other. CPU % is of one processor, since the look before; the first look, and the only one of"
    " --no-stream, gives the average since the start. Memory is without the cache that the kernel would drop. A figure"
    " that nobody knows is --: of a container that does not run, and of one whose cgroup lacks the controller.\n\n"
    "--history shows the past of each container instead, from the samples that `quiltctl gc` records, and keeps for a"
    " week.",
    parameters=(
        Flag(("--all", "-a"), "Also those that do not run."),
        Flag(("--no-stream",), "Look once, and end."),
        Flag(("--no-reset",), "Print one table after the other also on a terminal."),
        Option(
            ("--interval", "-i"),
            "Seconds from one look to the next, such as 1 or 0.5.",
            kind=float,
            default=5.0,
            metavar="SECONDS",
        ),
        Flag(("--latest", "-l"), "The container created last, in any state."),
        Option(("--history",), "What they used in the time up to now, such as 1h or 2d.", metavar="DURATION"),
        Option(
            ("--sort",),
            "The order: the greatest first, or by name. In a window that is too small for all, the busiest are shown.",
            choices=("created", "name", "cpu", "memory", "pids", "net", "block"),
            default="created",
            metavar="KEY",
        ),
        FORMAT,
        JSON,
        NO_TRUNC,
        CONTAINERS,
    ),
    examples=(
        ("quiltctl stats", "all that run, live"),
        ("quiltctl stats --no-stream --json web", "once, as numbers"),
        ("quiltctl stats --history 6h web", "the last six hours, drawn"),
    ),
)


def command(
    paths: Paths,
    *,
    all: bool,
    no_stream: bool,
    no_reset: bool,
    interval: float,
    latest: bool,
    history: str | None,
    sort: str,
    format: str | None,
    json: bool,
    no_trunc: bool,
    containers: list[str],
) -> int:
    """Show what the containers use."""
    from quiltctl.commands._stats_source import Source

    if all + latest + bool(containers) > 1:
        raise UsageError("--all, --latest and names of containers exclude each other")
    if not _LEAST_INTERVAL_S <= interval <= _LONGEST_INTERVAL_S:  # which is not so of nan either
        raise UsageError(f"--interval takes seconds from {_LEAST_INTERVAL_S} to a day, not {interval:g}")
    source = Source(paths, containers, all=all, latest=latest)
    if history is not None:
        from quiltctl.commands import _stats_history

        _stats_history.show(source, history, format="json" if json else format, whole=no_trunc)
        return 0
    from quiltctl.commands import _stats_watch

    view = _stats_watch.View(source, "json" if json else format, sort, whole=no_trunc)
    if no_stream:
        view.show_once()
    else:
        view.watch(interval, in_place=not no_reset)
    return 0
