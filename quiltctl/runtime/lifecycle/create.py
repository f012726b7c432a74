"""Making a container: its row, and the rows of what will have to be removed one day. Nothing on disk yet."""

from __future__ import annotations

import os

from quiltctl.db import containers, id_ranges
from quiltctl.model import id_map
from quiltctl.model.document import encode
from quiltctl.model.name import random_name
from quiltctl.model.spec import Spec
from quiltctl.runtime import user_namespace
from quiltctl.runtime.lifecycle import discard

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.model.membership import Wanted
    from quiltctl.model.subnet import Subnet
    from quiltctl.paths import Paths


def insert(
    paths: Paths,
    connection: sqlite3.Connection,
    spec: Spec,
    wanted: Sequence[Wanted] = (),
    routes: Sequence[tuple[Subnet, str]] = (),
) -> Spec:
    """Write the container, within the caller's transaction, and return its spec, named if it had no name.

    ``wanted`` are the networks that it shall be in, ``routes`` what ``enrol.find_routes`` has found.

    Raises:
        NotFound, UsageError: a network, or an address in it, that is not there.
        Conflict: the name is taken, or no range of ids is free.
    """
    if not spec.name:
        spec = Spec(**{**spec.to_dict(), "name": _free_name(connection)})
    first_id = _range_of(connection, spec)
    spec = _with_maps(spec, first_id)
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
    if first_id is not None:
        id_ranges.use(connection, spec.id, first_id)
    if wanted or spec.network.startswith("container:"):
        from quiltctl.runtime.lifecycle import enrol  # 1 ms, with the rows of networks

        enrol.enrol(paths, connection, spec, wanted, routes)
    discard.plan(paths, connection, spec)
    return spec


def _range_of(connection: sqlite3.Connection, spec: Spec) -> int | None:
    """Return the first id of the range that the container shall use: a new one, that of another container, or none."""
    if spec.userns.startswith("container:"):
        return id_ranges.used_by(connection, spec.userns.partition(":")[2])
    if spec.userns in {"auto", "keep-id"}:
        return id_ranges.lease(connection, spec.userns_size, user_namespace.find_pool())
    return None


def _with_maps(spec: Spec, first_id: int | None) -> Spec:
    """Return the spec with the maps of a range that is new; others have theirs."""
    if first_id is None or spec.userns.startswith("container:"):
        return spec
    uid_map = gid_map = id_map.range_map(first_id, spec.userns_size)
    if spec.userns == "keep-id":
        uid_map, gid_map = (
            id_map.keeping(first_id, spec.userns_size, inside=inside, outside=outside)
            for inside, outside in (spec.kept_uid, spec.kept_gid)
        )
    return Spec(**{**spec.to_dict(), "uid_map": uid_map, "gid_map": gid_map})


def _free_name(connection: sqlite3.Connection) -> str:
    """Return a random name that nobody has; within the transaction that takes it, nobody can be faster."""
    while True:
        name = random_name(lambda words: words[int.from_bytes(os.urandom(4), "big") % len(words)])
        if not containers.name_taken(connection, name):
            return name
