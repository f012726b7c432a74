"""Containers find each other by name: real files, several writers, and containers that do not play along."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.commands import rename
from quiltctl.db import leases, memberships, networks
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.runtime.lifecycle import refresh_names
from quiltctl.runtime.network import hosts_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from quiltctl.paths import Paths

    Box = Any

NETWORK = "f" * 64
MUTE = "e" * 64
PROCESSES = 16
QUEUED = 8
REWRITES = 1000

JOINER = """
import sys
from quiltctl.db import leases, memberships, networks
from quiltctl.db.connection import open_to_write, transaction
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle import refresh_names

root, container_id, network_id = sys.argv[1:]
connection = open_to_write(Paths(root))
sys.stdin.readline()
with transaction(connection):
    network = networks.get(connection, network_id)
    member = memberships.Membership(container_id, network_id, 0, "eth0", None, None, None, "[]")
    memberships.insert(connection, member)
    leases.lease(Paths(root), connection, network, member)
refresh_names.refresh(Paths(root), connection, [network_id])
"""
REFRESHER = """
import os, sys, time
from quiltctl.db.connection import open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime.lifecycle import refresh_names
from quiltctl.runtime.network import hosts_file

def write(files):
    print("wrote", flush=True)
    if sys.argv[3] == "die":
        os.kill(os.getpid(), 9)

hosts_file.write_all = write
print("here", flush=True)
refresh_names.refresh(Paths(sys.argv[1]), open_to_write(Paths(sys.argv[1])), [sys.argv[2]])
print("over", flush=True)
"""
LEASE_HOLDER = """
import fcntl, os, signal, sys, time
os.setuid(int(sys.argv[2]))
fd = os.open(sys.argv[1], os.O_RDWR)
signal.signal(signal.SIGIO, lambda *_: None)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
while True:
    time.sleep(100)
"""
READER = """
import sys
seen = torn = 0
print("reading", flush=True)
while True:
    with open(sys.argv[1], "rb", buffering=0) as file:
        text = file.read()
    seen += 1
    torn += b"\\n127.0.0.1\\tlocalhost\\n" not in text
    if b"the-end" in text:
        break
print(seen, torn)
"""


def add_network(connection: sqlite3.Connection, network_id: str = NETWORK, *, names: int = 1) -> None:
    """Add a network."""
    number = len(networks.list_all(connection))
    facts: dict[str, Any] = dict.fromkeys(networks.Network._fields)
    facts |= {"id": network_id, "name": f"n{number}", "bridge": f"quilt{number}", "config": "{}", "created_at": 1}
    facts |= {"subnet": f"10.89.{number}.0/24", "gateway": f"10.89.{number}.1", "internal": 0, "nat": 1, "mtu": 0}
    with transaction(connection):
        networks.insert(connection, networks.Network(**{**facts, "names": names}))


def join(
    paths: Paths, connection: sqlite3.Connection, box: Box, network_id: str = NETWORK, aliases: str = "[]"
) -> None:
    """Put a container into a network, with an address, and give it the file that it would have."""
    network = networks.get(connection, network_id)
    assert network is not None
    place = len(memberships.of_container(connection, box.id))
    member = memberships.Membership(box.id, network_id, place, f"eth{place}", None, None, None, aliases)
    with transaction(connection):
        memberships.insert(connection, member)
        leases.lease(paths, connection, network, member)
    path = file_of(paths, box)
    if not os.path.lexists(path):
        with open(path, "wb") as file:
            file.write(b"old\n")


def file_of(paths: Paths, box: Box) -> str:
    """Return the path of a container's hosts file."""
    return f"{paths.container(box.id)}/hosts"


def read(paths: Paths, box: Box) -> str:
    """Return a container's hosts file."""
    with open(file_of(paths, box), encoding="utf-8") as file:
        return file.read()


def peers(paths: Paths, box: Box) -> list[str]:
    """Return the lines of a container's hosts file after those of the host."""
    return read(paths, box).partition("host.docker.internal\n")[2].splitlines()


