"""User namespaces: whose the ids of a container are, on disk and in the kernel, and where they go."""

from __future__ import annotations

import itertools
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db import containers, id_ranges
from quiltctl.db.connection import transaction
from quiltctl.errors import Conflict
from tests.hostile.probes import NONE, NOTHING, spoilt_image

if TYPE_CHECKING:
    import sqlite3

    from tests.e2e.conftest import Quilt

pytestmark = pytest.mark.needs("userns")
SLOT = 65536


def range_of(quilt: Quilt, name: str) -> tuple[int, int]:
    """Return first host id and size of a running container's map, as the kernel has it."""
    _, first, size = Path(f"/proc/{quilt.inspect(name)['State']['Pid']}/uid_map").read_text().split()
    return int(first), int(size)


def upper_of(quilt: Quilt, name: str) -> Path:
    """Return where a container's own files are."""
    return quilt.root / "containers" / str(quilt.inspect(name)["Id"]) / "upper"


def test_root_inside_is_nobody_outside(quilt: Quilt) -> None:
    """It is 0 where it looks, a high id where the host looks, and its files are that id's.

    Seen red with --userns host as the default.
    """
    script = "id -u; echo x > /mine; chown 1000:2000 /tmp; echo x > /home/tester/its; sleep 1000"
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", script)
    quilt.eventually((upper_of(quilt, "c") / "home/tester/its").exists)
    first, size = range_of(quilt, "c")
    owners = {name: (upper_of(quilt, "c") / name).stat() for name in ("mine", "tmp", "home/tester", ".")}
    assert quilt.ok("logs", "c") == "0"
    assert (first % SLOT, size, first > 1 << 24) == (0, SLOT, True)
    assert {name: (found.st_uid - first, found.st_gid - first) for name, found in owners.items()} == {
        "mine": (0, 0),
        "tmp": (1000, 2000),
        "home/tester": (1000, 1000),
        ".": (0, 0),
    }
    process = Path(f"/proc/{quilt.inspect('c')['State']['Pid']}").stat()
    assert (process.st_uid, process.st_gid) == (first, first)


def test_one_container_cannot_read_anothers_files(quilt: Quilt) -> None:
    """Even handed the other's folder, as a process of the host with its id, it reads nothing and writes nothing.

    Seen red with one range for all.
    """
    for name in ("a", "b"):
        quilt.ok("run", "-d", "--name", name, *NONE, "box", "sh", "-c", "umask 077; echo x > /mine; sleep 1000")
    quilt.eventually((upper_of(quilt, "a") / "mine").exists)
    owner, other = (range_of(quilt, name)[0] for name in ("a", "b"))
    folder = os.open(upper_of(quilt, "a"), os.O_RDONLY | os.O_DIRECTORY)

    def attempt(script: str, user: int) -> bool:
        command = ["/bin/sh", "-c", f"cd /proc/self/fd/{folder} && {script}"]
        done = subprocess.run(
            command, user=user, group=user, extra_groups=[], pass_fds=[folder], check=False, capture_output=True
        )
        return done.returncode == 0

    tries = ("cat mine", "echo y > mine", "echo y > more", "rm -f mine", "chmod 777 mine")
    assert [attempt(script, other) for script in tries] == [False] * len(tries)
    assert attempt("cat mine", owner)
    os.close(folder)
    assert (upper_of(quilt, "a") / "mine").read_text() == "x\n"


def test_twenty_at_once_share_nothing(quilt: Quilt) -> None:
    """Started at the same instant, each has a range of its own.

    Seen red with every guess taken for free.
    """
    names = [f"c{number}" for number in range(20)]
    quilt.environment["QUILT_ID_POOL"] = f"2000224256:{20 * SLOT}"
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda name: quilt.ok("run", "-d", "--name", name, *NONE, "box", "sleep", "1000"), names))
    firsts = [range_of(quilt, name)[0] for name in names]
    assert sorted(firsts) == [2000224256 + number * SLOT for number in range(20)]
    quilt.ok("rm", "-f", "-a")
    assert quilt.sql("SELECT * FROM id_ranges") == []


def test_pool_that_is_used_up_is_told(quilt: Quilt) -> None:
    """The third container of a pool for two is refused, leaves nothing, and starts once a range is back.

    Seen red with the size of the pool disregarded.
    """
    quilt.environment["QUILT_ID_POOL"] = f"2000224256:{2 * SLOT}"
    for name in ("a", "b"):
        quilt.ok("run", "-d", "--name", name, *NONE, "box", "sleep", "1000")
    for words in (
        ("run", "--rm", *NONE),
        ("create", "--name", "c", *NONE),
        ("run", "--rm", *NONE, "--userns=auto:size=70000"),
    ):
        refused = quilt(*words, "box", "true")
        assert (refused.returncode, "ids is free: 2 are leased, of 2 in all" in refused.stderr) == (125, True), refused
    assert len(quilt.traces()["rows"]) == 2 + 4
    quilt.ok("rm", "-f", "a")
    assert quilt.ok("run", "--rm", *NONE, "box", "echo", "again") == "again"
    quilt.ok("rm", "-f", "b")
    assert quilt.traces() == NOTHING


