"""The image that `run` and `create` were given, imported first where it is the path of an archive."""

from __future__ import annotations

from quiltctl.runtime.lifecycle.find_image import find_image, image_for_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.model.image import Image
    from quiltctl.paths import Paths


def image_with_progress(paths: Paths, connection: sqlite3.Connection, word: str, *, quiet: bool) -> Image:
    """Return the image for a name, an id or a path; a first import shows its progress on a terminal."""
    if not word.startswith(("/", "./", "../")):
        return find_image(connection, word)
    if quiet:
        return image_for_run(paths, connection, word)
    from contextlib import ExitStack

    with ExitStack() as stack:
        shown: list[Callable[[int], object]] = []

        def advance(count: int) -> object:
            if not shown:  # an image that is found again never comes here, and pays for no progress bar
                from quiltctl.ui.progress import progress

                shown.append(stack.enter_context(progress(f"Importing {word}", None)))
            return shown[0](count)

        return image_for_run(paths, connection, word, advance=advance)
