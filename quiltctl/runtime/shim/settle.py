"""The last helper of the shim: it writes the end of a run to the database.

The watch executes it in its own place once the exit record is written, from the code that is installed at that
moment: new code knows a new schema.
"""

from __future__ import annotations

import os

from quiltctl.db.connection import open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle.settle import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(root: str, container_id: str) -> NoReturn:
    """Write the end and leave; what cannot be written now, the record tells until somebody can."""
    try:
        paths = Paths(root)
        settle(paths, open_to_write(paths), container_id)
    finally:
        os._exit(0)