@pytest.fixture
def begin() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Give a function that starts a Python of its own, which ends with the test at the latest."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(source: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-c", source, *words]  # what is installed, not what lies here
        begun.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[bytes]) -> bytes:
    """Return the next line that a process writes."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_containers_of_a_network_name_each_other(quilt_root: Paths, box: Callable[..., Box]) -> None:
    """Two containers in a network, one of them in another one too, name each other, in the order of their leases."""
    web, db = box("web", running=True, config='{"hostname": "front"}'), box("db", running=True)
    connection = open_to_write(quilt_root)
    add_network(connection)
    add_network(connection, MUTE, names=0)
    join(quilt_root, connection, web, aliases='["www"]')
    join(quilt_root, connection, db)
    join(quilt_root, connection, db, MUTE)
    refresh_names.refresh(quilt_root, connection, [NETWORK, MUTE])
    assert "\n10.89.0.2\tfront web www a00000000000\n10.89.0.1\thost.con" in read(quilt_root, web)
    assert peers(quilt_root, web) == ["10.89.0.3\tdb b00000000000"]
    assert "\n10.89.0.3\tdb b00000000000\n10.89.1.2\tdb b00000000000\n10.89.0.1\thost.con" in read(quilt_root, db)
    assert peers(quilt_root, db) == ["10.89.0.2\tweb www a00000000000"]


def test_newcomer_is_appended(quilt_root: Paths, box: Callable[..., Box]) -> None:
    """Neighbours stand in the order in which they came, whatever network they are met in."""
    me, one, two, three = (box(name, running=True) for name in ("me", "one", "two", "three"))
    connection = open_to_write(quilt_root)
    add_network(connection)
    add_network(connection, MUTE)
    for each, network_id in ((me, NETWORK), (me, MUTE), (one, MUTE), (two, NETWORK)):
        join(quilt_root, connection, each, network_id)
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    before = read(quilt_root, me)
    join(quilt_root, connection, three, MUTE)
    refresh_names.refresh(quilt_root, connection, [MUTE])
    assert [line.split()[1] for line in peers(quilt_root, me)] == ["one", "two", "three"]
    assert read(quilt_root, me) == f"{before}10.89.1.4\tthree d00000000000\n"


def test_network_without_names_costs_nothing(quilt_root: Paths, box: Callable[..., Box]) -> None:
    """Where nobody is named no file is written and no lock is made."""
    web = box("web", running=True)
    connection = open_to_write(quilt_root)
    add_network(connection, MUTE, names=0)
    join(quilt_root, connection, web, MUTE)
    refresh_names.refresh(quilt_root, connection, [MUTE])
    assert (read(quilt_root, web), os.path.exists(f"{quilt_root.root}/.names.lock")) == ("old\n", False)


def test_rename_reaches_the_neighbours(quilt_root: Paths, box: Callable[..., Box]) -> None:
    """Once `rename` is through, the neighbours and the container itself have the new name, and not the old one."""
    web, db = box("web", running=True), box("db", running=True)
    connection = open_to_write(quilt_root)
    add_network(connection)
    for each in (web, db):
        join(quilt_root, connection, each)
    assert rename.command(quilt_root, container="db", name="store") == 0
    assert peers(quilt_root, web) == ["10.89.0.3\tstore b00000000000"]
    assert "\n10.89.0.3\tstore b00000000000\n" in read(quilt_root, db)


def test_who_is_gone_is_no_longer_named(quilt_root: Paths, box: Callable[..., Box]) -> None:
    """A lease that is over takes the name with it."""
    web, db = box("web", running=True), box("db", running=True)
    connection = open_to_write(quilt_root)
    add_network(connection)
    for each in (web, db):
        join(quilt_root, connection, each)
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    with transaction(connection):
        leases.release(connection, db.id)
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    assert peers(quilt_root, web) == []


@pytest.mark.needs("root")
def test_lease_on_the_file_stalls_nobody(
    quilt_root: Paths, box: Callable[..., Box], begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """A container's root that holds a lease on its file keeps its old text, and the others have theirs at once."""
    bad, web = box("bad", running=True), box("web", running=True)
    connection = open_to_write(quilt_root)
    add_network(connection)
    for each in (bad, web):
        join(quilt_root, connection, each)
    path = file_of(quilt_root, bad)
    os.chown(path, 54321, 54321)
    for folder in (os.path.dirname(os.path.dirname(quilt_root.root)), *_folders(quilt_root, bad)):
        os.chmod(folder, 0o755 if folder != "/tmp" else 0o1777)
    assert said(begin(LEASE_HOLDER, path, "54321")) == b"held\n"
    began = time.monotonic()
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    assert time.monotonic() - began < 1
    assert peers(quilt_root, web) == ["10.89.0.2\tbad a00000000000"]
    assert os.stat(path).st_size == len("old\n")


def _folders(paths: Paths, box: Box) -> list[str]:
    folder = paths.container(box.id)
    found = []
    while folder not in {"/tmp", "/"}:
        found.append(folder)
        folder = os.path.dirname(folder)
    return found


