"""`network ls`: the networks of this root. Nothing is written."""

from __future__ import annotations

from quiltctl.commands._network_document import FIELDS, network_document
from quiltctl.commands._networks import rows_of
from quiltctl.commands._parameters import FILTER, FORMAT, JSON, NO_TRUNC
from quiltctl.db.connection import open_to_read, translated
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="List networks.",
    description="The default one, quilt0, is made when the first container asks for it. Filters: name, id, driver,"
    " label, label!, until, internal, dangling. Filters of one key are alternatives, different keys must all hold.",
    parameters=(
        Flag(("--quiet", "-q"), "Print names only."),
        FILTER,
        FORMAT,
        JSON,
        NO_TRUNC,
        Flag(("--noheading", "-n"), "Print no column headings."),
    ),
    examples=(
        ("quiltctl network ls", "all of them"),
        ("quiltctl network ls --filter dangling=true -q", "the names of those that no container is in"),
        ("quiltctl network ls --format '{{.Name}} {{.Subnets}} {{.Containers}}'", "only these columns"),
    ),
)
HEADINGS = (("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"))


def command(
    paths: Paths,
    *,
    quiet: bool,
    filter: list[str],
    format: str | None,
    json: bool,
    no_trunc: bool,
    noheading: bool,
) -> int:
    """Print one row per network, by name."""
    from quiltctl.ui import safe, show
    from quiltctl.ui.fields import Fields

    connection = open_to_read(paths)
    with translated(paths.database):
        rows = rows_of(connection, filter, whole=no_trunc)
    if json or show.asks_json(format):
        show.show_json([network_document(row.network) for row in rows], indent=2)
    elif quiet and format is None:
        safe.write("".join(f"{row.network.name}\n" for row in rows))
    else:
        shown = [Fields(FIELDS, row) for row in rows]
        show.show_rows(shown, headings=HEADINGS, format=format, noheading=noheading)
    return 0
