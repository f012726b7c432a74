"""Rows of ``image_sources``: which archive or folder, in the state stat(2) saw, became which image."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.model.image_source import ImageSource


def image_of(connection: sqlite3.Connection, source: ImageSource) -> str | None:
    """Return the id of the image that was imported from this path in this state, or None."""
    row = connection.execute(
        "SELECT image_id FROM image_sources"
        " WHERE path = ? AND size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ?",
        (source.path, source.size_bytes, source.mtime_ns, source.inode, source.device),
    ).fetchone()
    return None if row is None else str(row[0])


def remember(connection: sqlite3.Connection, source: ImageSource, image_id: str) -> None:
    """Note what the path holds, in place of what it held before."""
    connection.execute(
        "INSERT OR REPLACE INTO image_sources (path, size_bytes, mtime_ns, inode, device, image_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (source.path, source.size_bytes, source.mtime_ns, source.inode, source.device, image_id),
    )
