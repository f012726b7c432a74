"""Making a container: its row, and the rows of what will have to be removed one day. Nothing on disk yet."""

from __future__ import annotations

import os

from quiltctl.db import containers
from quiltctl.model.document import encode
from quiltctl.model.name import random_name
from quiltctl.model.spec import Spec
from quiltctl.runtime.lifecycle import discard

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.paths import Paths


def insert(paths: Paths, connection: sqlite3.Connection, spec: Spec) -> Spec:
    """Write the container, within the caller's transaction, and return its spec, named if it had no name.

    Raises:
        Conflict: the name is taken.
    """
    if not spec.name:
        spec = Spec(**{**spec.to_dict(), "name": _free_name(connection)})
    containers.insert(
        connection,
        container_id=spec.id,
        name=spec.name,
        image_id=spec.image_id,
        image_name=spec.image,
        command=encode(spec.argv),
        config=encode(spec.to_dict()),
        auto_remove=spec.auto_remove,
        labels=spec.labels,
    )
    discard.plan(paths, connection, spec.id)
    return spec


def _free_name(connection: sqlite3.Connection) -> str:
    """Return a random name that nobody has; within the transaction that takes it, nobody can be faster."""
    while True:
        name = random_name(lambda words: words[int.from_bytes(os.urandom(4), "big") % len(words)])
        if not containers.name_taken(connection, name):
            return name
