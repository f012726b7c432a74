"""`image exists`: tell by the exit code whether an image is here."""

from __future__ import annotations

from quiltctl.errors import NotFound
from quiltctl.model.parameters import Argument, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Tell by the exit code whether an image exists.",
    description="0 when it does, 1 when it does not. Prints nothing.",
    parameters=(Argument("image", "Name, id, or the beginning of an id.", completes="image"),),
    examples=(("quiltctl image exists debian || quiltctl image import debian.tar debian", "import it only once"),),
)


def command(paths: Paths, *, image: str) -> int:
    """Return 0 or 1."""
    from quiltctl.db.connection import open_to_read, translated
    from quiltctl.runtime.lifecycle.find_image import find_image

    try:
        with translated(paths.database):
            find_image(open_to_read(paths), image)
    except NotFound:
        return 1
    return 0
