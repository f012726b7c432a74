"""From an archive, a folder or standard input to an image: all of it, or nothing.

The order: unpack into a staging folder, hashing what is read; bring it to the disk; then, under the lock of the
layers, give the folder its name and write layer, image, name and event in one transaction. Killed before the rename,
the staging folder is left under a dead process's name; killed after it, a layer without a row. ``sweep_images`` takes
both. Two imports of the same content race to the rename: the second finds the layer there and uses it.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from quiltctl import errors
from quiltctl.db import image_sources, images
from quiltctl.db import layers as layer_rows
from quiltctl.db.connection import transaction
from quiltctl.model.image import Image, ImageConfig, image_id
from quiltctl.model.image_name import complete
from quiltctl.model.value import Value
from quiltctl.runtime import layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.model.image_source import ImageSource
    from quiltctl.paths import Paths
    from quiltctl.runtime.unpack import Unpacked

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


class Imported(Value):
    """What an import made or found."""

    image: Image
    is_new: bool
    """Whether no image of this content and configuration was here before."""
    files: int
    skipped_devices: int


def import_image(
    paths: Paths,
    connection: sqlite3.Connection,
    source: str,
    *,
    name: str = "",
    config: ImageConfig | None = None,
    advance: Callable[[int], object] = int,
    remembered_as: ImageSource | None = None,
) -> Imported:
    """Import a root filesystem: the path of an archive or of a folder, or ``-`` for standard input.

    ``name`` is completed; another image that has it loses it. ``advance`` gets the number of bytes read each time
    some were. ``remembered_as`` is noted with the image, so that ``image_for_run`` finds it again.

    Raises:
        UsageError: no image can have that name.
        ImageError: the source cannot be read, is no archive, is damaged or hostile, or the disk is full.
    """
    full_name = complete(name) if name else ""
    config = config or ImageConfig()
    _check_source(paths, source)
    try:
        with layers.staged(paths) as folder:
            unpacked, digest = _unpack(source, folder, advance)
            layers.settle(folder)
            image = _describe(source, full_name, config, digest, unpacked)
            with layers.locked(paths):
                is_new = _commit(paths, connection, folder, image, unpacked, remembered_as)
    except errors.ImageError as error:
        raise errors.ImageError(f"cannot import {_shown(source)}: {error}", hint=error.hint) from error
    except OSError as error:
        raise _explained(paths, source, error) from error
    return Imported(images.get(connection, image.id) or image, is_new, unpacked.files, unpacked.skipped_devices)


def source_bytes(source: str) -> int | None:
    """Return how many bytes an import will read, or None when nobody knows: standard input, a folder, no such file."""
    try:
        found = os.stat(0 if source == "-" else source)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _check_source(paths: Paths, source: str) -> None:
    if "://" in source:
        raise errors.UsageError(
            f"{_shown(source)} is a URL, and quiltctl does not fetch archives",
            hint=f"curl -fsSL {_shown(source)} | quiltctl image import - NAME",
        )
    if source == "-" and os.isatty(0):
        raise errors.UsageError("standard input is a terminal and no archive", hint="quiltctl image import - < TAR")
    if source != "-" and os.path.isdir(source):
        real = os.path.realpath(source)
        if os.path.realpath(paths.images).startswith(f"{real.rstrip('/')}/"):
            raise errors.ImageError(
                f"cannot import {_shown(source)}: quiltctl's own root, {paths.root}, lies in it",
                hint="choose a --root outside",
            )


def _unpack(source: str, folder: str, advance: Callable[[int], object]) -> tuple[Unpacked, str]:
    """Unpack the source into an empty folder, and return what came out and the digest of the archive."""
    # Here, for `run` imports this module's neighbour on each start: hashlib alone costs 2 ms.
    from quiltctl.runtime.archive import open_archive
    from quiltctl.runtime.unpack import unpack

    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open_archive(source, advance) as archive:
            unpacked = unpack(archive, folder_fd)
            return unpacked, archive.finish()
    finally:
        os.close(folder_fd)


def _describe(source: str, name: str, config: ImageConfig, digest: str, unpacked: Unpacked) -> Image:
    from quiltctl.runtime.host import architecture

    return Image(
        id=image_id(config, architecture(), (digest,)),
        name=name,
        config=config,
        layers=(digest,),
        size_bytes=unpacked.size_bytes,
        created_at=time.time_ns(),
        architecture=architecture(),
        source=_shown(source),
    )


def _commit(
    paths: Paths,
    connection: sqlite3.Connection,
    folder: str,
    image: Image,
    unpacked: Unpacked,
    remembered_as: ImageSource | None,
) -> bool:
    """Publish the layer and write what is known of it; when that cannot be written, take the layer back."""
    (digest,) = image.layers
    is_published = layers.publish(paths, folder, digest)
    try:
        with transaction(connection):
            layer_rows.insert(connection, digest, size_bytes=unpacked.size_bytes, files=unpacked.files)
            is_new = images.insert(connection, image)
            if image.name:
                images.give_name(connection, image.name, image.id)
            if remembered_as is not None:
                image_sources.remember(connection, remembered_as, image.id)
    except BaseException:
        if is_published:
            os.rename(f"{paths.layers}/{digest}", folder)
        raise
    return is_new


def _explained(paths: Paths, source: str, error: OSError) -> errors.ImageError:
    """Say what the file system refused, and where."""
    if error.errno in _FULL:
        return errors.ImageError(
            f"cannot import {_shown(source)}: {error.strerror}", hint=f"free some space below {paths.root}"
        )
    about = error.filename if isinstance(error.filename, str) and error.filename != source else ""
    return errors.ImageError(
        f"cannot import {_shown(source)}: {f'{about}: ' if about else ''}{error.strerror or error}"
    )


def _shown(source: str) -> str:
    """Return the source as text that can be printed and stored, also when its name is not UTF-8."""
    return source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
