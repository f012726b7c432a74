"""`create`: make a container without starting it."""

from __future__ import annotations

import sys

from quiltctl.commands import _container_options as container_options
from quiltctl.commands import _lifetime_options as lifetime_options
from quiltctl.model.parameters import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Create a container without starting it.",
    description="Prints the id. `quiltctl start` starts it; the options are those of `quiltctl run`.",
    parameters=(*lifetime_options.REFUSED, *container_options.OPTIONS),
    examples=(
        ("quiltctl create --name job debian make all", "prepare it"),
        ("quiltctl start --attach job", "and start it later, in the foreground"),
    ),
    words_end_options=True,
)


def command(paths: Paths, **options: Any) -> int:
    """Create a container and print its id."""
    container_options.check(options)
    from quiltctl.commands._import_progress import image_with_progress
    from quiltctl.db.connection import open_to_write, transaction
    from quiltctl.runtime.lifecycle import create, enrol

    connection = open_to_write(paths)
    image = image_with_progress(paths, connection, options["image"], quiet=options["quiet"])
    spec = container_options.spec_of(paths, connection, image, options)
    if options["replace"]:
        from quiltctl.runtime.lifecycle.replace import make_way

        make_way(paths, connection, spec.name)
    container_options.write_cidfile(spec)
    wanted = container_options.members_of(options)
    routes = enrol.find_routes(connection, wanted)
    with transaction(connection):
        create.insert(paths, connection, spec, wanted, routes)
    sys.stdout.write(f"{spec.id}\n")
    return 0
