"""`quiltctl rename`: another name for a container."""

from __future__ import annotations

from quiltctl.db import containers, network_names
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.model.name import check_name
from quiltctl.model.parameters import Argument, Verb
from quiltctl.runtime.lifecycle import refresh_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Give a container another name.",
    parameters=(
        Argument("container", "Name, id, or the beginning of an id.", completes="container"),
        Argument("name", "The new name."),
    ),
    examples=(("quiltctl rename web web-old", "makes room for another `web`; the container runs on"),),
)


def command(paths: Paths, *, container: str, name: str) -> int:
    """Rename one container, in whatever state it is. Its neighbours find it by the new name at once."""
    check_name(name)
    connection = open_to_write(paths)
    with transaction(connection):
        container_id = containers.find(connection, container).id
        containers.rename(connection, container_id, name)
    refresh_names.refresh(paths, connection, network_names.networks_of(connection, container_id))
    return 0
