"""What `ps` can say of a container: a field each, made when it is shown."""

from __future__ import annotations

import time

from quiltctl.db import container_views, containers
from quiltctl.db.document import decode
from quiltctl.model.document import Keyed
from quiltctl.ui.ago import SECOND, ago, local_time, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from typing import Any

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

_SHORT_ID = 12
_LONGEST_COMMAND = 17


class Listing:
    """What the rows of one listing share: the clock, and what is read once for all of them when one is asked for it."""

    def __init__(self, connection: sqlite3.Connection, paths: Paths, *, whole: bool) -> None:
        self.connection = connection
        self.paths = paths
        self.whole = whole
        self.now = time.time_ns()
        self._read: dict[Callable[[sqlite3.Connection], Any], dict[str, Any]] = {}

    def of_all(self, read: Callable[[sqlite3.Connection], dict[str, Any]]) -> dict[str, Any]:
        """Return what ``read`` finds for all containers; it is called once."""
        if read not in self._read:
            self._read[read] = read(self.connection)
        return self._read[read]


class Row:
    """One container in a listing."""

    __slots__ = ("container", "listing")

    def __init__(self, container: Container, listing: Listing) -> None:
        self.container = container
        self.listing = listing

    @property
    def exit_code(self) -> int:
        """Return the exit code, 0 while there is none, -1 where it will never be known."""
        code = self.container.exit_code
        return code if code is not None else -1 if self.container.state == "exited" else 0

    @property
    def argv(self) -> list[str]:
        """Return the program and its arguments."""
        words: list[str] = decode(self.listing.connection, self.container.command)
        return words

    @property
    def labels(self) -> Keyed:
        """Return the labels by key."""
        return Keyed(self.listing.of_all(containers.labels_of).get(self.container.id, {}))

    @property
    def networks(self) -> list[str]:
        """Return the names of the networks it is in, in its order."""
        names: list[str] = self.listing.of_all(container_views.networks).get(self.container.id, [])
        return names

    @property
    def ports(self) -> list[tuple[dict[str, Any], int]]:
        """Return the ports of the host that lead to it now, each range as its first port and how many."""
        if self.container.state not in containers.LIVE:  # its leases may wait for gc
            return []
        found = self.listing.of_all(container_views.ports).get(self.container.id)
        if found is None:
            return []
        from quiltctl.model.port import ranges

        return ranges(found)

    @property
    def mounts(self) -> list[str]:
        """Return where volumes are mounted in it."""
        uses = self.listing.of_all(container_views.volumes).get(self.container.id, ())
        return [destination for _, destination in uses]

    def status(self) -> str:
        """Return what it does or did, in words."""
        container = self.container
        return status(
            container.state,
            started_at=container.started_at,
            finished_at=container.finished_at,
            exit_code=container.exit_code,
            now=self.listing.now,
        )

    def sizes(self) -> tuple[int, int]:
        """Return the bytes on disk that it wrote, and with them those of its image."""
        from quiltctl.runtime.tree import tree_size

        try:
            written = tree_size(f"{self.listing.paths.container(self.container.id)}/upper")
        except FileNotFoundError:  # never started
            written = 0
        image_bytes = self.listing.of_all(container_views.image_sizes).get(self.container.image_id or "", 0)
        return written, written + image_bytes


def _id(row: Row) -> str:
    return row.container.id if row.listing.whole else row.container.id[:_SHORT_ID]


def _image_id(row: Row) -> str:
    image_id = row.container.image_id or ""
    return image_id if row.listing.whole else image_id[:_SHORT_ID]


def _command(row: Row) -> str:
    text = " ".join(row.argv)
    return text if row.listing.whole or len(text) <= _LONGEST_COMMAND else f"{text[:_LONGEST_COMMAND]}..."


def _size(row: Row) -> str:
    from quiltctl.ui.size import human_bytes

    written, together = row.sizes()
    return f"{human_bytes(written)} (virtual {human_bytes(together)})"


def _ports(row: Row) -> str:
    """Return the ports as podman shows them: ``0.0.0.0:8080->80/tcp``."""
    found = row.ports
    if not found:
        return ""
    from quiltctl.model.port import host_side

    shown = []
    for first, count in found:
        host, inside = (
            f"{port}-{port + count - 1}" if count > 1 else str(port)
            for port in (first["host_port"], first["container_port"])
        )
        shown.append(f"{host_side(first['host_ip'], host)}->{inside}/{first['protocol']}")
    return ", ".join(shown)


def _seconds(moment: int | None) -> int:
    return 0 if moment is None else moment // SECOND


FIELDS: dict[str, Callable[[Row], Any]] = {
    "ID": _id,
    "Names": lambda row: row.container.name,
    "Image": lambda row: row.container.image_name,
    "ImageID": _image_id,
    "Command": _command,
    "Created": lambda row: local_time(row.container.created_at),
    "CreatedAt": lambda row: local_time(row.container.created_at),
    "CreatedHuman": lambda row: ago(row.container.created_at, now=row.listing.now),
    "RunningFor": lambda row: ago(row.container.created_at, now=row.listing.now),
    "State": lambda row: row.container.state,
    "Status": Row.status,
    "Ports": _ports,
    "Label": lambda row: lambda key: row.labels.get(key, ""),
    "Labels": lambda row: row.labels,
    "Mounts": lambda row: ",".join(row.mounts),
    "Networks": lambda row: ",".join(row.networks),
    "Pid": lambda row: row.container.pid if row.container.state in containers.LIVE else 0,
    "ExitCode": lambda row: row.exit_code,
    "ExitReason": lambda row: row.container.exit_reason or "",
    "Exited": lambda row: row.container.state == "exited",
    "ExitedAt": lambda row: _seconds(row.container.finished_at),
    "StartedAt": lambda row: _seconds(row.container.started_at),
    "AutoRemove": lambda row: bool(row.container.auto_remove),
    "Size": _size,
}
"""By name, for templates and for the table."""


def document(row: Row, *, size: bool) -> dict[str, Any]:
    """Return the row as `ps --json` shows it: podman's keys, and ExitReason, Error and Starts, which are ours."""
    container = row.container
    written, together = row.sizes() if size else (0, 0)
    return {
        "AutoRemove": bool(container.auto_remove),
        "Command": row.argv,
        "CreatedAt": local_time(container.created_at),
        "Exited": container.state == "exited",
        "ExitedAt": _seconds(container.finished_at),
        "ExitCode": row.exit_code,
        "ExitReason": container.exit_reason or "",
        "Error": container.error or "",
        "Id": container.id,
        "Image": container.image_name,
        "ImageID": container.image_id or "",
        "Labels": row.labels,
        "Mounts": row.mounts,
        "Names": [container.name],
        "Networks": row.networks,
        "Pid": FIELDS["Pid"](row) or 0,
        "Ports": [{**first, "range": count} for first, count in row.ports],
        "Size": {"rwSize": written, "rootFsSize": together} if size else None,
        "StartedAt": _seconds(container.started_at),
        "Starts": container.generation,
        "State": container.state,
        "Status": row.status(),
        "Created": _seconds(container.created_at),
    }
