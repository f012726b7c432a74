"""Random hostile archives: nothing outside the destination changes, and an import succeeds or leaves nothing."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quiltctl.db import images, layers
from quiltctl.db.connection import open_to_write
from quiltctl.errors import ImageError
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle.import_image import import_image

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.needs("root")
# Few words, so that members meet, replace each other and pass through each other's links.
WORDS = ["a", "b", "c", "..", ".", "", "canary", "\udcff", ".wh.x"]
names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("/".join)
targets = st.one_of(
    names,
    names.map(lambda name: f"/{name}"),
    st.sampled_from(
        ["../../../canary", "../../../../canary/file", "/etc/passwd", "OUTSIDE", "OUTSIDE/file", "/proc/self/root"]
    ),
)
member = st.fixed_dictionaries(
    {
        "name": st.one_of(names, targets),
        "type": st.sampled_from(
            (
                *(tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE),
                *(tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.CONTTYPE),
            )
        ),
        "linkname": targets,
        "mode": st.sampled_from([0, 0o644, 0o7777]),
        "uid": st.sampled_from([0, 1, 65535, 65535, 65535, 65536]),
        "mtime": st.sampled_from([-1, 0, 1 << 40]),
    }
)


def snapshot(folder: Path, *, without: Path) -> dict[str, tuple[Any, ...]]:
    """Return everything below a folder, but for one: kind, mode, owner, times, links and content."""
    found = {}
    for above, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(above, name) != without]
        for name in [".", *folders, *files]:
            path = Path(above, name)
            facts = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (facts.st_mode, facts.st_uid, facts.st_nlink, facts.st_mtime_ns, facts.st_ino, content)
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(member, min_size=1, max_size=10))
def test_import_of_a_hostile_archive_touches_nothing_outside(rootfs: ModuleType, members: list[dict[str, Any]]) -> None:
    """Whatever the members are: the canaries stay as they were, and an import is whole or not there at all."""
    with tempfile.TemporaryDirectory(prefix="quilt-hostile-") as name:
        top = Path(name)
        (top / "canary").mkdir()
        (top / "canary/file").write_bytes(b"sings")
        (top / "root/images").mkdir(parents=True)
        (top / "root/canary").write_bytes(b"sings too")
        outside = str(top / "canary")
        for one in members:
            for key in ("name", "linkname"):
                one[key] = one[key].replace("OUTSIDE", outside)
            if one["type"] == tarfile.REGTYPE:
                one["content"] = b"hostile"
        source = top / "archive.tar"
        source.write_bytes(rootfs.archive_of(*members))
        paths = Paths(str(top / "root"))
        connection = open_to_write(paths)
        before = snapshot(top, without=top / "root")
        try:
            imported = import_image(paths, connection, str(source)).image.layers
        except ImageError:
            imported = ()
        after = snapshot(top, without=top / "root")
        left = (layers.digests(connection), sorted(os.listdir(paths.layers)) if os.path.isdir(paths.layers) else [])
        staged = [name for name in os.listdir(paths.images) if not name.startswith(".")]
        listed = len(images.list_all(connection))
        connection.close()
        assert after == before
        assert (top / "root/canary").read_bytes() == b"sings too"
        assert left == (list(imported), list(imported))
        assert (staged, listed) == ([], len(imported))
