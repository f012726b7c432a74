"""Taking a name from an image, or the image away: rows in one transaction, folders after it.

A layer that no image has any more is moved out of its place while the lock of the layers is held, and removed when it
is not. Killed between the two, its folder waits in ``images/`` for ``sweep_images``.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers, images
from quiltctl.db import layers as layer_rows
from quiltctl.db.connection import transaction
from quiltctl.model.image_name import completed
from quiltctl.model.value import Value
from quiltctl.runtime import layers
from quiltctl.runtime.tree import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from quiltctl.db.containers import Container
    from quiltctl.model.image import Image
    from quiltctl.paths import Paths

_MISSING = 1
_IN_USE = 2


class RemovedImage(Value):
    """What `rmi` did."""

    id: str
    untagged: tuple[str, ...]
    deleted: bool
    freed_bytes: int = 0


def remove_image(
    paths: Paths,
    connection: sqlite3.Connection,
    reference: str,
    *,
    force: bool = False,
    remove_containers: bool = False,
) -> RemovedImage:
    """Take the name that was given; with its last name, or given by its id, the image goes.

    ``remove_containers`` first removes the containers of it, unless one of them lives.

    Raises:
        NotFound: there is no such image (exit code 1).
        Conflict: it was given by its id and has several names; ``force`` takes them all.
        WrongState: a container is of it (exit code 2).
    """
    if remove_containers:
        _remove_users(paths, connection, reference)
    with layers.locked(paths):
        with transaction(connection):
            image = _find(connection, reference)
            names = images.names_of(connection, image.id)
            # find() takes a name before an id, so what is a name of the image was given as one.
            if len(names) > 1 and completed(reference) in names:
                images.take_name(connection, image.name)
                return RemovedImage(image.id, (image.name,), deleted=False)
            if len(names) > 1 and not force:
                raise errors.Conflict(
                    f"cannot remove image {image.id[:12]} by its id: it has the names {', '.join(names)}",
                    hint="remove one name, or all with --force",
                )
            _check_unused(connection, image, reference)
            removed, gone = _delete(connection, image, names)
        retired = layers.retire(paths, gone)
    for folder in retired:
        remove_tree(folder)
    return removed


def remove_unused(paths: Paths, connection: sqlite3.Connection, image_id: str) -> RemovedImage | None:
    """Remove an image with all its names, or return None when it is gone or a container is of it by now."""
    with layers.locked(paths):
        with transaction(connection):
            image = images.get(connection, image_id)
            if image is None or _users(connection, image_id):
                return None
            removed, gone = _delete(connection, image, images.names_of(connection, image_id))
        retired = layers.retire(paths, gone)
    for folder in retired:
        remove_tree(folder)
    return removed


def _find(connection: sqlite3.Connection, reference: str) -> Image:
    try:
        return images.find(connection, reference)
    except errors.NotFound as error:
        error.exit_code = _MISSING
        raise


def _users(connection: sqlite3.Connection, image_id: str) -> list[Container]:
    return [container for container in containers.list_all(connection) if container.image_id == image_id]


def _remove_users(paths: Paths, connection: sqlite3.Connection, reference: str) -> None:
    """Remove the containers of an image when none of them lives, and the image goes with this name."""
    from quiltctl.runtime.lifecycle import reap
    from quiltctl.runtime.lifecycle.remove import remove

    image = _find(connection, reference)
    if completed(reference) in (names := images.names_of(connection, image.id)) and len(names) > 1:
        return
    found = [reap.reap(paths, connection, one) for one in _users(connection, image.id)]
    users = [container for container in found if container is not None]
    if not any(container.state in containers.LIVE for container in users):
        remove(paths, connection, users, force=False)


def _check_unused(connection: sqlite3.Connection, image: Image, reference: str) -> None:
    users = _users(connection, image.id)
    if not users:
        return
    names = [user.name for user in users]
    are_ended = not any(user.state in containers.LIVE for user in users)
    error = errors.WrongState(
        f'cannot remove image "{reference}": {"container" if len(names) == 1 else "containers"}'
        f" {', '.join(names)} {'is' if len(names) == 1 else 'are'} of it",
        hint=f"remove first: quiltctl rm {'' if are_ended else '-f '}{' '.join(names)}",
    )
    error.exit_code = _IN_USE
    raise error


def _delete(connection: sqlite3.Connection, image: Image, names: list[str]) -> tuple[RemovedImage, list[str]]:
    """Delete the image's rows, and return what that is for the user and the digests of the layers that went with it."""
    images.delete(connection, image.id)
    unused = layer_rows.delete_unused(connection)
    freed_bytes = sum(layer.size_bytes for layer in unused)
    return RemovedImage(image.id, tuple(names), True, freed_bytes), [layer.digest for layer in unused]
