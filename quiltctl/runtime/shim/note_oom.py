"""A helper of the watch while the container runs: it writes to the database how many processes were killed for memory.

The watch executes it in a child, from the code that is installed at that moment, as it does with ``settle``.
"""

from __future__ import annotations

import os

from quiltctl.db import containers
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(root: str, container_id: str, generation: str, kills: str) -> NoReturn:
    """Write the count and leave; what cannot be written now is written with the end of the run."""
    try:
        connection = open_to_write(Paths(root))
        with transaction(connection):
            containers.note_oom_kills(connection, container_id, int(generation), int(kills))
    finally:
        os._exit(0)
