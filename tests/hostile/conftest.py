"""The installed command and its root, as the end-to-end tests have them."""

from __future__ import annotations

from tests.e2e.conftest import Quilt, quilt, store

__all__ = ["Quilt", "quilt", "store"]
