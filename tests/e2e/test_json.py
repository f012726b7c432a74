"""docs/json.md says what `--json` gives: every key and its kind, checked against the installed command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

PAGE = Path(__file__).parents[2] / "docs/json.md"
SERVER = "198.18.0.53"
NONE = ("--network", "none")
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
FREE = (
    "Labels",
    "Annotations",
    "attributes",
    "Attributes",
    "Networks",
    "Ports",
    "PortBindings",
    "store.containers",
    "Options",
    "Sysctls",
    "labels",
    "options",
    "[].containers",
)
"""Objects whose keys are data."""
VERBS = {
    "ps": ("ps", "-a", "--json"),
    "top": ("top", "--json", "r"),
    "inspect": ("inspect", "c"),
    "image ls": ("images", "--json"),
    "image inspect": ("image", "inspect", "box"),
    "network ls": ("network", "ls", "--json"),
    "network inspect": ("network", "inspect", "app"),
    "events": ("events", "--stream=false", "--since", "1h", "--json"),
    "logs": ("logs", "--json", "c"),
    "stats": ("stats", "--no-stream", "--json"),
    "stats --history": ("stats", "--history", "1h", "--json"),
    "monitor ls": ("monitor", "ls", "--json"),
    "cleanup ls": ("cleanup", "ls", "--all", "--json"),
    "gc": ("gc", "--dry-run", "--json"),
    "info": ("info", "--json"),
    "version": ("version", "--json"),
    "system check": ("system", "check", "--json"),
}


def shape_of(value: Any, name: str = "") -> dict[str, str]:
    """Return every key of a document with the kind of what it holds; ``a[].b`` is the key b of each of the array a."""
    if isinstance(value, list):
        found: dict[str, str] = {}
        for item in value:
            for key, kind in shape_of(item, f"{name}[]").items():
                found[key] = kind if key not in found else " or ".join(sorted({*found[key].split(" or "), kind}))
        return found or {f"{name}[]": "array"}
    if isinstance(value, dict) and not name.endswith(FREE):
        return {key: kind for k, v in value.items() for key, kind in shape_of(v, f"{name}.{k}" if name else k).items()}
    return {name: "object" if isinstance(value, dict) else KINDS[type(value)]}


def parsed(text: str) -> Any:
    """Return one document, or the list of those that stand a line each."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


def documented(verb: str) -> dict[str, str]:
    """Return the shape that the page gives a verb: the lines of the block under its heading."""
    block = PAGE.read_text().partition(f"\n## {verb}\n")[2].partition("```text\n")[2].partition("```")[0]
    return {key: kind.strip() for key, _, kind in (line.partition(" ") for line in block.splitlines())}


def actual(quilt: Quilt, verb: str) -> dict[str, str]:
    """Return the shape that the command gives, with one container that runs and one that has ended."""
    quilt("run", "--name", "c", "-l", "a=b", *NONE, "box", "sh", "-c", "echo out; echo err >&2; exit 3")
    quilt.ok("run", "-d", "--name", "r", *NONE, "box", "sleep", "1000")
    quilt.ok(
        "network",
        "create",
        "--ipv6",
        "--subnet",
        "10.99.0.0/24",
        "--ip-range",
        "10.99.0.128/25",
        "--dns",
        SERVER,
        "app",
    )
    if "--history" in VERBS[verb]:
        quilt.ok("gc")
    (quilt.root / "containers" / ("f" * 64)).mkdir()
    done = quilt(*VERBS[verb])
    return shape_of(parsed(done.stdout))


@pytest.mark.parametrize("verb", VERBS)
def test_json_of_a_verb_is_what_the_page_says(quilt: Quilt, verb: str) -> None:
    """No key more, no key less, each of its kind: scripts rely on it."""
    assert actual(quilt, verb) == documented(verb)
