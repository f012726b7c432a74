"""`image prune`: remove the images that nothing needs."""

from __future__ import annotations

from quiltctl.commands._parameters import FILTER_LONG
from quiltctl.model.parameters import Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Remove images that nothing uses.",
    description="Those that have no name and that no container is of; with --all also those with names."
    " Filters: until, label, label!. Prints the ids of what was removed and the space that it had taken.",
    parameters=(
        Flag(("--all", "-a"), "Also images that have names."),
        Flag(("--force", "-f"), "Do not ask."),
        FILTER_LONG,
    ),
    examples=(("quiltctl image prune -af --filter until=240h", "for cron: what is older than ten days"),),
)
_FILTERS = ("until", "label", "label!")


def command(paths: Paths, *, all: bool, force: bool, filter: list[str]) -> int:
    """Remove them and print their ids."""
    from quiltctl.commands._confirm import confirmed
    from quiltctl.commands._image_filters import image_filter
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.prune_images import prune_images
    from quiltctl.ui.safe import write
    from quiltctl.ui.size import human_bytes

    connection = open_to_write(paths)
    wanted = image_filter(connection, filter, only=_FILTERS)
    which = "all images that no container is of" if all else "all images without a name that no container is of"
    if not confirmed(f"Remove {which}?", force=force):
        return 0
    removed = prune_images(paths, connection, all=all, wanted=lambda image: wanted(image, ()))
    for one in removed:
        write(f"{one.id}\n")
    write(f"Total reclaimed space: {human_bytes(sum(one.freed_bytes for one in removed))}\n")
    return 0
