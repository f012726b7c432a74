"""The fixtures of the end-to-end tests, for attacks on the same installed command."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _load_e2e() -> ModuleType:
    """Load the other conftest by its path: test modules are not importable by name."""
    name = "quilt_tests_e2e"
    if name not in sys.modules:
        path = Path(__file__).parent.with_name("e2e") / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


_e2e = _load_e2e()
store = _e2e.store
quilt = _e2e.quilt
