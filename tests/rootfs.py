"""Root filesystems to test with: a busybox one in a fraction of a second, and Debian's minbase, built once.

Reached through the fixture ``rootfs`` of conftest.py, because test modules are not importable by name.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import uuid
from pathlib import Path
from typing import Any

BUSYBOX = "/usr/bin/busybox"
CACHE = Path("~/.cache/quiltctl-tests").expanduser()
SUITE = "bookworm"

_FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
        "tester:x:1000:1000:A Tester:/home/tester:/bin/sh\n"
    ),
    "etc/group": "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\ntester:x:1000:\nworkers:x:2000:tester\n",
    "etc/hostname": "busybox\n",
}
_FOLDERS = ("bin", "dev", "etc", "home/tester", "proc", "root", "run", "sys", "tmp", "usr/bin", "var/tmp")
_EPOCH_S = 1_700_000_000
"""The time on every file: the same tree is the same archive, and so the same layer, whenever it is built."""


def busybox_tree(dest: str | os.PathLike[str]) -> Path:
    """Fill ``dest``, which may exist, with a root filesystem around busybox, and return it.

    It has /bin with a link for each applet, the users root, daemon, nobody and tester (uid 1000, also in group
    workers, gid 2000), and /tmp with mode 1777. As root the home of tester is tester's.
    """
    root = Path(dest)
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "bin/busybox").write_bytes(Path(BUSYBOX).read_bytes())
    (root / "bin/busybox").chmod(0o755)
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    for name, text in _FILES.items():
        (root / name).write_text(text)
        (root / name).chmod(0o644)
    if os.geteuid() == 0:
        os.chown(root / "home/tester", 1000, 1000)
    _settle(root)
    return root


def busybox_tar(path: str | os.PathLike[str], compression: str = "") -> Path:
    """Write the busybox root filesystem as an archive, and return its path. ``compression``: "", gz, xz or zst."""
    target = Path(path)
    tree = busybox_tree(target.with_name(f"{target.name}.{uuid.uuid4().hex}.tree"))
    tar_of(tree, target, compression)
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    return target


def tar_of(tree: Path, target: Path, compression: str = "") -> Path:
    """Write a folder as an archive whose names begin with ``./``, and return its path."""
    plain = target.with_name(f"{target.name}.plain") if compression else target
    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(tree, arcname=".", filter=_anonymous)
    if compression:
        program = {"gz": "gzip", "xz": "xz", "zst": "zstd"}[compression]
        with target.open("wb") as out:
            subprocess.run([program, "-q", "-c", str(plain)], check=True, stdout=out)
        plain.unlink()
    return target


def archive_of(*members: dict[str, Any], format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive of exactly these members, however hostile.

    A member is the attributes of a TarInfo; ``content`` is its bytes, ``type`` a regular file where it is not said.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for given in members:
            member = tarfile.TarInfo()
            content = given.get("content", b"")
            for key, value in {"size": len(content), "mode": 0o644, "mtime": _EPOCH_S, **given}.items():
                if key != "content":
                    setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def debian_tar() -> Path:
    """Return Debian's minbase root filesystem as an uncompressed archive, built by debootstrap the first time.

    Needs root and a Debian mirror. Of several that want it at once each may build; one result stays.
    """
    kept = CACHE / f"debian-{SUITE}-minbase.tar"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        built = CACHE / f"{uuid.uuid4().hex}.tar"
        command = ["debootstrap", "--variant=minbase", SUITE]
        tree = CACHE / f"{built.stem}.tree"
        try:
            subprocess.run([*command, str(tree)], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["tar", "-C", str(tree), "--numeric-owner", "-cf", str(built), "."], check=True)
            built.rename(kept)
        finally:
            subprocess.run(["rm", "-rf", "--one-file-system", str(tree)], check=True)
    return kept


def _settle(root: Path) -> None:
    """Give every entry a fixed mode and time, whatever the umask and the hour."""
    for folder, names, files in os.walk(root, topdown=False):
        for name in [*names, *files]:
            os.utime(os.path.join(folder, name), (_EPOCH_S, _EPOCH_S), follow_symlinks=False)
        for name in names:
            Path(folder, name).chmod(0o1777 if name == "tmp" else 0o755)
    root.chmod(0o755)
    os.utime(root, (_EPOCH_S, _EPOCH_S))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out the names of owners: only the numbers count. A build without root still makes files of root."""
    member.uname = member.gname = ""
    if os.geteuid() != 0:
        member.uid = member.gid = 0
    return member
