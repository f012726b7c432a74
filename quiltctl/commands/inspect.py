"""`quiltctl inspect`: everything about containers, images and networks, as they are now. Nothing is written."""

from __future__ import annotations

from quiltctl.commands._container_document import container_document
from quiltctl.commands._parameters import JSON, LATEST
from quiltctl.db import configs, container_views, containers
from quiltctl.db.connection import open_to_read, translated
from quiltctl.db.document import decode
from quiltctl.errors import NotFound, QuiltError, UsageError
from quiltctl.model.parameters import Argument, Flag, Option, Verb
from quiltctl.model.spec import spec_from
from quiltctl.runtime.lifecycle.observe import observe
from quiltctl.ui.failure import tell
from quiltctl.ui.show import asks_json, show_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from typing import Any

    from quiltctl.paths import Paths

_KINDS = ("container", "image", "network")
"""In the order in which a word is looked for."""
VERB = Verb(
    summary="Show everything about containers, images or networks.",
    description="A word is taken for a container first, then for an image, then for a network."
    " What is not found is told after the rest.",
    parameters=(
        Option(("--type",), "Look for one kind only.", choices=("all", "container", "image", "network"), default="all"),
        Flag(("--size", "-s"), "Also how much containers wrote to disk: SizeRw and SizeRootFs."),
        LATEST,
        Option(("--format", "-f"), "Print with a Go template, or `json`.", metavar="FORMAT"),
        JSON,
        Argument(
            "references",
            "Names, ids, or beginnings of ids.",
            required=False,
            multiple=True,
            completes="container",
        ),
    ),
    examples=(
        ("quiltctl inspect web", "all of it, as JSON"),
        ("quiltctl inspect --format '{{.State.Status}} {{.State.ExitCode}}' web", "two facts, for a script"),
    ),
)


def command(
    paths: Paths,
    *,
    type: str,
    size: bool,
    latest: bool,
    format: str | None,
    json: bool,
    references: Sequence[str],
) -> int:
    """Print an array of documents, or a line of the template for each."""
    connection = open_to_read(paths)
    found: list[dict[str, Any]] = []
    missing: list[QuiltError] = []
    with translated(paths.database):
        for word in _wanted(connection, references, latest=latest):
            try:
                found.append(_look_up(connection, paths, word, type, size=size))
            except QuiltError as error:
                missing.append(error)
    _show(found, None if json else format)
    for one in missing:
        tell(one, as_json=json or asks_json(format))
    return max((one.exit_code for one in missing), default=0)


def _wanted(connection: sqlite3.Connection, references: Sequence[str], *, latest: bool) -> Sequence[str]:
    if latest and references:
        raise UsageError("--latest and references cannot be used together")
    if latest:
        newest = container_views.newest(connection)
        if newest is None:
            raise NotFound("container", "--latest", hint="there is none yet")
        return (newest.id,)
    if not references:
        raise UsageError("no names or ids were given", hint="write: quiltctl inspect CONTAINER, IMAGE or NETWORK")
    return references


def _look_up(connection: sqlite3.Connection, paths: Paths, word: str, kind: str, *, size: bool) -> dict[str, Any]:
    for one in _KINDS if kind == "all" else (kind,):
        try:
            if one == "container":
                return _container(connection, paths, word, size=size)
            return _image(connection, paths, word) if one == "image" else _network(connection, paths, word)
        except NotFound:
            if kind != "all":
                raise
    raise NotFound("object", word, hint="see what there is with: quiltctl ps -a, quiltctl images, quiltctl network ls")


def _container(connection: sqlite3.Connection, paths: Paths, word: str, *, size: bool) -> dict[str, Any]:
    container = observe(connection, paths, containers.find(connection, word))
    if container is None:
        raise NotFound("container", word)
    spec = spec_from(decode(connection, configs.config_of(connection, container.id)))
    document = container_document(connection, paths, container, spec)
    if size:
        from quiltctl.commands._ps_fields import Listing, Row

        written, together = Row(container, Listing(connection, paths, whole=True)).sizes()
        document |= {"SizeRw": written, "SizeRootFs": together}
    return document


def _image(connection: sqlite3.Connection, paths: Paths, word: str) -> dict[str, Any]:
    from quiltctl.commands._image_document import image_document
    from quiltctl.db import images

    image = images.find(connection, word)
    return image_document(paths, image, images.names_of(connection, image.id))


def _network(connection: sqlite3.Connection, paths: Paths, word: str) -> dict[str, Any]:
    from quiltctl.commands._network_document import containers_in, network_document
    from quiltctl.commands._networks import find_network
    from quiltctl.db import leases

    network = find_network(connection, word)
    running = []
    for lease in leases.of_network(connection, network.id):
        row = containers.get(connection, lease.container_id)
        container = None if row is None else observe(connection, paths, row)
        if container is not None and container.state in containers.LIVE:
            running.append((container, lease))
    document = network_document(network)
    document["containers"] = containers_in(network, running)
    return document


def _show(documents: list[dict[str, Any]], format: str | None) -> None:
    if format is None or asks_json(format):
        show_document(documents)
    else:
        for document in documents:
            show_document(document, format)
