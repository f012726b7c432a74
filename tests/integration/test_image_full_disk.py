"""A disk that is full while an image is imported: one error, nothing half-made, and room enough again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

IMPORT = """
import os, sys
from quiltctl.db import images
from quiltctl.db.connection import open_to_write
from quiltctl.errors import ImageError
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle.import_image import import_image

paths = Paths(sys.argv[1])
connection = open_to_write(paths)
def free():
    disk = os.statvfs(paths.root)
    return disk.f_bfree, disk.f_ffree
os.makedirs(paths.images)
os.close(os.open(f"{paths.images}/.lock", os.O_CREAT))
before = free()
try:
    import_image(paths, connection, sys.argv[2], name="app")
except ImageError as error:
    print(str(error).replace(sys.argv[2], "TAR"), error.hint is not None, sep="|")
left = [name for name in os.listdir(paths.images) if name != ".lock"]
print(left, os.path.exists(paths.layers), images.list_all(connection), free() == before)
print(import_image(paths, connection, sys.argv[3], name="app").is_new)
"""


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("options", "count", "size"),
    [("size=4m", 3000, 2000), ("size=4m", 3, 3 << 20), ("size=64m,nr_inodes=300", 3000, 2000)],
)
def test_import_on_a_full_disk_leaves_nothing(
    rootfs: ModuleType, tmp_path: Path, options: str, count: int, size: int
) -> None:
    """No blocks or no inodes left: an error with a hint, all space back, and a smaller import succeeds."""
    (tmp_path / "a.tar").write_bytes(
        rootfs.archive_of(*({"name": f"d/{n}", "content": bytes(size)} for n in range(count)))
    )
    (tmp_path / "small.tar").write_bytes(rootfs.archive_of({"name": "f", "content": b"x"}))
    (tmp_path / "disk").mkdir()
    # A mount namespace of its own: the tmpfs is nobody else's, and goes with the process.
    script = f"mount -t tmpfs -o {options} none {tmp_path}/disk && exec $0 -c '{IMPORT}' $@"
    words = [f"{tmp_path}/disk/root", f"{tmp_path}/a.tar", f"{tmp_path}/small.tar"]
    command = ["unshare", "-m", "sh", "-c", script, sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "cannot import TAR: No space left on device|True",
        "[] False [] True",
        "True",
    ], done.stderr
