"""`port`: which ports of the host lead to a container."""

from __future__ import annotations

import sys

from quiltctl.commands._parameters import JSON, LATEST
from quiltctl.db import container_views, containers
from quiltctl.db.connection import open_to_read, translated
from quiltctl.errors import NotFound, QuiltError, UsageError
from quiltctl.model.parameters import Argument, Flag, Verb
from quiltctl.model.port import host_side, parse_expose
from quiltctl.runtime.lifecycle.observe import observe

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Show which ports of the host lead to containers.",
    description="With a port of the container, tcp where no protocol is said, prints where of the host it is published"
    " and fails where it is not. Containers that do not run have none.",
    parameters=(
        Flag(("--all", "-a"), "Show those of all containers that run."),
        LATEST,
        JSON,
        Argument("container", "Name, id, or the beginning of an id.", required=False, completes="running"),
        Argument("port", "Only this port of the container: PORT[/PROTOCOL].", required=False),
    ),
    examples=(
        ("quiltctl port web", "80/tcp -> 0.0.0.0:8080"),
        ("quiltctl port web 80", "0.0.0.0:8080"),
        ("quiltctl port --all", "of every container"),
    ),
)
_SHORT_ID = 12


def command(paths: Paths, *, all: bool, latest: bool, json: bool, container: str | None, port: str | None) -> int:
    """Print a line for each published port."""
    if latest and port is None:  # then the only word is the port
        container, port = None, container
    if all + latest + (container is not None) != 1 or (all and port is not None):
        raise UsageError("name one container, or give --all or --latest", hint="such as: quiltctl port web 80")
    wanted = None if port is None else _wanted(port)
    connection = open_to_read(paths)
    with translated(paths.database):
        published = container_views.ports(connection)
        rows = container_views.listed(connection) if all else [_one(connection, container)]
        found = [
            (one, entry)
            for row in rows
            if row.id in published and (one := observe(connection, paths, row)) is not None
            for entry in _published(one, published[one.id])
            if wanted in {None, f"{entry['container_port']}/{entry['protocol']}"}
        ]
    if wanted is not None and not found:
        raise QuiltError(f"no published port {wanted}", hint=f"see: quiltctl port {container or '--latest'}")
    if json:
        from quiltctl.ui import show

        show.show_json([document(one, entry) for one, entry in found], indent=2)
        return 0
    for one, entry in found:
        before = f"{one.id[:_SHORT_ID]}\t" if all else ""
        sys.stdout.write(f"{before}{_line(entry, whole=wanted is None)}\n")
    return 0


def document(container: Container, port: dict[str, Any]) -> dict[str, Any]:
    """Return a port as `port --json` shows it; HostIp is empty for every address."""
    return {
        "Container": container.id,
        "Name": container.name,
        "HostIp": port["host_ip"],
        "HostPort": port["host_port"],
        "ContainerPort": port["container_port"],
        "Protocol": port["protocol"],
    }


def _wanted(text: str) -> str:
    ports = parse_expose([text], "port")
    if len(ports) > 1:
        raise UsageError(f'invalid port "{text}"', hint="name one port, such as 80 or 53/udp")
    return ports[0]


def _one(connection: sqlite3.Connection, reference: str | None) -> Container:
    found = containers.find(connection, reference) if reference is not None else container_views.newest(connection)
    if found is None:
        raise NotFound("container", "--latest", hint="there is none yet")
    return found


def _published(container: Container, ports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the ports of a container in order; one that has ended has none, though its leases may wait for gc."""
    if container.state not in containers.LIVE:
        return []
    return sorted(ports, key=lambda port: (port["container_port"], port["protocol"], host_side(port["host_ip"], "")))


def _line(port: dict[str, Any], *, whole: bool) -> str:
    host = host_side(port["host_ip"], port["host_port"])
    return f"{port['container_port']}/{port['protocol']} -> {host}" if whole else host
