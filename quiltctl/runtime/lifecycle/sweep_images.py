"""What killed imports and removals left: staging folders of dead processes, and layers on one side only."""

from __future__ import annotations

import os

from quiltctl.db import layers as layer_rows
from quiltctl.model.value import Value
from quiltctl.runtime import layers
from quiltctl.runtime.tree import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths


class OrphanLayers(Value):
    """Layers that are on disk or in the database and not in both."""

    without_row: tuple[str, ...]
    """Digests of folders that no row speaks of: an import was killed between the two. Nothing can use them."""
    without_folder: tuple[str, ...]
    """Digests of rows whose folder is gone: somebody removed it by hand. Their images cannot run."""


def stale_imports(paths: Paths) -> list[str]:
    """Return the staging folders of imports and removals whose process is dead."""
    return layers.abandoned(paths)


def sweep_stale_imports(paths: Paths) -> list[str]:
    """Remove what ``stale_imports`` finds, and return it. Safe at any time, and twice at once."""
    stale = stale_imports(paths)
    for folder in stale:
        remove_tree(folder)
    return stale


def orphan_layers(paths: Paths, connection: sqlite3.Connection) -> OrphanLayers:
    """Return the layers that are on one side only, as seen while no import or removal is between the two sides."""
    if not os.path.isdir(paths.root):
        return OrphanLayers((), ())
    with layers.locked(paths):
        return _compare(paths, connection)


def sweep_orphan_layers(paths: Paths, connection: sqlite3.Connection) -> OrphanLayers:
    """Remove the layers without a row, and return what was found. Rows without a folder are left for the user."""
    if not os.path.isdir(paths.root):
        return OrphanLayers((), ())
    with layers.locked(paths):
        found = _compare(paths, connection)
        retired = layers.retire(paths, found.without_row)
    for folder in retired:
        remove_tree(folder)
    return found


def _compare(paths: Paths, connection: sqlite3.Connection) -> OrphanLayers:
    on_disk, in_rows = set(layers.published(paths)), set(layer_rows.digests(connection))
    return OrphanLayers(tuple(sorted(on_disk - in_rows)), tuple(sorted(in_rows - on_disk)))
