"""The floors of the house: an import may only go down.

    5  __main__, cli        4  commands, ui        3  runtime.lifecycle        2  runtime.*
    1  db | runtime.linux   0  errors, paths, model

Every import counts, also those inside functions and for type checkers alone.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "quiltctl"
FLOORS = {
    "quiltctl.errors": 0,
    "quiltctl.paths": 0,
    "quiltctl.model": 0,
    "quiltctl.db": 1,
    "quiltctl.runtime.linux": 1,
    "quiltctl.runtime": 2,
    # These two speak to the database as well.
    "quiltctl.runtime.shim.build": 3,
    "quiltctl.runtime.shim.settle": 3,
    "quiltctl.runtime.lifecycle": 3,
    "quiltctl.commands": 4,
    "quiltctl.ui": 4,
    "quiltctl.cli": 5,
    "quiltctl.__main__": 5,
}
APART = (
    ("quiltctl.db", "quiltctl.runtime.linux"),
    ("quiltctl.runtime.linux", "quiltctl.db"),
    ("quiltctl.ui", "quiltctl.commands"),
)
"""Who lives on one floor and may not know the other."""

LEAN = tuple(f"quiltctl.runtime.shim.{name}" for name in ("ending", "log", "oom", "pump", "watch", "watched"))
"""What waits for days: nothing but built-in modules, select and fcntl, and each other, at any time of its life."""
ALLOWED_TO_LEAN = {*sys.builtin_module_names, "select", "fcntl", "__future__", *LEAN}


def name_of(path: Path) -> str:
    """Return the dotted name of the module in this file."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(source: str, known: set[str]) -> set[str]:
    """Return every module a source imports, wherever the statement stands; of our own, the module meant."""
    return imports_below(ast.parse(source), known)


def imports_below(tree: ast.AST, known: set[str]) -> set[str]:
    """Return every module that the statements below this node import."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            origin = node.module or ""
            whole = {f"{origin}.{alias.name}" for alias in node.names}
            found.update(name if name in known else origin for name in whole)
    return found


def loads_of(source: str, known: set[str]) -> set[str]:
    """Return the modules a source ever loads: its imports but for those that only type checkers see."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    return imports_below(tree, known)


def floor_of(module: str) -> int:
    """Return the floor of one of our modules: that of the longest name in the table that leads to it."""
    if module == "quiltctl":
        return 0
    return max((name, floor) for name, floor in FLOORS.items() if is_within(module, name))[1]


def is_within(module: str, package: str) -> bool:
    """Return whether a module is this package or lies in it."""
    return module == package or module.startswith(f"{package}.")


def faults_of(module: str, source: str, known: set[str]) -> list[str]:
    """Return what of its imports a module may not have."""
    imported = imports_of(source, known)
    ours = sorted(name for name in imported if is_within(name, "quiltctl"))
    faults = [f"{module} imports {name}, which is above it" for name in ours if floor_of(name) > floor_of(module)]
    for one, other in APART:
        if is_within(module, one):
            faults += [f"{module} imports {name} beside it" for name in ours if is_within(name, other)]
    if is_within(module, "quiltctl.ui"):
        faults += [
            f"{module} imports {name}, and ui knows values only"
            for name in ours
            if floor_of(name) > 0 and not is_within(name, "quiltctl.ui")
        ]
    if module in LEAN:
        loaded = loads_of(source, known) & imported
        faults += [f"{module} loads {name}" for name in sorted(loaded - ALLOWED_TO_LEAN)]
    return faults


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_downwards(module: str) -> None:
    """No module knows of a floor above its own, nor of who lives beside it and is a stranger."""
    assert faults_of(module, MODULES[module].read_text(encoding="utf-8"), set(MODULES)) == []


WRONG = [
    ("quiltctl.model.x", "from quiltctl.db import containers", "which is above it"),
    ("quiltctl.model.x", "def f():\n    import quiltctl.paths, quiltctl.runtime.host", "which is above it"),
    ("quiltctl.db.x", "if TYPE_CHECKING:\n    from quiltctl.runtime.linux.files import openat2", "beside it"),
    ("quiltctl.runtime.linux.x", "from quiltctl import db", "beside it"),
    ("quiltctl.runtime.x", "from quiltctl.runtime import lifecycle", "which is above it"),
    ("quiltctl.runtime.x", "from quiltctl.runtime.shim import build", "which is above it"),
    ("quiltctl.runtime.lifecycle.x", "from quiltctl.ui import table", "which is above it"),
    ("quiltctl.ui.x", "from quiltctl.runtime.liveness import alive", "ui knows values only"),
    ("quiltctl.commands.x", "from quiltctl.cli.table import TOP", "which is above it"),
    ("quiltctl.runtime.shim.log", "import os", "loads os"),
    ("quiltctl.runtime.shim.watch", "def f():\n    from quiltctl import errors", "loads quiltctl.errors"),
]


@pytest.mark.parametrize(("module", "source", "fault"), WRONG)
def test_wrong_import_is_found(module: str, source: str, fault: str) -> None:
    """The test above sees each kind of fault, wherever the import hides."""
    known = {*MODULES, "quiltctl.db", "quiltctl.runtime.lifecycle", "quiltctl.runtime.shim.build"}
    assert [found for found in faults_of(module, source, known) if fault in found]


RIGHT = [
    ("quiltctl.runtime.shim.settle", "from quiltctl.db import containers"),
    ("quiltctl.commands.x", "from quiltctl.ui.table import write_table"),
    ("quiltctl.runtime.shim.watch", "import posix, select\nif TYPE_CHECKING:\n    import typing"),
    ("quiltctl.ui.x", "from quiltctl.errors import QuiltError\nfrom quiltctl.ui import colour\nimport re"),
]


@pytest.mark.parametrize(("module", "source"), RIGHT)
def test_right_import_is_left_alone(module: str, source: str) -> None:
    """What the floors allow is allowed."""
    assert faults_of(module, source, {*MODULES, *LEAN}) == []
