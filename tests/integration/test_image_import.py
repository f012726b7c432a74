"""Imports: from every kind of source to the same image, all of it or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import images, layers
from quiltctl.errors import ImageError, UsageError
from quiltctl.model.image import Image, ImageConfig
from quiltctl.runtime.lifecycle.import_image import import_image, source_bytes
from quiltctl.runtime.lifecycle.sweep_images import (
    orphan_layers,
    stale_imports,
    sweep_orphan_layers,
    sweep_stale_imports,
)

if TYPE_CHECKING:
    import sqlite3
    from types import ModuleType

    from quiltctl.paths import Paths

pytestmark = pytest.mark.needs("root", "busybox")

IMPORT = """
import sys
from quiltctl.db.connection import open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle.import_image import import_image
paths = Paths(sys.argv[1])
connection = open_to_write(paths)
print("ready", flush=True)
sys.stdin.readline()
print(import_image(paths, connection, sys.argv[2], name=sys.argv[3]).is_new)
"""


def on_disk(paths: Paths) -> tuple[list[str], list[str]]:
    """Return what lies in layers/ and, but for the lock, in images/."""
    listed = [sorted(os.listdir(place)) if os.path.isdir(place) else [] for place in (paths.layers, paths.images)]
    return listed[0], [name for name in listed[1] if name != ".lock"]


def nothing_is_left(paths: Paths, connection: sqlite3.Connection) -> bool:
    """Return whether neither disk nor database know of any image."""
    rows = (images.list_all(connection), layers.digests(connection), images.all_names(connection))
    return (on_disk(paths), rows) == (([], []), ([], [], {}))


def test_import_makes_an_image(quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path) -> None:
    """The digest is that of the archive, the layer is its content, the image has name, configuration and source."""
    config = ImageConfig(cmd=("/bin/sh",))
    read: list[int] = []
    imported = import_image(quilt_root, database, str(rootfs_tar), name="busybox:1", config=config, advance=read.append)
    digest = sha256(rootfs_tar.read_bytes()).hexdigest()
    assert imported.image == Image(
        id=imported.image.id,
        name="localhost/busybox:1",
        config=config,
        layers=(digest,),
        size_bytes=imported.image.size_bytes,
        created_at=imported.image.created_at,
        architecture=imported.image.architecture,
        source=str(rootfs_tar),
    )
    assert images.find(database, "busybox:1") == imported.image
    assert sum(read) == rootfs_tar.stat().st_size == source_bytes(str(rootfs_tar))
    assert on_disk(quilt_root) == ([digest], [])
    assert Path(quilt_root.layers, digest, "bin/sh").readlink() == Path("busybox")
    assert [os.stat(place).st_mode & 0o777 for place in (quilt_root.layers, quilt_root.images)] == [0o700, 0o700]


@pytest.mark.needs("xz", "zstd")
@pytest.mark.parametrize("compression", ["gz", "xz", "zst"])
def test_import_of_a_compressed_archive_is_the_same_image(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path, tmp_path: Path, compression: str
) -> None:
    """The layer is named by what is inside, whatever it was packed with and is called."""
    program = {"gz": "gzip", "xz": "xz", "zst": "zstd"}[compression]
    packed = tmp_path / "archive.bin"
    with packed.open("wb") as out:
        subprocess.run([program, "-q", "-c", rootfs_tar], check=True, stdout=out)
    plain = import_image(quilt_root, database, str(rootfs_tar))
    again = import_image(quilt_root, database, str(packed))
    assert (plain.is_new, again.is_new) == (True, False)
    assert again.image == plain.image
    assert len(on_disk(quilt_root)[0]) == 1


def test_import_of_a_folder_depends_on_its_content_alone(
    quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path
) -> None:
    """The same folder twice, and a true copy of it, are one image; a changed file, mode or time makes another."""
    tree = rootfs.busybox_tree(tmp_path / "tree")
    os.link(tree / "bin/busybox", tree / "bin/same")
    (tree / os.fsdecode(b"\xffname")).write_bytes(b"x")
    os.mkfifo(tree / "pipe")
    ids = [import_image(quilt_root, database, str(tree)).image.id for _ in range(2)]
    subprocess.run(["cp", "-a", tree, tmp_path / "copy"], check=True)
    ids.append(import_image(quilt_root, database, str(tmp_path / "copy")).image.id)
    for change in (
        lambda: (tree / "etc/passwd").write_bytes(b"changed"),
        lambda: (tree / "etc").chmod(0o700),
        lambda: os.utime(tree / "etc/group", (1, 1)),
        lambda: os.chown(tree / "bin/sh", 1, 1, follow_symlinks=False),
    ):
        change()
        ids.append(import_image(quilt_root, database, str(tree)).image.id)
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 5


def test_import_of_a_folder_is_the_folder(
    quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path
) -> None:
    """Rsync's judgement: nothing differs, neither content nor owner, mode, time, links or attributes."""
    tree = rootfs.busybox_tree(tmp_path / "tree")
    os.link(tree / "bin/busybox", tree / "usr/bin/same")
    (tree / ("n" * 200)).write_bytes(b"long")
    (tree / "setuid").write_bytes(b"s")
    os.chown(tree / "setuid", 1000, 2000)
    (tree / "setuid").chmod(0o6711)
    os.setxattr(tree / "setuid", "user.k", b"v")
    os.utime(tree / "setuid", ns=(5, 1234567890123456789))
    (tree / "dangling").symlink_to("/no/where")
    image = import_image(quilt_root, database, str(tree)).image
    layer = Path(quilt_root.layers, image.layers[0])

    def listing(folder: Path) -> str:
        command = ["find", ".", "-printf", "%P %y %m %U %G %n %T@ %l\n"]
        return "\n".join(
            sorted(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split("\n"))
        )

    assert listing(layer) == listing(tree)
    assert subprocess.run(["diff", "-r", "--no-dereference", tree, layer], check=False).returncode == 0
    assert os.getxattr(layer / "setuid", "user.k") == b"v"
    assert (layer / "bin/busybox").samefile(layer / "usr/bin/same")


