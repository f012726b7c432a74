"""Rows of ``layers``: one per unpacked archive below ``layers/``, named by the digest of its bytes."""

from __future__ import annotations

import time

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


class Layer(Value):
    """What the database says of a layer."""

    digest: str
    size_bytes: int
    files: int
    created_at: int


def insert(connection: sqlite3.Connection, digest: str, *, size_bytes: int, files: int) -> None:
    """Add a layer; one that is there already stays as it is, for the same digest is the same content."""
    connection.execute(
        "INSERT INTO layers (digest, size_bytes, files, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (digest, size_bytes, files, time.time_ns()),
    )


def get(connection: sqlite3.Connection, digest: str) -> Layer | None:
    """Return the layer of this digest, or None."""
    row = connection.execute(
        "SELECT digest, size_bytes, files, created_at FROM layers WHERE digest = ?", (digest,)
    ).fetchone()
    return None if row is None else Layer(*row)


def digests(connection: sqlite3.Connection) -> list[str]:
    """Return the digest of every layer, sorted."""
    return [row[0] for row in connection.execute("SELECT digest FROM layers ORDER BY digest")]


def delete_unused(connection: sqlite3.Connection) -> list[Layer]:
    """Delete the layers that no image has, and return them."""
    rows = connection.execute(
        "DELETE FROM layers WHERE digest NOT IN (SELECT digest FROM image_layers)"
        " RETURNING digest, size_bytes, files, created_at"
    ).fetchall()
    return [Layer(*row) for row in rows]
