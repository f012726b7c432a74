"""Images in the database: found by name and id, named, listed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.db import image_sources, images, layers
from quiltctl.db.connection import transaction
from quiltctl.errors import Ambiguous, NotFound
from quiltctl.model.image import Image, ImageConfig
from quiltctl.model.image_source import ImageSource

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

LOWER, UPPER = "1" * 64, "2" * 64
SEEN = ImageSource("/srv/a.tar", 10, 20, 30, 40)


def make(connection: sqlite3.Connection, image_id: str, *names: str, stack: tuple[str, ...] = (LOWER,)) -> Image:
    """Add an image, the later one newer, and return it as it was added."""
    image = Image(
        id=image_id,
        name=names[0] if names else "",
        config=ImageConfig(env=("A=\udc80",), labels={"k": "v"}),
        layers=stack,
        size_bytes=7,
        created_at=1_000 + len(images.list_all(connection)),
        architecture="amd64",
        source="a.tar",
    )
    with transaction(connection):
        for digest in stack:
            layers.insert(connection, digest, size_bytes=7, files=1)
        images.insert(connection, image)
        for name in names:
            images.give_name(connection, name, image_id)
    return image


@pytest.mark.parametrize(
    "reference",
    ["app", "app:latest", "localhost/app", "localhost/app:latest", "ab" * 32, "sha256:" + "ab" * 32, "ab", "sha256:a"],
)
def test_image_is_found_by_name_and_by_id(connection: sqlite3.Connection, reference: str) -> None:
    """Short and complete names, whole ids and their beginnings lead to the image, with its layers in order."""
    image = make(connection, "ab" * 32, "localhost/app:latest", stack=(UPPER, LOWER))
    make(connection, "cd" * 32, "localhost/other:latest")
    assert images.find(connection, reference) == image


def test_image_name_wins_over_the_beginning_of_an_id(connection: sqlite3.Connection) -> None:
    """An image named like another one's id is the one that is meant; with sha256: the id is."""
    make(connection, "ab" * 32)
    named = make(connection, "cd" * 32, "localhost/ab:latest")
    found = [images.find(connection, reference).id for reference in ("ab", "sha256:ab")]
    assert found == [named.id, "ab" * 32]


@pytest.mark.parametrize("reference", ["", "sha256:", "nope", "f", "ABAB", "a b", "\udc80", "a" * 65, "%", "a_"])
def test_image_that_does_not_exist_is_not_found(connection: sqlite3.Connection, reference: str) -> None:
    """Words that fit nothing, also those no name or id can be, say so and where images come from."""
    make(connection, "ab" * 32, "localhost/app:latest")
    with pytest.raises(NotFound, match="no such image") as caught:
        images.find(connection, reference)
    assert caught.value.hint is not None


def test_image_id_that_fits_several_is_ambiguous(connection: sqlite3.Connection) -> None:
    """The error lists the images that begin so."""
    make(connection, "ab" * 32, "localhost/app:latest")
    make(connection, "ac" * 32)
    with pytest.raises(Ambiguous) as caught:
        images.find(connection, "a")
    assert caught.value.matches == ("abababababab (localhost/app:latest)", "acacacacacac (no name)")


def test_image_name_moves_to_the_image_that_gets_it(connection: sqlite3.Connection) -> None:
    """As with docker's tags, the image that had the name stays, without it; each step is an event."""
    old = make(connection, "ab" * 32, "localhost/app:latest")
    new = make(connection, "cd" * 32, "localhost/app:latest")
    with transaction(connection):
        images.give_name(connection, "localhost/app:latest", new.id)
    assert images.all_names(connection) == {new.id: ["localhost/app:latest"]}
    assert images.names_of(connection, old.id) == []
    events = connection.execute("SELECT action, object_id, name FROM events ORDER BY seq").fetchall()
    assert [tuple(event) for event in events] == [
        ("import", old.id, "localhost/app:latest"),
        ("tag", old.id, "localhost/app:latest"),
        ("import", new.id, "localhost/app:latest"),
        ("untag", old.id, "localhost/app:latest"),
        ("tag", new.id, "localhost/app:latest"),
    ]


def test_image_that_is_there_is_not_added_again(connection: sqlite3.Connection) -> None:
    """Equal ids are equal images: the second insert changes nothing and says so."""
    image = make(connection, "ab" * 32, "localhost/app:latest")
    with transaction(connection):
        assert not images.insert(connection, image)
    assert images.list_all(connection) == [image]


def test_images_are_listed_newest_first(connection: sqlite3.Connection) -> None:
    """The list has every image once, however many names it has."""
    first = make(connection, "ab" * 32, "localhost/app:latest", "localhost/app:1")
    second = make(connection, "cd" * 32)
    assert images.list_all(connection) == [second, first]


def test_image_takes_its_names_and_sources_with_it(connection: sqlite3.Connection) -> None:
    """After the delete nothing speaks of it, and the layers that it alone had are the unused ones."""
    make(connection, "ab" * 32, "localhost/app:latest", stack=(LOWER, UPPER))
    kept = make(connection, "cd" * 32, "localhost/other:latest", stack=(LOWER,))
    with transaction(connection):
        image_sources.remember(connection, SEEN, "ab" * 32)
        images.delete(connection, "ab" * 32)
        unused = layers.delete_unused(connection)
    assert [layer.digest for layer in unused] == [UPPER]
    assert layers.digests(connection) == [LOWER]
    assert image_sources.image_of(connection, SEEN) is None
    assert images.all_names(connection) == {kept.id: ["localhost/other:latest"]}
    assert images.get(connection, "ab" * 32) is None


def test_image_of_a_container_cannot_be_deleted(connection: sqlite3.Connection, add: Callable[..., str]) -> None:
    """The database itself refuses, whoever asks."""
    import sqlite3

    make(connection, "ab" * 32)
    add(1, image_id="ab" * 32)
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        images.delete(connection, "ab" * 32)


def test_image_source_is_known_only_while_nothing_of_it_changed(connection: sqlite3.Connection) -> None:
    """One other field, and it is another state of the path; the last one remembered counts."""
    make(connection, "ab" * 32)
    with transaction(connection):
        image_sources.remember(connection, ImageSource("/srv/a.tar", 0, 0, 0, 0), "ab" * 32)
        image_sources.remember(connection, SEEN, "ab" * 32)
    changed = [ImageSource(**{**SEEN.to_dict(), field: 0}) for field in ("size_bytes", "mtime_ns", "inode", "device")]
    assert image_sources.image_of(connection, SEEN) == "ab" * 32
    assert [image_sources.image_of(connection, one) for one in changed] == [None] * 4


def test_layer_is_kept_as_it_was_first(connection: sqlite3.Connection) -> None:
    """The same digest is the same content: a second insert changes nothing."""
    with transaction(connection):
        layers.insert(connection, LOWER, size_bytes=1, files=2)
        layers.insert(connection, LOWER, size_bytes=3, files=4)
    layer = layers.get(connection, LOWER)
    assert layer is not None
    assert (layer.size_bytes, layer.files) == (1, 2)
    assert layers.get(connection, UPPER) is None
