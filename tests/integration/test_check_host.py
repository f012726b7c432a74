"""Checking the host: what is found, what is missing, and that asking changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db.connection import open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime import probes
from quiltctl.runtime.lifecycle.check_host import Requirement, check

if TYPE_CHECKING:
    from collections.abc import Callable


def as_nobody(act: Callable[[], object]) -> str:
    """Return what an act returns, as text, when an ordinary user does it."""
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(write_fd, repr(act()).encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def of(paths: Paths, name: str) -> Requirement:
    """Return one requirement."""
    return next(requirement for requirement in check(paths) if requirement.name == name)


@pytest.mark.needs("root", "overlay", "userns")
def test_host_that_runs_these_tests_has_everything_required(quilt_root: Paths) -> None:
    """Where containers run, nothing that is required is missing, and nothing has a hint that is there."""
    found = check(quilt_root)
    assert [r.name for r in found if r.required and not r.ok] == []
    assert [r.name for r in found if r.ok and r.hint] == []


@pytest.mark.needs("root")
def test_check_changes_nothing(quilt_root: Paths) -> None:
    """No mount, no cgroup, no process, no descriptor and no root directory comes of asking."""

    def state() -> tuple[object, ...]:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        cgroups = sorted(str(p) for p in Path("/sys/fs/cgroup").glob("*"))
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
        return mounts, cgroups, children, len(os.listdir("/proc/self/fd")), os.path.exists(quilt_root.root)

    before = state()
    check(quilt_root)
    assert state() == before


def test_damaged_database_is_missing_with_a_way_out(quilt_root: Paths) -> None:
    """A file that is no database is what keeps containers from running, and the hint says what helps."""
    Path(quilt_root.root).mkdir()
    Path(quilt_root.database).write_bytes(b"not a database" * 1000)
    database = of(quilt_root, "database")
    assert (database.ok, database.required) == (False, True)
    assert database.found == f"the database {quilt_root.database} is damaged: file is not a database"
    assert database.hint == "restore a backup made with: quiltctl system backup"


def test_whole_database_is_said_to_be_whole(quilt_root: Paths) -> None:
    """A database without a fault is read once, whole."""
    open_to_write(quilt_root)
    assert of(quilt_root, "database") == Requirement("database", True, True, "whole", "")


def test_root_below_a_file_is_missing(quilt_root: Paths) -> None:
    """A root that can never be made is said to be no directory."""
    Path(quilt_root.root).write_text("a file")
    store = of(Paths(f"{quilt_root.root}/deeper"), "store")
    assert (store.ok, store.found) == (False, f"{quilt_root.root} is not a directory")


@pytest.mark.needs("root")
def test_root_where_nothing_can_be_stored_is_missing() -> None:
    """/proc is no place for containers."""
    assert of(Paths("/proc/quilt"), "store").ok is False


@pytest.mark.needs("root")
def test_ordinary_user_is_told_what_is_missing() -> None:
    """Without root, leaving the namespaces of the host is refused, and each probe says what the kernel said."""
    assert as_nobody(probes.namespaces) == repr("unshare 0x6e020000: Operation not permitted")
    assert "Operation not permitted" in as_nobody(probes.overlay)
