"""Removing images: names first, then the image, then the layers that nothing has any more."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import containers, images, layers
from quiltctl.db.connection import transaction
from quiltctl.errors import Conflict, NotFound, UsageError, WrongState
from quiltctl.model.image import ImageConfig
from quiltctl.runtime.lifecycle.import_image import import_image
from quiltctl.runtime.lifecycle.prune_images import prune_images
from quiltctl.runtime.lifecycle.remove_image import RemovedImage, remove_image
from quiltctl.runtime.lifecycle.sweep_images import orphan_layers, sweep_stale_imports
from quiltctl.runtime.lifecycle.tag_image import tag_image

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from quiltctl.model.image import Image
    from quiltctl.paths import Paths

pytestmark = pytest.mark.needs("root")

KILLED = """
import os, sys
from quiltctl.db.connection import open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime import layers
from quiltctl.runtime.lifecycle import remove_image
def die(*given, **named):
    if sys.argv[4] == "after":
        whole(*given, **named)
    os.kill(os.getpid(), 9)
whole = layers.retire
layers.retire = die
remove_image.remove_image(Paths(sys.argv[1]), open_to_write(Paths(sys.argv[1])), sys.argv[2])
"""


@pytest.fixture
def bring(quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path) -> Callable[..., Image]:
    """Give a function that imports an archive of this content and comment under a name."""

    def import_it(name: str, content: bytes = b"", comment: str = "") -> Image:
        source = tmp_path / "source.tar"
        source.write_bytes(rootfs.archive_of({"name": "file", "content": content}))
        config = ImageConfig(comment=comment)
        return import_image(quilt_root, database, str(source), name=name, config=config).image

    return import_it


def use(connection: sqlite3.Connection, image: Image, name: str = "user") -> None:
    """Add a container that is of the image."""
    with transaction(connection):
        containers.insert(
            connection,
            container_id=name.encode().hex().ljust(64, "0"),
            name=name,
            image_id=image.id,
            image_name=image.name,
            command='["true"]',
            config="{}",
            auto_remove=False,
            labels={},
        )


def folders(paths: Paths) -> list[list[str]]:
    """Return what lies in layers/ and, but for the lock, in images/."""
    return [sorted(os.listdir(paths.layers)), [name for name in os.listdir(paths.images) if name != ".lock"]]


def test_image_goes_with_its_last_name(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image]
) -> None:
    """Earlier names are only taken away; with the last the layer goes too, and its size is what was freed."""
    image = bring("app", b"12345")
    tag_image(database, "app", ["other:2"])
    removed = [remove_image(quilt_root, database, name) for name in ("app", "other:2")]
    assert removed == [
        RemovedImage(image.id, ("localhost/app:latest",), deleted=False),
        RemovedImage(image.id, ("localhost/other:2",), deleted=True, freed_bytes=5),
    ]
    assert (images.list_all(database), layers.digests(database), folders(quilt_root)) == ([], [], [[], []])


def test_image_layer_stays_while_another_image_has_it(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image]
) -> None:
    """Two images over one layer: the first to go frees nothing."""
    first, second = bring("one", b"x"), bring("two", b"x", comment="another")
    assert first.layers == second.layers
    assert remove_image(quilt_root, database, "one").freed_bytes == 0
    assert folders(quilt_root) == [[*second.layers], []]


def test_image_with_several_names_is_not_removed_by_its_id(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image]
) -> None:
    """The error lists the names; force takes them all."""
    image = bring("app")
    tag_image(database, "app", ["other"])
    with pytest.raises(Conflict, match="localhost/app:latest, localhost/other:latest"):
        remove_image(quilt_root, database, image.id)
    removed = remove_image(quilt_root, database, image.id[:8], force=True)
    assert removed == RemovedImage(image.id, ("localhost/app:latest", "localhost/other:latest"), deleted=True)


def test_image_that_does_not_exist_ends_with_1(quilt_root: Paths, database: sqlite3.Connection) -> None:
    """As podman's rmi."""
    with pytest.raises(NotFound) as caught:
        remove_image(quilt_root, database, "nope")
    assert caught.value.exit_code == 1


def test_image_of_a_container_stays(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image]
) -> None:
    """The error ends with 2 and names the containers; a name among several can go all the same."""
    image = bring("app")
    tag_image(database, "app", ["other"])
    use(database, image)
    assert not remove_image(quilt_root, database, "other").deleted
    with pytest.raises(WrongState) as caught:
        remove_image(quilt_root, database, "app", force=True)
    assert (caught.value.exit_code, str(caught.value), caught.value.hint) == (
        2,
        'cannot remove image "app": container user is of it',
        "remove first: quiltctl rm user",
    )
    assert folders(quilt_root) == [[*image.layers], []]


def test_image_takes_its_ended_containers_with_it_when_told(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image]
) -> None:
    """Those that do not run go first; others' containers stay."""
    image, other = bring("app"), bring("other", b"x")
    use(database, image)
    use(database, other, "stays")
    assert remove_image(quilt_root, database, "app", remove_containers=True).deleted
    assert [container.name for container in containers.list_all(database)] == ["stays"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_image_removal_that_was_killed_is_finished_by_the_sweep(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image], when: str
) -> None:
    """The rows went first, so nothing speaks of the folder that is left, wherever it is."""
    image = bring("app", b"x")
    command = [sys.executable, "-c", KILLED, quilt_root.root, "app", "x", when]
    assert subprocess.run(command, check=False).returncode == -9
    assert images.list_all(database) == []
    stale = sweep_stale_imports(quilt_root)
    orphans = orphan_layers(quilt_root, database)
    assert (len(stale), orphans.without_row) == ((0, image.layers) if when == "before" else (1, ()))
    assert bring("app", b"x") == images.find(database, "app")
    assert folders(quilt_root) == [[*image.layers], []]


def test_prune_takes_images_without_names_that_nobody_uses(
    quilt_root: Paths, database: sqlite3.Connection, bring: Callable[..., Image]
) -> None:
    """Newest first; what has a name, is used or is not wanted stays, until all are asked for."""
    named = bring("named", b"1")
    unnamed = [bring("", content) for content in (b"2", b"3", b"4", b"5")]
    used, unwanted = unnamed[0], unnamed[1]
    use(database, used)
    removed = prune_images(quilt_root, database, wanted=lambda image: image.id != unwanted.id)
    rest = prune_images(quilt_root, database, all=True)
    assert [one.id for one in removed] == [unnamed[3].id, unnamed[2].id]
    assert [one.id for one in rest] == [unwanted.id, named.id]
    assert [image.id for image in images.list_all(database)] == [used.id]
    assert folders(quilt_root) == [[*used.layers], []]


def test_tag_gives_all_names_or_none(database: sqlite3.Connection, bring: Callable[..., Image]) -> None:
    """A bad name among good ones, or no such image, changes nothing."""
    image = bring("app")
    with pytest.raises(UsageError):
        tag_image(database, "app", ["good", "Bad Name"])
    with pytest.raises(NotFound):
        tag_image(database, "nope", ["good"])
    assert images.names_of(database, image.id) == ["localhost/app:latest"]
    assert tag_image(database, image.id, ["b", "host.example/c:1"]) == ["localhost/b:latest", "host.example/c:1"]
    assert len(images.names_of(database, image.id)) == 3
