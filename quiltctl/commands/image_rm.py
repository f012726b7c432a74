"""`rmi`, `image rm`: take names from images, and remove those that have none left."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.commands._parameters import JSON
from quiltctl.model.parameters import Argument, Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Remove images.",
    description="Takes the name away, and with the last one the image. Ends with 1 when one does not exist, and with 2"
    " when a container is of it.",
    parameters=(
        Flag(("--all", "-a"), "Remove all images."),
        Flag(("--force", "-f"), "Take all names of an image, and remove ended containers that are of it."),
        Flag(("--ignore", "-i"), "Say nothing about images that do not exist."),
        JSON,
        Argument("images", "Names, ids, or beginnings of ids.", required=False, multiple=True, completes="image"),
    ),
    examples=(
        ("quiltctl rmi debian", "the name, and with the last name the image"),
        ("quiltctl rmi --all --force", "everything that no living container is of"),
    ),
)


def command(paths: Paths, *, all: bool, force: bool, ignore: bool, json: bool, images: list[str]) -> int:
    """Remove images and print what was done; return the worst of 0, 1, 2 and 125."""
    from quiltctl.commands._many import each
    from quiltctl.db import images as image_rows
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.remove_image import remove_image
    from quiltctl.ui.show import show_json

    if all and images:
        raise errors.UsageError("--all and names of images exclude each other")
    if not all and not images:
        raise errors.UsageError("no image was named", hint="give names or ids, or --all")
    connection = open_to_write(paths)
    if all:
        images = [image.id for image in image_rows.list_all(connection)]
    done: list[dict[str, Any]] = []
    show = done.append if json else _shower()

    def act(reference: str) -> None:
        try:
            removed = remove_image(paths, connection, reference, force=force or all, remove_containers=force)
        except errors.NotFound:
            # One of several that --all listed may have gone meanwhile.
            if not ignore and not all:
                raise
            return
        show({"Id": removed.id, "Untagged": list(removed.untagged), "Deleted": removed.deleted})

    worst = each(images, act, as_json=json)
    if json:
        show_json(done, indent=2)
    return worst


def _shower() -> Callable[[dict[str, Any]], None]:
    """Return what prints one removal in podman's words."""
    from quiltctl.ui.safe import write

    def show(removed: dict[str, Any]) -> None:
        lines = [f"Untagged: {name}" for name in removed["Untagged"]]
        write(
            "".join(f"{line}\n" for line in [*lines, f"Deleted: {removed['Id']}"][: None if removed["Deleted"] else -1])
        )

    return show
