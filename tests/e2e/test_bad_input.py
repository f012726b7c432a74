"""Whatever a user can get wrong is one line with the right code, and leaves nothing half-made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, str, list[str]]:
    """Return code, output and the lines of errors, of which there are one or two: the sentence and its hint."""
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert [line.partition(":")[0] for line in lines] in (["Error"], ["Error", "hint"])
    return done.returncode, done.stdout, lines


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("run", *NONE, "nope", "true"), 125, 'Error: no such image: "nope"'),
        (("run", *NONE, "/nope.tar", "true"), 125, 'Error: no such image: "/nope.tar"'),
        (("run", *NONE, "--name", "a/b", "box", "true"), 125, "Error: 'a/b' cannot be the name of a container"),
        (("frobnicate",), 125, "Error: "),
        (("ps", "--frob"), 125, "Error: "),
        (("inspect", "nope"), 125, 'Error: no such object: "nope"'),
        (("logs", "nope"), 125, 'Error: no such container: "nope"'),
        (("kill", "-s", "NOPE", "x"), 125, 'Error: invalid signal "NOPE"'),
        (("exec", "nope", "true"), 125, 'Error: no such container: "nope"'),
        (("rm", "nope"), 1, 'Error: no such container: "nope"'),
        (("rmi", "nope"), 1, 'Error: no such image: "nope"'),
        (("start", "nope"), 125, 'Error: no such container: "nope"'),
        (("wait", "nope"), 125, 'Error: no such container: "nope"'),
        (("rename", "nope", "x"), 125, 'Error: no such container: "nope"'),
        (("stop",), 125, "Error: no container was named"),
        (("gc", "--exited-older-than", "soon"), 125, "Error: "),
        (("system", "sql", "DELETE FROM containers"), 125, "Error: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_mistake_is_one_line_with_its_code(quilt: Quilt, words: tuple[str, ...], code: int, sentence: str) -> None:
    """The sentence names the thing in the user's own spelling."""
    got, out, lines = said(quilt(*words))
    assert (got, lines[0].startswith(sentence)) == (code, True), lines
    assert out in {"", "[]\n"}


def test_mistake_with_json_is_json(quilt: Quilt) -> None:
    """A verb that was asked for JSON tells its error so, with a stable code."""
    done = quilt("inspect", "--format", "json", "nope")
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["message"], sorted(error)) == (
        "not_found",
        'no such object: "nope"',
        ["code", "hint", "message"],
    )


def truncated(path: Path, whole: Path) -> None:
    """Write an archive that ends too early."""
    path.write_bytes(whole.read_bytes()[:100_000])


def garbage(path: Path, _: Path) -> None:
    """Write something that is no archive."""
    path.write_bytes(os.urandom(5000))


def climbing(path: Path, _: Path) -> None:
    """Write an archive with a name that leads out."""
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("../../../../../../tmp/quilt-was-here"))


def through_a_link(path: Path, _: Path) -> None:
    """Write an archive with a link out, and a file through it."""
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../../../../../../tmp"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("out/quilt-was-here"))


def beyond_the_range(path: Path, _: Path) -> None:
    """Write an archive whose files have an owner that no container can have."""
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("f")
        member.uid = 70000
        archive.addfile(member)


@pytest.mark.parametrize("spoil", [truncated, garbage, climbing, through_a_link, beyond_the_range])
def test_bad_archive_is_refused_and_leaves_nothing(
    quilt: Quilt, rootfs_tar: Path, tmp_path: Path, spoil: Callable[[Path, Path], None]
) -> None:
    """125, no image, no layer, no staging folder, and no file outside."""
    archive = tmp_path / "bad.tar"
    spoil(archive, rootfs_tar)
    before = [row["id"] for row in quilt.sql("SELECT id FROM images")]
    code, out, _ = said(quilt("image", "import", archive, "bad"))
    left = [row["id"] for row in quilt.sql("SELECT id FROM images")]
    layers = [path.name for path in (quilt.root / "layers").iterdir() if path.is_dir()]
    assert (code, out, left) == (125, "", before)
    assert len(layers) == len(quilt.sql("SELECT digest FROM layers"))
    assert [path for path in (quilt.root / "images").iterdir() if path.is_dir()] == []
    assert not Path("/tmp/quilt-was-here").exists()


def test_unreadable_archive_is_refused(quilt: Quilt, tmp_path: Path) -> None:
    """Root reads any file; a link that leads to itself it cannot open."""
    loop = tmp_path / "loop.tar"
    loop.symlink_to("loop.tar")
    assert said(quilt("image", "import", loop, "x"))[0] == 125


def test_full_disk_while_importing_leaves_nothing(rootfs_tar: Path, tmp_path: Path) -> None:
    """On a disk of 1 MiB the import fails in one line, and what it had unpacked is gone."""
    command = Path(sys.executable).with_name("quiltctl")
    script = (
        f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && {command} --root {tmp_path}/r image import {rootfs_tar} x;"
        f" echo code $?; find {tmp_path}/r/layers {tmp_path}/r/images -mindepth 1 -type d"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout == "code 125\n"
    assert ("no space left" in done.stderr.lower(), "Traceback" in done.stderr) == (True, False)


def test_user_who_is_not_root_is_told_so(quilt: Quilt, tmp_path: Path) -> None:
    """A run by anybody else is 125 and a hint, whether the root directory is theirs or not."""
    tmp_path.chmod(0o777)
    command = str(Path(sys.executable).with_name("quiltctl"))
    done = subprocess.run(
        [command, "--root", str(tmp_path / "own"), "run", *NONE, "box", "true"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    other = subprocess.run(
        [command, "--root", str(quilt.root), "ps"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert said(done) == (
        125,
        "",
        ["Error: cannot run containers without being root", "hint: run it through sudo"],
    )
    assert said(other)[0] == 125


def test_root_directory_that_is_a_file_is_told(tmp_path: Path, quilt: Quilt) -> None:
    """Reading and writing alike."""
    (tmp_path / "file").write_text("")
    codes = [said(quilt("--root", tmp_path / "file" / "root", *words))[0] for words in (("gc",), ("create", "box"))]
    assert codes == [125, 125]


def test_database_of_the_future_is_refused(quilt: Quilt) -> None:
    """Newer than the program: one line and a hint, and the file stays as it is."""
    import sqlite3

    connection = sqlite3.connect(quilt.root / "quilt.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    answers = [said(quilt(*words)) for words in (("ps",), ("run", *NONE, "box", "true"))]
    assert [(code, "999" in lines[0]) for code, _, lines in answers] == [(125, True), (125, True)]


def test_damaged_database_is_told(quilt: Quilt) -> None:
    """Garbage in its place: one line and a hint."""
    for suffix in ("-wal", "-shm"):
        (quilt.root / f"quilt.db{suffix}").unlink(missing_ok=True)
    (quilt.root / "quilt.db").write_bytes(b"\0garbage" * 1000)
    code, _, lines = said(quilt("ps"))
    assert (code, "damaged" in lines[0]) == (125, True)
