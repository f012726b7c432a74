"""`images`, `image ls`: the images that are here. Nothing is written."""

from __future__ import annotations

from quiltctl.commands._image_fields import FIELDS, Row, document, shown_id
from quiltctl.commands._parameters import FILTER, FORMAT, JSON, NO_HEADING, NO_TRUNC, QUIET
from quiltctl.db.connection import open_to_read, translated
from quiltctl.model.parameters import Argument, Flag, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from typing import Any

    from quiltctl.paths import Paths

_SORTS: dict[str, Callable[[Row], Any]] = {
    "created": lambda row: -row.image.created_at,
    "id": lambda row: row.image.id,
    "repository": FIELDS["Repository"],
    "size": lambda row: row.image.size_bytes,
    "tag": FIELDS["Tag"],
}
VERB = Verb(
    summary="List images.",
    description="One line for each name. Filters: reference, dangling, label, label!, id, before, since, until."
    " Filters of one key are alternatives, different keys must all hold.",
    parameters=(
        Flag(("--all", "-a"), "Changes nothing: there are no hidden images."),
        QUIET,
        Flag(("--digests",), "Also the digests."),
        FILTER,
        FORMAT,
        JSON,
        NO_TRUNC,
        NO_HEADING,
        Option(("--sort",), "The order.", choices=tuple(_SORTS), default="created", metavar="KEY"),
        Argument("reference", "Only images of this name; may be a pattern.", required=False, completes="image"),
    ),
    examples=(
        ("quiltctl images", "all of them"),
        ("quiltctl images -q --filter dangling=true", "the ids of those without a name"),
        ("quiltctl images --format '{{.Repository}}:{{.Tag}} {{.Size}}'", "only these columns"),
    ),
)
HEADINGS = (
    ("REPOSITORY", "Repository"),
    ("TAG", "Tag"),
    ("IMAGE ID", "ID"),
    ("CREATED", "CreatedSince"),
    ("SIZE", "Size"),
)


def command(
    paths: Paths,
    *,
    all: bool,  # noqa: ARG001 (nothing is hidden)
    quiet: bool,
    digests: bool,
    filter: list[str],
    format: str | None,
    json: bool,
    no_trunc: bool,
    noheading: bool,
    sort: str,
    reference: str | None,
) -> int:
    """Print one row per name."""
    from quiltctl.ui import safe, show
    from quiltctl.ui.fields import Fields

    connection = open_to_read(paths)
    with translated(paths.database):
        rows = sorted(_rows(connection, filter, reference, whole=no_trunc), key=_SORTS[sort])
    if json or show.asks_json(format):
        show.show_json([document(row) for row in _once(rows)], indent=2)
    elif quiet and format is None:
        safe.write("".join(f"{shown_id(row.image.id, whole=no_trunc)}\n" for row in _once(rows)))
    else:
        headings = (*HEADINGS[:2], ("DIGEST", "Digest"), *HEADINGS[2:]) if digests else HEADINGS
        shown = [Fields(FIELDS, row) for row in rows]
        show.show_rows(shown, headings=headings, format=format, noheading=noheading)
    return 0


def _rows(connection: sqlite3.Connection, filters: list[str], reference: str | None, *, whole: bool) -> Iterator[Row]:
    from quiltctl.commands._image_filters import image_filter, references
    from quiltctl.db import containers, images

    wanted = image_filter(connection, filters)
    matches = references(connection, (reference,)) if reference else None
    names = images.all_names(connection)
    used = [container.image_id for container in containers.list_all(connection)]
    for image in images.list_all(connection):
        own = names.get(image.id, [])
        if not wanted(image, own):
            continue
        for name in own or [""]:
            if matches is None or matches(image, [name] if name else []):
                yield Row(image, name, tuple(own), used.count(image.id), whole)


def _once(rows: list[Row]) -> list[Row]:
    """Return the rows with each image once."""
    return list({row.image.id: row for row in reversed(rows)}.values())[::-1]