def test_import_of_a_folder_leaves_out_what_is_mounted_in_it(
    quilt_root: Paths, rootfs: ModuleType, tmp_path: Path
) -> None:
    """A /proc or another mount below the folder, as debootstrap may leave, comes as an empty folder."""
    tree = rootfs.busybox_tree(tmp_path / "tree")
    mounts = f"mount -t tmpfs none {tree}/proc; touch {tree}/proc/inside; mount --bind /usr/share {tree}/sys"
    script = f"{mounts}; exec $0 -c '{IMPORT}' $@"
    command = ["unshare", "-m", "sh", "-c", script, sys.executable, quilt_root.root, str(tree), "x"]
    done = subprocess.run(command, input="\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ready\nTrue\n"), done.stderr
    (layer,) = Path(quilt_root.layers).iterdir()
    assert [os.listdir(layer / name) for name in ("proc", "sys")] == [[], []]


def test_import_reads_standard_input(quilt_root: Paths, rootfs_tar: Path) -> None:
    """A dash is what is piped in, and a pipe has no size."""
    with rootfs_tar.open("rb") as stdin:
        code = f"import os; os.dup2({stdin.fileno()}, 0)\n" + IMPORT.replace("sys.stdin.readline()", "")
        command = [sys.executable, "-c", code, quilt_root.root, "-", "x"]
        done = subprocess.run(command, pass_fds=[stdin.fileno()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ready\nTrue\n"), done.stderr
    assert on_disk(quilt_root)[0] == [sha256(rootfs_tar.read_bytes()).hexdigest()]


@pytest.mark.parametrize("end", [0.0, 0.3, 0.97])
@pytest.mark.parametrize("compression", ["", "gz"])
def test_import_of_a_truncated_archive_leaves_nothing(
    quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path, compression: str, end: float
) -> None:
    """However much of it is there."""
    whole = rootfs.busybox_tar(tmp_path / "archive.tar", compression)
    # The last 10 KiB of a plain archive are only padding.
    os.truncate(whole, int((whole.stat().st_size - 10240 * (not compression)) * end))
    with pytest.raises(ImageError, match=r"cannot import .*archive\.tar: "):
        import_image(quilt_root, database, str(whole), name="x")
    assert nothing_is_left(quilt_root, database)


def test_import_that_fails_at_its_last_member_leaves_nothing(
    quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path
) -> None:
    """Folders of any mode that were unpacked already go, also with a name that was to be taken over."""
    source = tmp_path / "archive.tar"
    source.write_bytes(
        rootfs.archive_of(
            *({"name": "d/" * n, "type": tarfile.DIRTYPE, "mode": 0} for n in range(1, 300)), {"name": "../out"}
        )
    )
    with pytest.raises(ImageError, match="leads out of the root filesystem"):
        import_image(quilt_root, database, str(source), name="x")
    assert nothing_is_left(quilt_root, database)


@pytest.mark.parametrize("source", ["missing.tar", "missing/folder", "file/below", "\udcff.tar"])
def test_import_of_what_is_not_there_is_an_image_error(
    quilt_root: Paths, database: sqlite3.Connection, tmp_path: Path, source: str
) -> None:
    """The sentence has the path as it was given."""
    (tmp_path / "file").write_bytes(b"")
    shown = source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    with pytest.raises(ImageError) as caught:
        import_image(quilt_root, database, f"{tmp_path}/{source}")
    assert str(caught.value).startswith(f"cannot import {tmp_path}/{shown}: ")


def test_import_refuses_its_own_root(quilt_root: Paths, database: sqlite3.Connection) -> None:
    """A folder that holds the root of quiltctl would be copied into itself."""
    with pytest.raises(ImageError, match="lies in it"):
        import_image(quilt_root, database, os.path.dirname(quilt_root.root))


def test_import_refuses_addresses_and_bad_names(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path
) -> None:
    """Before anything is read, with the way out."""
    for source, name in (("https://example.org/a.tar", "x"), (str(rootfs_tar), "Bad Name")):
        with pytest.raises(UsageError) as caught:
            import_image(quilt_root, database, source, name=name)
        assert caught.value.hint
    assert nothing_is_left(quilt_root, database)


def test_import_of_other_content_takes_the_name_over(
    quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, rootfs_tar: Path, tmp_path: Path
) -> None:
    """The image that had it stays, without a name."""
    other = tmp_path / "other.tar"
    other.write_bytes(rootfs.archive_of({"name": "file"}))
    first = import_image(quilt_root, database, str(rootfs_tar), name="app").image
    second = import_image(quilt_root, database, str(other), name="app").image
    assert images.all_names(database) == {second.id: ["localhost/app:latest"]}
    assert {image.id for image in images.list_all(database)} == {first.id, second.id}


def start_import(paths: Paths, source: Path, name: str) -> subprocess.Popen[str]:
    """Start a process that is ready to import, and does when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT, paths.root, str(source), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_imports_of_the_same_content_at_once_all_succeed(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path
) -> None:
    """There is one layer and one image with all the names, and exactly one import made it."""
    processes = [start_import(quilt_root, rootfs_tar, f"name{n}") for n in range(6)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    made = sorted(process.communicate()[0] for process in processes)
    assert made == ["False\n"] * 5 + ["True\n"]
    (image,) = images.list_all(database)
    assert images.names_of(database, image.id) != []
    assert sorted(images.names_of(database, image.id)) == [f"localhost/name{n}:latest" for n in range(6)]
    assert on_disk(quilt_root) == ([image.layers[0]], [])


@pytest.mark.parametrize("delay_ms", [5, 20, 40, 60, 80, 100, 130])
def test_import_that_was_killed_is_whole_or_swept(
    quilt_root: Paths, database: sqlite3.Connection, rootfs: ModuleType, tmp_path: Path, delay_ms: int
) -> None:
    """Killed at any moment: no half image, what is left is recognised, swept, and the next import succeeds."""
    source = tmp_path / "archive.tar"
    source.write_bytes(rootfs.archive_of(*({"name": f"d{n % 50}/f{n}", "content": b"x" * 3000} for n in range(1500))))
    process = start_import(quilt_root, source, "app")
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    time.sleep(delay_ms / 1000)
    process.kill()
    process.communicate()
    stale = stale_imports(quilt_root)
    assert sweep_stale_imports(quilt_root) == stale
    orphans = sweep_orphan_layers(quilt_root, database)
    assert orphans.without_folder == ()
    assert (stale_imports(quilt_root), orphan_layers(quilt_root, database).without_row) == ([], ())
    rows = images.list_all(database)
    assert on_disk(quilt_root) == ([image.layers[0] for image in rows], [])
    image = import_image(quilt_root, database, str(source), name="app").image
    assert len(list(Path(quilt_root.layers, image.layers[0]).rglob("f*"))) == 1500


@pytest.mark.parametrize(
    ("step", "is_there"),
    [
        ("before import_image._unpack", False),
        ("after import_image._unpack", False),
        ("before layers.publish", False),
        ("after layers.publish", False),
        ("before images.insert", False),
        ("after image_sources.remember", False),
        ("after import_image._commit", True),
    ],
)
def test_import_that_was_killed_at_a_step_is_whole_or_swept(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path, step: str, *, is_there: bool
) -> None:
    """Killed before or after each step that leaves a trace: what is left is recognised, swept, and in nobody's way."""
    when, _, place = step.partition(" ")
    killing = f"""
import os
from quiltctl.db import image_sources, images
from quiltctl.model.image_source import ImageSource
from quiltctl.runtime import layers
from quiltctl.runtime.lifecycle import import_image
def die(*given, **named):
    if "{when}" == "after":
        whole(*given, **named)
    os.kill(os.getpid(), 9)
whole = {place}
{place} = die
run = import_image.import_image
"""
    code = killing + IMPORT.replace("print(import_image(", "print(run(").replace(
        "name=sys.argv[3])", "name=sys.argv[3], remembered_as=ImageSource('/x', 1, 1, 1, 1))"
    )
    command = [sys.executable, "-c", code, quilt_root.root, str(rootfs_tar), "app"]
    done = subprocess.run(command, input="\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-9, "ready\n"), done.stderr
    left = on_disk(quilt_root)
    swept = (sweep_stale_imports(quilt_root), sweep_orphan_layers(quilt_root, database).without_row)
    assert len(swept[0]) + len(swept[1]) == len(left[0]) + len(left[1]) - is_there
    assert nothing_is_left(quilt_root, database) != is_there
    image = import_image(quilt_root, database, str(rootfs_tar), name="app").image
    assert on_disk(quilt_root) == ([image.layers[0]], [])


def test_sweep_leaves_imports_of_living_processes_alone(
    quilt_root: Paths, database: sqlite3.Connection, tmp_path: Path
) -> None:
    """Gc at any time does not take the folder from under an import."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = start_import(quilt_root, pipe, "app")
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    with pipe.open("wb") as writer:
        assert len(on_disk(quilt_root)[1]) == 1
        assert sweep_stale_imports(quilt_root) == []
        assert len(on_disk(quilt_root)[1]) == 1
        writer.write(bytes(1024))
    assert process.communicate()[0] == "True\n"
    assert len(images.list_all(database)) == 1


def test_sweep_finds_layers_that_are_on_one_side_only(
    quilt_root: Paths, database: sqlite3.Connection, rootfs_tar: Path
) -> None:
    """A folder without a row goes; a row without a folder is told and stays, for its image is the user's."""
    image = import_image(quilt_root, database, str(rootfs_tar)).image
    os.rename(f"{quilt_root.layers}/{image.layers[0]}", f"{quilt_root.layers}/{'e' * 64}")
    found = sweep_orphan_layers(quilt_root, database)
    assert (found.without_row, found.without_folder) == (("e" * 64,), image.layers)
    assert on_disk(quilt_root) == ([], [])
    assert images.list_all(database) == [image]


def test_sweep_of_a_root_that_does_not_exist_does_nothing(quilt_root: Paths, database: sqlite3.Connection) -> None:
    """Gc before the first import makes no folders."""
    shutil.rmtree(quilt_root.root)
    assert sweep_stale_imports(quilt_root) == []
    assert orphan_layers(quilt_root, database).without_row == ()
    assert not os.path.exists(quilt_root.root)
