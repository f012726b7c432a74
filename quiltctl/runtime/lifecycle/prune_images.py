"""Removing the images that nothing needs."""

from __future__ import annotations

from quiltctl.db import containers, images
from quiltctl.runtime.lifecycle.remove_image import remove_unused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.model.image import Image
    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.remove_image import RemovedImage


def prune_images(
    paths: Paths,
    connection: sqlite3.Connection,
    *,
    all: bool = False,
    wanted: Callable[[Image], bool] = bool,
) -> list[RemovedImage]:
    """Remove the images without a name, with ``all`` also those with names, that no container is of.

    Only those for which ``wanted`` returns true. Returns what was removed, the newest image first.
    """
    candidates = [image for image in prunable_images(connection, all=all) if wanted(image)]
    removed = [remove_unused(paths, connection, image.id) for image in candidates]
    return [one for one in removed if one is not None]


def prunable_images(connection: sqlite3.Connection, *, all: bool) -> list[Image]:
    """Return the images that no container is of, without a name or, with ``all``, any; the newest first."""
    used = {container.image_id for container in containers.list_all(connection)}
    return [image for image in images.list_all(connection) if image.id not in used and (all or not image.name)]
