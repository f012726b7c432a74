"""A host whose file system has no idmapped mounts: ramfs is one, mounted where nobody else sees it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

REASON = "has no idmapped mounts"


def session(rootfs_tar: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a mount namespace with a root directory on ramfs, and end what it left.

    What overlay writes to lies on a tmpfs: ramfs has no extended attributes either.
    """
    with tempfile.TemporaryDirectory(prefix="quilt-e2e-") as folder:
        begin = (
            'mount -t ramfs ramfs "$QUILT_ROOT"; mkdir "$QUILT_ROOT/containers"; '
            'mount -t tmpfs tmpfs "$QUILT_ROOT/containers"; quiltctl image import --quiet "$TAR" box >/dev/null; '
        )
        end = "; quiltctl rm -f -a >/dev/null; quiltctl gc; ls $QUILT_ROOT/containers"
        path = f"{os.path.dirname(COMMAND)}:{os.environ['PATH']}"
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", begin + script + end],
            env={**os.environ, "QUILT_ROOT": folder, "TAR": str(rootfs_tar), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def test_default_falls_back_with_one_line_and_says_so_for_good(rootfs_tar: Path) -> None:
    """It runs as root of the host, a line on stderr says why, inspect keeps the reason, and no range is held."""
    show = "{{.HostConfig.UsernsMode}}|{{.HostConfig.UsernsFallback}}|{{len .HostConfig.IDMappings.UidMap}}"
    done = session(
        rootfs_tar,
        "quiltctl run --network none --name c box sh -c 'cat /proc/self/uid_map; stat -c %u /; touch /x';"
        f" quiltctl inspect --format '{show}' c; quiltctl system sql --json 'select count(*) as n from id_ranges'",
    )
    numbers, owner, inspected, *ranges = done.stdout.splitlines()
    assert (numbers.split(), owner, json.loads("".join(ranges))) == (["0", "0", "4294967295"], "0", [{"n": 0}])
    mode, reason, mapped = inspected.split("|")
    assert (mode, reason.endswith(REASON), mapped) == ("", True, "0")
    assert done.stderr.startswith("Warning: root in this container is root of the host: ")
    assert (done.stderr.count("\n"), REASON in done.stderr) == (1, True)


def test_fallen_back_container_starts_again_and_takes_exec(rootfs_tar: Path) -> None:
    """What was recorded holds: a second start, and a program beside it, are root of the host as the first was."""
    done = session(
        rootfs_tar,
        "quiltctl run -d --network none --name c box sh -c 'echo x >> /x; sleep 1000' >/dev/null;"
        " quiltctl stop -t 0 c >/dev/null; quiltctl start c;"
        " quiltctl exec c sh -c 'cat /proc/self/uid_map; wc -l < /x'",
    )
    assert done.stdout.split() == ["c", "0", "0", "4294967295", "2"]


def test_express_wish_is_refused(rootfs_tar: Path) -> None:
    """Who says --userns auto gets that or nothing; the hint names the way out."""
    done = session(rootfs_tar, "quiltctl run --rm --network none --name c --userns auto box true; echo $?")
    error, hint = done.stderr.splitlines()
    assert done.stdout == "125\n"
    assert (error.startswith("Error: cannot start c in a user namespace: "), error.endswith(REASON)) == (True, True)
    assert "--userns host" in hint


@pytest.mark.needs("nft")
@pytest.mark.usefixtures("own_network")
def test_fallen_back_container_is_in_the_default_network(rootfs_tar: Path) -> None:
    """With an address, and with a neighbour that it reaches."""
    done = session(
        rootfs_tar,
        "quiltctl run -d --name web box nc -ll -p 80 -e hostname -i >/dev/null;"
        " quiltctl run --rm box nc -w 2 10.42.0.2 80; quiltctl run --rm box ip -o -4 addr show eth0;"
        " quiltctl rm -f web >/dev/null; quiltctl network rm quilt0; ip -o link",
    )
    heard, shown, removed, *links = done.stdout.splitlines()
    assert (heard.split(), shown.split()[3], removed, len(links)) == (["10.42.0.2"], "10.42.0.4/16", "quilt0", 1)
    assert done.stderr.count("Warning: root in this container is root of the host: ") == done.stderr.count("\n") == 3
