"""`quiltctl rename`: another name for a container."""

from __future__ import annotations

from quiltctl.db import containers
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.model.name import check_name
from quiltctl.model.parameters import Argument, Verb

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
    """Rename one container, in whatever state it is."""
    check_name(name)
    connection = open_to_write(paths)
    with transaction(connection):
        containers.rename(connection, containers.find(connection, container).id, name)
    return 0
