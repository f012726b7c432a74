"""SQLite, without what Python's package wraps around its C module.

``sqlite3`` adds adapters for dates, which nobody here uses, and imports datetime and collections for them: 2.5 ms of
the 20 that ``quiltctl ps`` takes. Where an interpreter has no such C module, the package serves as well.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import _sqlite3 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["sqlite3"]
