"""Rows of ``images``, with their layers and their names. Each change writes its event in the same transaction."""

from __future__ import annotations

import time

from quiltctl import errors
from quiltctl.model.image import Image, config_document, config_from
from quiltctl.model.image_name import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

_HEX = "0123456789abcdef"

# The name is the one asked for, or the oldest. SQLite reads image_layers in the order of its primary key.
_SELECT = """
SELECT i.id, i.config, i.size_bytes, i.created_at, i.architecture, i.source,
       coalesce(?, (SELECT name FROM image_names WHERE image_id = i.id ORDER BY created_at, name LIMIT 1), '') AS name,
       (SELECT group_concat(digest) FROM (SELECT digest FROM image_layers WHERE image_id = i.id ORDER BY position))
           AS layers
FROM images AS i
"""


def insert(connection: sqlite3.Connection, image: Image) -> bool:
    """Add an image whose layers are there, without names, and return whether it was new: equal ids are equal images."""
    from quiltctl.model.document import encode

    added = connection.execute(
        "INSERT INTO images (id, config, architecture, size_bytes, source, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (
            image.id,
            encode(config_document(image.config)),
            image.architecture,
            image.size_bytes,
            image.source,
            image.created_at,
        ),
    )
    if not added.rowcount:
        return False
    connection.executemany(
        "INSERT INTO image_layers (image_id, position, digest) VALUES (?, ?, ?)",
        [(image.id, position, digest) for position, digest in enumerate(image.layers)],
    )
    _note(connection, "import", image.id, image.name)
    return True


def find(connection: sqlite3.Connection, reference: str) -> Image:
    """Return the image a reference names: a name, else a full id, else an id prefix that fits one only.

    Names are completed; an id may begin with ``sha256:``.

    Raises:
        NotFound: nothing fits.
        Ambiguous: several ids begin so.
    """
    name = None if reference.startswith("sha256:") else completed(reference)
    if name is not None:
        row = connection.execute(
            f"{_SELECT} WHERE i.id = (SELECT image_id FROM image_names WHERE name = ?)",  # noqa: S608 (text of ours)
            (name, name),
        ).fetchone()
        if row is not None:
            return _image(connection, row)
    beginning = reference.removeprefix("sha256:")
    if not beginning or beginning.strip(_HEX):
        raise _not_found(reference)
    # "g" is the first letter after every hex digit.
    rows = connection.execute(
        f"{_SELECT} WHERE i.id >= ? AND i.id < ? ORDER BY i.id LIMIT 6", (None, beginning, f"{beginning}g")
    ).fetchall()
    if not rows:
        raise _not_found(reference)
    if len(rows) > 1:
        raise errors.Ambiguous("image", reference, [f"{row['id'][:12]} ({row['name'] or 'no name'})" for row in rows])
    return _image(connection, rows[0])


def count(connection: sqlite3.Connection) -> int:
    """Return how many images there are."""
    number: int = connection.execute("SELECT count(*) FROM images").fetchone()[0]
    return number


def get(connection: sqlite3.Connection, image_id: str) -> Image | None:
    """Return the image of this full id, or None."""
    row = connection.execute(f"{_SELECT} WHERE i.id = ?", (None, image_id)).fetchone()
    return None if row is None else _image(connection, row)


def list_all(connection: sqlite3.Connection) -> list[Image]:
    """Return every image, newest first."""
    rows = connection.execute(f"{_SELECT} ORDER BY i.created_at DESC, i.id", (None,)).fetchall()
    return [_image(connection, row) for row in rows]


def delete(connection: sqlite3.Connection, image_id: str) -> None:
    """Delete an image with its names; its layers' rows stay. The database refuses while a container is of it."""
    connection.execute("DELETE FROM images WHERE id = ?", (image_id,))
    _note(connection, "remove", image_id, "")


def give_name(connection: sqlite3.Connection, name: str, image_id: str) -> None:
    """Give an image a complete name; another image that had it loses it, as with docker's tags."""
    owner = connection.execute("SELECT image_id FROM image_names WHERE name = ?", (name,)).fetchone()
    if owner is not None and owner[0] == image_id:
        return
    if owner is not None:
        take_name(connection, name)
    connection.execute(
        "INSERT INTO image_names (name, image_id, created_at) VALUES (?, ?, ?)", (name, image_id, time.time_ns())
    )
    _note(connection, "tag", image_id, name)


def take_name(connection: sqlite3.Connection, name: str) -> None:
    """Take a complete name from the image that has it, if one has."""
    row = connection.execute("DELETE FROM image_names WHERE name = ? RETURNING image_id", (name,)).fetchone()
    if row is not None:
        _note(connection, "untag", row[0], name)


def names_of(connection: sqlite3.Connection, image_id: str) -> list[str]:
    """Return the complete names of an image, the oldest first."""
    rows = connection.execute("SELECT name FROM image_names WHERE image_id = ? ORDER BY created_at, name", (image_id,))
    return [row[0] for row in rows]


def all_names(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the complete names of every image that has any, by image id, the oldest first."""
    names: dict[str, list[str]] = {}
    for image_id, name in connection.execute("SELECT image_id, name FROM image_names ORDER BY created_at, name"):
        names.setdefault(image_id, []).append(name)
    return names


def _image(connection: sqlite3.Connection, row: sqlite3.Row) -> Image:
    from quiltctl.db.document import decode

    return Image(
        id=row["id"],
        name=row["name"],
        config=config_from(decode(connection, row["config"])),
        layers=tuple((row["layers"] or "").split(",")) if row["layers"] else (),
        size_bytes=row["size_bytes"],
        created_at=row["created_at"],
        architecture=row["architecture"],
        source=row["source"],
    )


def _not_found(reference: str) -> errors.NotFound:
    return errors.NotFound(
        "image", reference, hint="see the images with: quiltctl images, or bring one with: quiltctl image import"
    )


def _note(connection: sqlite3.Connection, action: str, image_id: str, name: str) -> None:
    connection.execute(
        "INSERT INTO events (at, kind, action, object_id, name) VALUES (?, 'image', ?, ?, ?)",
        (time.time_ns(), action, image_id, name),
    )
