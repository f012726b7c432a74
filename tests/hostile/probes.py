"""What the hostile tests share: small images that they spoil, and what they watch the host with."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")
NOTHING: dict[str, list[str]] = {"folders": [], "cgroups": [], "mounts": [], "rows": [], "processes": []}
CGROUPS = Path("/sys/fs/cgroup")
PROGRAMS = Path(__file__).with_name("programs")
BUSYBOX = Path("/usr/bin/busybox")
APPLETS = tuple(
    "sh cat ls id pwd readlink echo grep true mkdir ln mv rm sleep stat find wc env chmod cp test sort sed".split()  # noqa: SIM905
)
FOLDERS = ("bin", "etc", "proc", "sys", "dev", "run", "tmp", "var", "var/tmp", "root")


def link(name: str, lead: str) -> dict[str, Any]:
    """Return the member of an archive that is a symbolic link."""
    return {"name": name, "type": tarfile.SYMTYPE, "linkname": lead}


def spoilt_image(quilt: Quilt, *members: dict[str, Any], change: tuple[str, ...] = (), name: str = "spoilt") -> str:
    """Import a small userland with these members in the place of what it has there, and return its name."""
    planted = {member["name"] for member in members}
    own: tuple[dict[str, Any], ...] = (
        *(
            {"name": folder, "type": tarfile.DIRTYPE, "mode": 0o1777 if "tmp" in folder else 0o755}
            for folder in FOLDERS
        ),
        {"name": "bin/busybox", "mode": 0o755, "content": BUSYBOX.read_bytes()},
        *(link(f"bin/{applet}", "busybox") for applet in APPLETS),
        {"name": "etc/passwd", "content": b"root:x:0:0::/root:/bin/sh\n"},
    )
    kept = [member for member in own if not any(f"{member['name']}/".startswith(f"{place}/") for place in planted)]
    changes = [word for instruction in change for word in ("-c", instruction)]
    archive = _rootfs().archive_of(*kept, *members)
    quilt.ok("image", "import", "-q", *changes, "-", name, stdin=archive)
    return name


def _rootfs() -> Any:
    spec = importlib.util.spec_from_file_location("quilt_tests_rootfs", Path(__file__).parents[1] / "rootfs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def compiled(name: str) -> bytes:
    """Return a program of this folder's, linked so that it needs nothing of an image."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcc", "-static", "-O1", "-o", f"{folder}/out", PROGRAMS / f"{name}.c"], check=True)
        return Path(folder, "out").read_bytes()


class Canary:
    """A folder of the host that nothing in a container may change, or tell of."""

    words = "the host's own words"

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "folder").mkdir(parents=True)
        (path / "file").write_text(self.words)
        (path / "folder/file").write_text(self.words)
        for place in (path, *path.rglob("*")):
            place.chmod(0o777)
        self._before = self.facts()

    def facts(self) -> dict[str, tuple[object, ...]]:
        """Return all there is to know of it: names, owners, modes, times and contents."""
        found: dict[str, tuple[object, ...]] = {}
        for folder, folders, files in os.walk(self.path):
            for name in (".", *folders, *files):
                path = Path(folder, name)
                status = path.lstat()
                content = path.read_bytes() if path.is_file() else b""
                found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
        return found

    def check(self, said: str = "") -> None:
        """Assert that it is as it was, and that what a container said does not tell of it."""
        assert self.facts() == self._before
        assert self.words not in said


def cgroups_named(name: str) -> list[str]:
    """Return the cgroups of this host that have a name, wherever they are."""
    return [folder for folder, _, _ in os.walk(CGROUPS) if os.path.basename(folder) == name]
