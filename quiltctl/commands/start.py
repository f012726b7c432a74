"""`start`: start containers that exist and do not run."""

from __future__ import annotations

import sys

from quiltctl import errors
from quiltctl.commands import _parameters as shared
from quiltctl.commands._container_options import warn
from quiltctl.commands._many import each
from quiltctl.model.parameters import Flag, Verb
from quiltctl.runtime import relay
from quiltctl.runtime.lifecycle import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.commands._choose import Chosen
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Start containers that do not run.",
    description="Each finds its files as its last run left them. One that runs already is left alone.",
    parameters=(
        Flag(("--attach", "-a"), "Stay in the foreground and end with the program's code; one container only."),
        Flag(("--interactive", "-i"), "With --attach, pass standard input on, if the container keeps it open."),
        Flag(("--sig-proxy",), "With --attach, pass signals on to the program.", default=True),
        Flag(("--all",), "Start all containers that do not run."),
        shared.LATEST,
        shared.FILTER,
        shared.CONTAINERS,
    ),
    examples=(
        ("quiltctl start web db", "start two"),
        ("quiltctl start --attach job; echo $?", "and stay until it has ended"),
        ("quiltctl start --filter label=tier=web", "start those with a label"),
    ),
)

_STOPPED = ("created", "exited", "error")


def command(
    paths: Paths,
    *,
    attach: bool,
    interactive: bool,
    sig_proxy: bool,
    all: bool,
    latest: bool,
    filter: list[str],
    containers: list[str],
) -> int:
    """Start containers; attached to one, return its program's exit code."""
    from quiltctl.commands._choose import choose
    from quiltctl.db.connection import open_to_write

    connection = open_to_write(paths)
    choice = choose(paths, connection, containers, all=all, latest=latest, filters=filter, states=_STOPPED)
    if (attach or interactive) and len(choice.chosen) + len(choice.missing) != 1:
        raise errors.UsageError("only one container can be attached to at a time")
    if attach or interactive:
        for _, error in choice.missing:
            raise error
        streams = ("stdin", "stdout", "stderr") if interactive else ("stdout", "stderr")
        return _start(paths, connection, choice.chosen[0], streams, proxy_signals=sig_proxy)

    def act(item: Chosen | errors.QuiltError) -> None:
        if isinstance(item, errors.QuiltError):
            raise item
        _start(paths, connection, item, None)
        sys.stdout.write(f"{item.word}\n")

    worst = each(choice.in_order, act)
    # As podman has it: start itself failed, whatever became of the program.
    return 125 if worst else 0


def _start(
    paths: Paths,
    connection: sqlite3.Connection,
    item: Chosen,
    streams: tuple[str, ...] | None,
    *,
    proxy_signals: bool = True,
) -> int:
    from quiltctl.db import containers as rows
    from quiltctl.db import memberships
    from quiltctl.db.document import decode
    from quiltctl.model.spec import spec_from
    from quiltctl.runtime.lifecycle import hold_ports, start

    container = item.container
    if container.state in rows.LIVE:
        if streams is not None:
            raise errors.WrongState(f"cannot attach to {container.name}: it is running already")
        return 0
    document = decode(connection, rows.config_of(connection, container.id))
    spec = spec_from({**document, "name": container.name})
    held, ports = hold_ports.hold(connection, spec, memberships.network_ids(connection, container.id))
    shim = spawn.spawn(
        cgroup=spawn.cgroup_of(paths, spec),
        attached=streams is not None,
        nested=spawn.is_nested(spec),
        wired=spec.network == "bridge",
        held=held,
    )
    signals_fd = relay.catch_signals() if streams is not None and proxy_signals else -1
    begun = start.start(paths, connection, spec, shim, streams, start.Networking(ports=ports, held=len(held)))
    if streams is not None:
        # Imported while the container is being built, so for nothing.
        from quiltctl.runtime.lifecycle.attend import attend
    run = begun.wait(signals_fd)
    warn(run)
    return 0 if streams is None else attend(begun, run, signals_fd=signals_fd)
