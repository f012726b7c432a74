"""Which image a word of the command line means. On the way of every `run`: nothing heavy is imported unless needed."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.model.image import Image
    from quiltctl.model.image_source import ImageSource
    from quiltctl.paths import Paths

_PATH_BEGINS = ("/", "./", "../")


def find_image(connection: sqlite3.Connection, reference: str) -> Image:
    """Return the image of this name, id or beginning of an id; a name wins.

    Raises:
        NotFound: nothing fits; the hint says where images come from.
        Ambiguous: several ids begin so.
    """
    return images.find(connection, reference)


def image_for_run(
    paths: Paths, connection: sqlite3.Connection, word: str, *, advance: Callable[[int], object] = int
) -> Image:
    """Return the image that `run` shall start: by name or id, or by the path of an archive or folder.

    Only a word that begins with ``/``, ``./`` or ``../`` is a path. What is there is imported the first time, under the
    name of the file (another image of that name loses it), and found again, without reading it, for as long as
    stat(2) says that it did not change.

    Raises:
        NotFound: no image, and nothing at the path.
        ImageError: what is at the path cannot be imported.
    """
    if not word.startswith(_PATH_BEGINS):
        return find_image(connection, word)
    from quiltctl.db import image_sources
    from quiltctl.runtime.fingerprint import fingerprint

    try:
        seen = fingerprint(word)
    except (FileNotFoundError, NotADirectoryError):
        raise errors.NotFound("image", word, hint="there is no archive and no folder at this path") from None
    except OSError as error:
        raise errors.ImageError(f"cannot import {word}: {error.strerror}") from error
    image_id = image_sources.image_of(connection, seen)
    image = images.get(connection, image_id) if image_id is not None else None
    return image or _import(paths, connection, word, seen, advance)


def _import(
    paths: Paths,
    connection: sqlite3.Connection,
    word: str,
    seen: ImageSource,
    advance: Callable[[int], object],
) -> Image:
    from quiltctl.model.image_name import name_from_path
    from quiltctl.runtime.lifecycle.import_image import import_image

    return import_image(
        paths, connection, word, name=name_from_path(seen.path), advance=advance, remembered_as=seen
    ).image
