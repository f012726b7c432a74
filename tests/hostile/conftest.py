"""The installed command and its root, as the end-to-end tests have them, and a folder of the host to be spared."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Quilt, quilt, store
from tests.hostile.probes import Canary

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Quilt", "quilt", "store"]


@pytest.fixture
def canary() -> Iterator[Canary]:
    """Give a folder of the host to be spared. It is open to everybody: no mode shall save it."""
    folder = Path(tempfile.mkdtemp(prefix="quilt-canary-"))
    folder.chmod(0o755)
    yield Canary(folder / "canary")
    shutil.rmtree(folder)