@pytest.mark.parametrize(
    "pool", ["", "x", "0:65536", "5", "4294967295:65536", "-1:5", "1:99999999999", "65536:65536:1"]
)
def test_pool_that_makes_no_sense_is_refused(quilt: Quilt, pool: str) -> None:
    """Nothing is leased from what is no range of ids; unset and empty is the default.

    Seen red with the check of the range left out.
    """
    quilt.environment["QUILT_ID_POOL"] = pool
    done = quilt("run", "--rm", *NONE, "box", "true")
    assert (done.returncode, "QUILT_ID_POOL" in done.stderr) == ((0, False) if not pool else (125, True)), done
    assert quilt.traces() == NOTHING


def test_thousand_leases_leave_none(database: sqlite3.Connection) -> None:
    """Taken and returned in any order, none overlaps while it lives, and none stays.

    Seen red without the trigger that returns a range.
    """
    pool = (2000224256, 40 * SLOT)
    living: list[str] = []
    for number in range(1000):
        name = f"{number:064x}"
        with transaction(database):
            _insert(database, name)
            id_ranges.use(database, name, id_ranges.lease(database, 1 + number % 3 * SLOT, pool))
            living.append(name)
            while len(living) > number % 11:
                containers.delete(database, living.pop(number % len(living)), 0)
    rows = database.execute("SELECT first_id, size FROM id_ranges ORDER BY first_id").fetchall()
    assert all(before[0] + before[1] <= after[0] for before, after in itertools.pairwise(rows))
    with transaction(database):
        for name in living:
            containers.delete(database, name, 0)
    assert database.execute("SELECT count(*) FROM id_ranges").fetchone()[0] == 0


def test_range_that_does_not_fit_is_refused(database: sqlite3.Connection) -> None:
    """A pool smaller than one slot, or than what is asked for, has none.

    Seen red with the size of the pool disregarded.
    """
    for size, pool in ((1, SLOT - 1), (SLOT + 1, SLOT), (10 * SLOT, 9 * SLOT + 1)):
        with pytest.raises(Conflict), transaction(database):
            id_ranges.lease(database, size, (2000224256, pool))


def _insert(database: sqlite3.Connection, name: str) -> None:
    containers.insert(
        database,
        container_id=name,
        name=name,
        image_id=None,
        image_name="box",
        command='["true"]',
        config="{}",
        auto_remove=False,
        labels={},
    )


def test_restart_keeps_range_and_owners(quilt: Quilt) -> None:
    """After stop and start the ids are the same, and so the files are still the container's; rm gives the range back.

    Seen red with the folder that it writes to not given to its ids.
    """
    quilt.ok("run", "-d", "--name", "c", "--stop-timeout", "0", *NONE, "box", "sh", "-c", "touch /mine; sleep 1000")
    before = range_of(quilt, "c")
    for _ in range(2):
        quilt.ok("stop", "c")
        quilt.ok("start", "c")
    assert range_of(quilt, "c") == before
    assert quilt.ok("exec", "c", "stat", "-c", "%u:%g", "/mine", "/") == "0:0\n0:0"
    quilt.ok("rm", "-f", "c")
    assert quilt.sql("SELECT * FROM id_ranges") == []


def test_image_of_many_owners_shows_them(quilt: Quilt) -> None:
    """What belongs to many ids in the image belongs to them in every container, and the layer is as it was.

    Seen red with layers that are not shifted.
    """
    ids = [0, 1, 999, 1000, 33333, 65534, 65535]
    image = spoilt_image(
        quilt, *({"name": f"of/{number}", "uid": number, "gid": ids[0 - number % 7]} for number in ids)
    )
    look = ("sh", "-c", "cd /of; stat -c '%n %u %g' *")
    expected = sorted(f"{number} {number} {ids[0 - number % 7]}" for number in ids)
    for flags in ((), ("--userns", "host"), ()):
        assert sorted(quilt.ok("run", "--rm", *NONE, *flags, image, *look).splitlines()) == expected
    on_disk = {path.name: path.stat().st_uid for path in quilt.root.glob("layers/*/of/*")}
    assert on_disk == {str(number): number for number in ids}
