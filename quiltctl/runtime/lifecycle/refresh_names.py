"""Who is found by which name: /etc/hosts of every container that runs, as the database has it.

Whoever changes who is in a network, or what it is called, commits that and then refreshes. The database is read
under a lock, so the last one to write has seen whatever was committed before. Who has waited for the lock while
another one read what it has come to tell has nothing left to do.
"""

from __future__ import annotations

import fcntl
import os
import time

from quiltctl.db import network_names
from quiltctl.db.document import decode
from quiltctl.runtime import liveness
from quiltctl.runtime.network import hosts, hosts_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from quiltctl.db.network_names import Member, Place
    from quiltctl.paths import Paths

_LOCK_S = 5.0
_LOOK_S = 0.003
_MOST_BYTES = 64 << 10


def refresh(paths: Paths, connection: sqlite3.Connection, network_ids: Iterable[str]) -> None:
    """Bring /etc/hosts of every live container of some networks up to date, after the change was committed.

    Networks without names are passed over. A container that does not let its file be written keeps the old text.

    Raises:
        OSError: the lock cannot be made, or no process for the writing.
        sqlite3.Error: the database cannot be read.
    """
    came_at = time.monotonic_ns()
    wanted = network_names.with_names(connection, network_ids)
    if not wanted:
        return
    lock_fd = os.open(f"{paths.root}/.names.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _lock(lock_fd):
            return
        if _has_been_done(lock_fd, wanted, came_at):
            return
        began_at = time.monotonic_ns()
        texts = _texts(connection, wanted)
        hosts_file.write_all([(f"{paths.container(key)}/hosts", text) for key, text in texts])
        _note(lock_fd, wanted, began_at)
    finally:
        os.close(lock_fd)


def _lock(lock_fd: int) -> bool:
    """Wait for the lock, but not for ever: whoever holds it may have been stopped, and then gc will see to it."""
    deadline = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        else:
            return True


def _has_been_done(lock_fd: int, wanted: Sequence[str], came_at: int) -> bool:
    """Return whether the last refresh covers these networks, and began to read after this process had come.

    The clock is the same for all processes (CLOCK_MONOTONIC, clock_gettime(2)), until the next boot.
    """
    words = os.pread(lock_fd, _MOST_BYTES, 0).decode("ascii", "replace").partition("\n")[0].split()
    if len(words) < 2 or words[0] != liveness.boot_id() or not words[1].isdigit():  # noqa: PLR2004 (boot and time)
        return False
    return int(words[1]) > came_at and {*wanted} <= {*words[2:]}


def _note(lock_fd: int, wanted: Sequence[str], began_at: int) -> None:
    """Write which networks were brought up to date, and as of when."""
    note = f"{liveness.boot_id()} {began_at} {' '.join(wanted)}\n".encode()
    # Not emptied first: ext4 brings a file that was to the disk when it is closed, which takes a millisecond.
    os.pwrite(lock_fd, note, 0)
    os.ftruncate(lock_fd, len(note))


def _texts(connection: sqlite3.Connection, network_ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the id of each container whose file names somebody of these networks, and the text of it."""
    readers: dict[str, list[Place]] = {}
    for place in network_names.places(connection, network_ids):
        readers.setdefault(place.container_id, []).append(place)
    named = {place.network_id for places in readers.values() for place in places if place.names}
    neighbours: dict[str, list[tuple[Member, hosts.Entry, str]]] = {network_id: [] for network_id in named}
    for member in network_names.members(connection, named):
        entry = _entry(connection, member)
        neighbours[member.network_id].append((member, entry, hosts.lines_of(entry)))
    for container_id, places in readers.items():
        extra = decode(connection, places[0].extra_hosts)
        claimed = hosts.claimed_by(extra)
        around = [each for place in places for each in neighbours.get(place.network_id, ())]
        if len(places) > 1:
            around.sort(key=lambda each: each[0].lease_id)
        peers = "".join(
            hosts.lines_of(entry, claimed) if claimed else line
            for member, entry, line in around
            if member.container_id != container_id
        )
        gateway = next((place.gateway for place in places if place.gateway), None)
        own = [_own_entry(connection, place) for place in places]
        yield container_id, hosts.render(own, extra, gateway, peers).encode("utf-8", "surrogateescape")


def _entry(connection: sqlite3.Connection, member: Member) -> hosts.Entry:
    aliases = () if member.aliases == "[]" else decode(connection, member.aliases)
    names = hosts.names_of(member.container_id, member.name, aliases)
    return hosts.Entry(member.lease_id, member.ip, member.ip6, names)


def _own_entry(connection: sqlite3.Connection, place: Place) -> hosts.Entry:
    """Return what a container is to itself in one network."""
    aliases = () if place.aliases == "[]" else decode(connection, place.aliases)
    names = hosts.names_of(place.container_id, place.name, aliases, place.hostname)
    return hosts.Entry(place.lease_id, place.ip, place.ip6, names)
