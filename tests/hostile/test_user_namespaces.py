"""Every way to say which ids a container has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hostile.probes import NONE, NOTHING

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("userns")
MAP = ("cat", "/proc/self/uid_map", "/proc/self/gid_map")


def maps(quilt: Quilt, *flags: str) -> list[list[int]]:
    """Return the rows of both maps that a container with these flags has."""
    said = quilt.ok("run", "--rm", *NONE, *flags, "box", *MAP)
    return [[int(word) for word in line.split()] for line in said.splitlines()]


def test_host_is_the_hosts(quilt: Quilt) -> None:
    """--userns host has every id as it is, and no range is leased for it.

    Seen red with the mode disregarded.
    """
    quilt.ok("create", "--name", "c", *NONE, "--userns", "host", "box", "true")
    assert quilt.sql("SELECT * FROM id_ranges") == []
    assert maps(quilt, "--userns", "host") == [[0, 0, 4294967295]] * 2


@pytest.mark.parametrize("size", [1, 1000, 65536, 65537, 200000])
def test_size_is_what_was_said(quilt: Quilt, size: int) -> None:
    """auto:size=N maps N ids, and leases whole slots for them.

    Seen red with the size disregarded.
    """
    run = ("run", "-d", "--name", "c", *NONE, "--userns", f"auto:size={size}", "box", "sleep", "1000")
    quilt.ok(*run)
    (row,) = quilt.sql("SELECT first_id, size FROM id_ranges")
    assert quilt.ok("exec", "c", *MAP).split() == ["0", str(row["first_id"]), str(size)] * 2
    assert (row["first_id"] % 65536, row["size"]) == (0, -(-size // 65536) * 65536)


def test_caller_keeps_his_id_and_nothing_else(quilt: Quilt) -> None:
    """keep-id has the user behind sudo as himself, root inside is still nobody, and it needs a user to keep.

    Seen red with the kept id mapped to the range.
    """
    refused = quilt("run", "--rm", *NONE, "--userns", "keep-id", "box", "true")
    assert (refused.returncode, "the caller is root" in refused.stderr) == (125, True), refused
    for bad in ("0", "-1", "x", "99999999999"):
        quilt.environment |= {"SUDO_UID": bad, "SUDO_GID": "1000"}
        assert quilt("run", "--rm", *NONE, "--userns", "keep-id", "box", "true").returncode == 125
    quilt.environment |= {"SUDO_UID": "1000", "SUDO_GID": "1001"}
    rows = maps(quilt, "--userns", "keep-id")
    assert [row for row in rows if row[1] < 65536] == [[1000, 1000, 1], [1001, 1001, 1]]
    assert [sum(row[2] for row in rows[:3]), sum(row[2] for row in rows[3:])] == [65536, 65536]
    kept = quilt.ok("run", "--rm", *NONE, "--userns", "keep-id", "box", "id")
    assert kept.startswith("uid=1000(tester) gid=1001")
    assert quilt.ok("run", "--rm", *NONE, "--userns", "keep-id:uid=5,gid=6", "box", "id", "-u") == "5"
    assert quilt.traces() == NOTHING


def test_joined_container_shares_and_returns_last(quilt: Quilt) -> None:
    """container:X has X's ids, and the range comes back when the last of the two is gone.

    Seen red with a range returned by the first.
    """
    quilt.ok("run", "-d", "--name", "a", *NONE, "box", "sleep", "1000")
    quilt.ok("run", "-d", "--name", "b", *NONE, "--userns", "container:a", "box", "sleep", "1000")
    pids = [quilt.inspect(name)["State"]["Pid"] for name in ("a", "b")]
    assert Path(f"/proc/{pids[0]}/ns/user").readlink() == Path(f"/proc/{pids[1]}/ns/user").readlink()
    quilt.ok("rm", "-f", "a")
    assert quilt.sql("SELECT count(*) AS n FROM id_ranges") == [{"n": 1}]
    quilt.ok("rm", "-f", "b")
    assert quilt.sql("SELECT count(*) AS n FROM id_ranges") == [{"n": 0}]
    for gone in ("container:a", "container:", "container"):
        assert quilt("run", "--rm", *NONE, "--userns", gone, "box", "true").returncode == 125
    assert quilt.traces() == NOTHING


def test_map_by_hand_is_that_map(quilt: Quilt) -> None:
    """--uidmap and --gidmap are taken as they are, and what the kernel or a pool could not take is refused.

    Seen red with gidmap left as uidmap.
    """
    flags = ("--uidmap", "0:300000:1000", "--uidmap", "1000:500000:10", "--gidmap", "0:400000:2000")
    assert maps(quilt, *flags) == [[0, 300000, 1000], [1000, 500000, 10], [0, 400000, 2000]]
    for bad in (
        ("--uidmap", "1:300000:10"),
        ("--uidmap", "0:300000:10", "--uidmap", "5:400000:10"),
        ("--uidmap", "0:300000:10", "--uidmap", "20:300005:10"),
        ("--uidmap", "0:4294967295:1"),
        ("--uidmap", "0:300000:-1"),
        ("--uidmap", "0:300000:10:10"),
        ("--uidmap", "0:300000:10", "--userns", "host"),
        ("--uidmap", "0:2000224256:65536"),
    ):
        done = quilt("run", "--rm", *NONE, *bad, "box", "true")
        assert (done.returncode, done.stderr.startswith("Error: ")) == (125, True), done
    assert quilt.traces() == NOTHING


@pytest.mark.parametrize(
    "mode", ["auto:size=0", "auto:size=-1", "auto:size=99999999999", "auto:uid=1", "keep-id:x", "no"]
)
def test_mode_that_is_none_is_refused(quilt: Quilt, mode: str) -> None:
    """A mistake is told, and nothing is run with other ids than were meant.

    Seen red with an unknown mode taken for auto.
    """
    done = quilt("run", "--rm", *NONE, "--userns", mode, "box", "true")
    assert (done.returncode, "--userns" in done.stderr, quilt.traces()) == (125, True, NOTHING), done