def test_writer_that_is_stuck_stalls_nobody(
    quilt_root: Paths, box: Callable[..., Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file at which the writing does not come back costs a second, and the lock is free after it."""
    first, bad, last = (box(name, running=True) for name in ("first", "bad", "last"))
    connection = open_to_write(quilt_root)
    add_network(connection)
    for each in (first, bad, last):
        join(quilt_root, connection, each)
    whole = hosts_file.write

    def write(path: str, text: bytes) -> bool:
        if bad.id in path:
            time.sleep(3)
        return whole(path, text)

    monkeypatch.setattr(hosts_file, "write", write)
    began = time.monotonic()
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    took = time.monotonic() - began
    lock_fd = os.open(f"{quilt_root.root}/.names.lock", os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock_fd)
    assert 0.9 < took < 2.5
    assert [len(peers(quilt_root, each)) for each in (first, last)] == [2, 2]
    os.waitpid(-1, 0)  # the one that was left behind


def test_link_in_the_place_of_the_file_is_not_followed(
    quilt_root: Paths, box: Callable[..., Box], tmp_path: Path
) -> None:
    """What a link leads to is nobody's hosts file."""
    bad, web = box("bad", running=True), box("web", running=True)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    connection = open_to_write(quilt_root)
    add_network(connection)
    os.symlink(victim, file_of(quilt_root, bad))
    for each in (bad, web):
        join(quilt_root, connection, each)
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    assert victim.read_bytes() == b"mine"
    assert len(peers(quilt_root, web)) == 1


def test_readers_always_find_localhost(tmp_path: Path, begin: Callable[..., subprocess.Popen[bytes]]) -> None:
    """While a file is rewritten a thousand times, longer and shorter, no reader sees it empty or without localhost."""
    path = str(tmp_path / "hosts")
    texts = [b"# quiltctl\n127.0.0.1\tlocalhost\n" + b"10.89.0.2\tdb store\n" * length for length in (1, 900, 3, 50)]
    with open(path, "wb") as file:
        file.write(texts[0])
    readers = [begin(READER, path) for _ in range(2)]
    assert [said(reader) for reader in readers] == [b"reading\n"] * 2
    for turn in range(REWRITES):
        assert hosts_file.write(path, texts[turn % 4])
    assert hosts_file.write(path, texts[0] + b"10.0.0.1\tthe-end\n")
    for reader in readers:
        seen, torn = said(reader).split()
        assert (int(seen) > 50, int(torn)) == (True, 0)


def test_many_at_once_all_end_up_in_every_file(
    quilt_root: Paths, box: Callable[..., Box], begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Sixteen processes lease an address and refresh, all at once; then every file names all the others."""
    connection = open_to_write(quilt_root)
    add_network(connection)
    boxes = [box(f"c{number}", running=True) for number in range(PROCESSES)]
    for each in boxes:
        with open(file_of(quilt_root, each), "wb") as file:
            file.write(b"old\n")
    joiners = [begin(JOINER, quilt_root.root, each.id, NETWORK) for each in boxes]
    for joiner in joiners:
        assert joiner.stdin is not None
        joiner.stdin.write(b"go\n")
        joiner.stdin.flush()
    assert [joiner.wait() for joiner in joiners] == [0] * PROCESSES
    for each in boxes:
        named = {line.split()[1] for line in peers(quilt_root, each)}
        assert named == {other.name for other in boxes} - {each.name}


def test_who_has_waited_long_enough_has_nothing_left_to_do(
    quilt_root: Paths, box: Callable[..., Box], begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Eight that wait for the lock have come before the first of them reads: that one does it for all."""
    written = _queue_up(quilt_root, box, begin, ["write"] * QUEUED)
    assert written == {0: 1}


def test_work_of_one_that_was_killed_is_done_by_the_next(
    quilt_root: Paths, box: Callable[..., Box], begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """A refresh that was begun and not finished counts for nobody."""
    written = _queue_up(quilt_root, box, begin, ["die"] * 3)
    assert written == {-signal.SIGKILL: 3}


def _queue_up(
    paths: Paths, box: Callable[..., Box], begin: Callable[..., subprocess.Popen[bytes]], ways: list[str]
) -> dict[int, int]:
    """Have processes wait for the lock; let them go. Returns how often files were written, by how that one ended."""
    connection = open_to_write(paths)
    add_network(connection)
    join(paths, connection, box("web", running=True))
    lock_fd = os.open(f"{paths.root}/.names.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock_fd, fcntl.LOCK_EX)
    waiting = [begin(REFRESHER, paths.root, NETWORK, way) for way in ways]
    deadline = time.monotonic() + 20
    while _waiting_for(os.path.realpath(f"{paths.root}/.names.lock"), waiting) < len(ways):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.close(lock_fd)
    counted: dict[int, int] = {}
    for process in waiting:
        out, _ = process.communicate(timeout=20)
        if b"wrote" in out:
            counted[process.returncode] = counted.get(process.returncode, 0) + 1
    return counted


def _waiting_for(lock: str, processes: list[subprocess.Popen[bytes]]) -> int:
    """Return how many of these processes have the lock's file open, and so have come."""
    count = 0
    for process in processes:
        with contextlib.suppress(OSError):
            folder = f"/proc/{process.pid}/fd"
            count += any(os.path.realpath(f"{folder}/{name}") == lock for name in os.listdir(folder))
    return count


def test_note_of_an_earlier_boot_counts_for_nobody(quilt_root: Paths, box: Callable[..., Box]) -> None:
    """The clock begins anew with each boot, so what was noted before it says nothing."""
    web = box("web", running=True)
    connection = open_to_write(quilt_root)
    add_network(connection)
    join(quilt_root, connection, web)
    with open(f"{quilt_root.root}/.names.lock", "w", encoding="ascii") as file:
        file.write(f"11111111-2222-3333-4444-555555555555 {1 << 62} {NETWORK}\n")
    refresh_names.refresh(quilt_root, connection, [NETWORK])
    assert "\tweb a00000000000\n" in read(quilt_root, web)
