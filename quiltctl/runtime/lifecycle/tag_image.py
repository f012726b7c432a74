"""Giving an image another name."""

from __future__ import annotations

from quiltctl.db import images
from quiltctl.db.connection import transaction
from quiltctl.model.image_name import complete

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def tag_image(connection: sqlite3.Connection, reference: str, names: Sequence[str]) -> list[str]:
    """Give the image all the names, and return them complete. Images that had them lose them.

    Raises:
        UsageError: no image can have one of the names; then none is given.
        NotFound: there is no such image.
    """
    full_names = [complete(name) for name in names]
    with transaction(connection):
        image = images.find(connection, reference)
        for name in full_names:
            images.give_name(connection, name, image.id)
    return full_names
