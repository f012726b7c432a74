"""A real root filesystem: Debian's minbase, about 7,000 files."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.e2e.conftest import Quilt

NONE = ("--network", "none")


@pytest.mark.needs("debootstrap")
def test_debian_is_imported_once_and_runs(quilt: Quilt, rootfs: ModuleType, tmp_path: Path) -> None:
    """Plain and compressed it is one layer; its programs run, with their libraries, users and modes."""
    tar: Path = rootfs.debian_tar()
    plain = quilt.ok("image", "import", "--quiet", tar, "debian", timeout=120)
    subprocess.run(["sh", "-c", f"zstd -q -T0 -1 < {tar} > {tmp_path}/debian.tar.zst"], check=True)
    compressed = quilt.ok("image", "import", "--quiet", tmp_path / "debian.tar.zst", "again", timeout=120)
    script = (
        "dpkg-query -W -f '${db:Status-Abbrev}\\n' | sort -u; test -u /usr/bin/su && echo setuid;"
        " perl -e 'print \"perl\\n\"'; find /usr -xdev | wc -l; su -s /bin/sh nobody -c id"
    )
    said = quilt.ok("run", "--rm", *NONE, "debian", "bash", "-c", script).splitlines()
    assert plain == compressed
    assert said[:3] == ["ii ", "setuid", "perl"]
    assert int(said[3]) > 5000
    assert said[4] == "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"
    assert len(quilt.sql("SELECT digest FROM layers")) == 2
