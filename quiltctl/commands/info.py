"""`quiltctl info`: this host, and what is kept below this root."""

from __future__ import annotations

import os
import sys

from quiltctl import __version__
from quiltctl.commands._parameters import FORMAT, JSON
from quiltctl.db import containers, images
from quiltctl.db.connection import open_to_read, size_bytes, translated
from quiltctl.model.parameters import Verb
from quiltctl.runtime import host
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.lifecycle.observe import observe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Show facts about this host and this root directory.",
    parameters=(FORMAT, JSON),
    examples=(
        ("quiltctl info", "all of it"),
        ("quiltctl info --format '{{.Store.ContainerStore.Running}}'", "how many containers run"),
    ),
)
_RUNNING = ("starting", "running")


def command(paths: Paths, *, format: str | None, json: bool) -> int:
    """Print one document; without --format or --json as indented lines."""
    from quiltctl.ui.show import asks_json, show_document

    document = {"host": _host(), "store": _store(paths), "version": _version()}
    if json or format is not None:
        # podman's JSON has these names with a small letter, and its templates with a capital.
        show_document(document if json or asks_json(format) else _with_capitals(document), "json" if json else format)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(document))
    return 0


def _host() -> dict[str, Any]:
    kernel, memory, known = os.uname(), host.memory(), host.distribution()
    return {
        "arch": host.architecture(),
        "cgroupControllers": host.controllers(host.mounts()),
        "cgroupVersion": find_layout().name,
        "cpus": len(os.sched_getaffinity(0)),
        "distribution": {
            "distribution": known.get("ID", "unknown"),
            "version": known.get("VERSION_ID", "unknown"),
            "codename": known.get("VERSION_CODENAME", ""),
        },
        "hostname": kernel.nodename,
        "kernel": kernel.release,
        "memAvailable": memory.available_bytes,
        "memTotal": memory.total_bytes,
        "os": "linux",
        "swapFree": memory.swap_free_bytes,
        "swapTotal": memory.swap_total_bytes,
        "uptimeSeconds": host.uptime_s(),
    }


def _store(paths: Paths) -> dict[str, Any]:
    connection = open_to_read(paths)
    with translated(paths.database):
        states = [seen.state for c in containers.list_all(connection) if (seen := observe(connection, paths, c))]
        image_count = images.count(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    counted = {
        "number": len(states),
        "paused": states.count("paused"),
        "running": sum(states.count(state) for state in _RUNNING),
        "stopped": sum(states.count(state) for state in ("created", "exited", "error")),
    }
    return {
        "containerStore": counted,
        "database": {"path": paths.database, "sizeBytes": size_bytes(paths), "version": version},
        "graphDriverName": "overlay",
        "graphRoot": paths.root,
        "imageStore": {"number": image_count},
    }


def _version() -> dict[str, Any]:
    import sqlite3

    return {"Version": __version__, "PythonVersion": sys.version.split()[0], "SQLiteVersion": sqlite3.sqlite_version}


def _with_capitals(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _with_capitals(item) for key, item in value.items()}
    return inner | {key[0].upper() + key[1:]: item for key, item in inner.items()}


def _lines(value: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Return the document as lines of YAML: names and numbers as they are, other text in quotes."""
    from quiltctl.model.document import encode

    for key, item in value.items():
        if isinstance(item, dict):
            yield f"{indent}{key}:"
            yield from _lines(item, f"{indent}  ")
        elif isinstance(item, list):
            yield f"{indent}{key}:" if item else f"{indent}{key}: []"
            yield from (f"{indent}- {entry}" for entry in item)
        else:
            plain = isinstance(item, str) and item[:1].isalpha() and not set(item) - _PLAIN
            yield f"{indent}{key}: {item if plain else encode(item)}"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/ ")
