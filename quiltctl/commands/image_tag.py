"""`tag`, `image tag`: give an image another name."""

from __future__ import annotations

from quiltctl.model.parameters import Argument, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Give an image another name.",
    description="Another image that has the name loses it.",
    parameters=(
        Argument("image", "Name, id, or the beginning of an id.", completes="image"),
        Argument("names", "New names: [HOST/]PATH[:TAG].", multiple=True),
    ),
    examples=(("quiltctl tag debian debian:12 registry.example/base", "two names more"),),
)


def command(paths: Paths, *, image: str, names: list[str]) -> int:
    """Give the names."""
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.tag_image import tag_image

    tag_image(open_to_write(paths), image, names)
    return 0
