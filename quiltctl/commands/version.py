"""`quiltctl version`: of this program and of what it stands on."""

from __future__ import annotations

import os
import sys

from quiltctl import __version__
from quiltctl.commands._parameters import FORMAT, JSON
from quiltctl.model.parameters import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Show the version.",
    description="Also the versions of what it stands on: Python, SQLite, the kernel.",
    parameters=(FORMAT, JSON),
    examples=(
        ("quiltctl version", ""),
        ("quiltctl version --format '{{.Client.Version}}'", "the number alone"),
    ),
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names, which users of docker and podman expect, by the kernel's."""


def command(_paths: Paths, *, format: str | None, json: bool) -> int:
    """Print the versions. There is no server: who asks for its version, as docker's users do, gets the client's."""
    client = _client()
    if json or format is not None:
        from quiltctl.ui.show import show_document

        show_document({"Client": client, "Server": client}, "json" if json else format)
        return 0
    for name, key in _LINES:
        sys.stdout.write(f"{name + ':':<16}{client[key]}\n")
    return 0


_LINES = (
    ("Client", "Name"),
    ("Version", "Version"),
    ("Python Version", "PythonVersion"),
    ("SQLite Version", "SQLiteVersion"),
    ("Kernel Version", "KernelVersion"),
    ("OS/Arch", "OsArch"),
)


def _client() -> dict[str, str]:
    import sqlite3

    host = os.uname()
    architecture = _ARCHITECTURES.get(host.machine, host.machine)
    return {
        "Name": "quiltctl",
        "Version": __version__,
        "PythonVersion": sys.version.split()[0],
        "SQLiteVersion": sqlite3.sqlite_version,
        "KernelVersion": host.release,
        "Os": "linux",
        "Arch": architecture,
        "OsArch": f"linux/{architecture}",
    }
