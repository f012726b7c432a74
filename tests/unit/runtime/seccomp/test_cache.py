"""Programs and profiles in their folder: found again, made anew, swept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from quiltctl.errors import HostLacks, NotFound, UsageError
from quiltctl.runtime.seccomp import cache
from quiltctl.runtime.seccomp.compiler import compile_profile

pytestmark = pytest.mark.needs("libseccomp")

MACHINE = os.uname().machine
TEXT = json.dumps(
    {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["acct"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_PACCT"]}}],
    }
)
HEAVY = {"json", "hashlib", "re", "typing", "enum", "pathlib", "dataclasses", "subprocess", "ctypes", "pyseccomp"}
HIT = """
import sys
before = set(sys.modules)
from quiltctl.runtime.seccomp import cache
assert cache.program(sys.argv[1], "default", ["CHOWN", "SYS_CHROOT"])
print(*sorted(set(sys.modules) - before))
"""
LACKING = """
import ctypes.util, sys
ctypes.util.find_library = lambda name: None if name == "seccomp" else "libc.so.6"
from quiltctl.errors import HostLacks
from quiltctl.runtime.seccomp import cache
try:
    cache.program(sys.argv[1], "default", [])
except HostLacks as error:
    print(error, error.hint, sep="\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Return where the cache may be; it is not there yet."""
    return str(tmp_path / "a" / "seccomp")


def programs_in(folder: str) -> list[Path]:
    """Return the files of programs."""
    return sorted(Path(folder).glob("*.bpf"))


def make_old(*paths: Path) -> None:
    """Give files a time before any grace."""
    for path in paths:
        os.utime(path, (0, 0))


def test_program_is_the_compiled_profile(folder: str) -> None:
    """Made on the first call, read on the second, in a folder that nobody else may enter."""
    text = (Path(cache.__file__).parent / "default.json").read_text(encoding="utf-8")
    expected = compile_profile(text, ["CHOWN"], MACHINE)
    assert cache.program(folder, "default", ["CHOWN"]) == expected
    (path,) = programs_in(folder)
    made = path.stat()
    assert cache.program(folder, "default", ["CHOWN"]) == expected
    assert path.stat() == made
    assert (made.st_mode & 0o777, Path(folder).stat().st_mode & 0o777) == (0o600, 0o700)


def test_hit_loads_nothing_heavy(folder: str) -> None:
    """Every start of a container goes this way: no json, no hashlib, no compiler."""
    cache.program(folder, "default", ["CHOWN", "SYS_CHROOT"])
    run = subprocess.run([sys.executable, "-I", "-c", HIT, folder], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "quiltctl.runtime.seccomp.cache" in loaded
    assert HEAVY & loaded == set()
    assert [name for name in loaded if name.startswith("quiltctl.runtime.seccomp.c")] == [cache.__name__]


def test_only_capabilities_that_matter_make_another_program(folder: str) -> None:
    """The order does not count, nor what the profile never speaks of."""
    name = cache.keep(folder, TEXT)
    for capabilities in (["CHOWN"], [], ["KILL", "CHOWN"], ["SYS_PACCT", "KILL"], ["SYS_PACCT"]):
        expected = compile_profile(TEXT, capabilities, MACHINE)
        assert cache.program(folder, name, capabilities) == expected
    assert len(programs_in(folder)) == 2


def test_capability_with_escapes_matters_too(folder: str) -> None:
    """JSON may spell a letter by its number; the program is still that of its capabilities."""
    text = TEXT.replace("CAP_SYS_PACCT", "CAP_SYS_\\u0050ACCT")
    name = cache.keep(folder, text)
    found = [cache.program(folder, name, capabilities) for capabilities in ([], ["SYS_PACCT"])]
    assert found == [compile_profile(text, (), MACHINE), compile_profile(text, ["SYS_PACCT"], MACHINE)]
    assert found[0] != found[1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda old: old[:-8],
        lambda old: old[:-1],
        lambda _: b"\0" * 4,
        lambda old: old[:20] + bytes([old[20] ^ 1]) + old[21:],
    ],
)
def test_damaged_program_is_made_anew(folder: str, damage: Any) -> None:
    """Empty, cut at an instruction or within one, zeros, one flipped bit: seen, and mended."""
    expected = cache.program(folder, "default", [])
    (path,) = programs_in(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert cache.program(folder, "default", []) == expected
    assert path.read_bytes() == whole


def test_writers_at_once_leave_one_whole_program(folder: str) -> None:
    """Eight processes find nothing at the same moment; all get the program, and no scrap stays."""
    with ProcessPoolExecutor(8, mp_context=get_context("forkserver")) as pool:
        found = set(pool.map(cache.program, [folder] * 16, ["default"] * 16, [[]] * 16))
    assert found == {cache.program(folder, "default", [])}
    assert os.listdir(folder) == [programs_in(folder)[0].name]


@pytest.mark.needs("root")
def test_program_that_cannot_be_stored_is_still_given(tmp_path: Path) -> None:
    """A cache that takes nothing costs time, never a start: here its folder is a file."""
    (tmp_path / "file").touch()
    assert cache.program(str(tmp_path / "file" / "seccomp"), "default", [])


def test_profile_is_kept_under_its_hash(folder: str) -> None:
    """The text comes back as it was, twice the same is one file, and nobody else may read it."""
    name = cache.keep(folder, TEXT)
    assert cache.keep(folder, TEXT) == name == sha256(TEXT.encode()).hexdigest()
    assert os.listdir(folder) == [f"{name}.json"]
    assert Path(folder, f"{name}.json").read_text(encoding="utf-8") == TEXT
    assert Path(folder, f"{name}.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["{}", '{"defaultAction": "SCMP_ACT_ALLOW", "comment": "\ud800"}'])
def test_what_is_no_profile_is_not_kept(folder: str, text: str) -> None:
    """Nothing is made on disk for it."""
    with pytest.raises(UsageError):
        cache.keep(folder, text)
    assert not os.path.exists(folder)


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_missing_or_damaged_profile_is_not_found(folder: str, content: bytes | None) -> None:
    """A profile is what its name says, or nothing."""
    name = cache.keep(folder, TEXT)
    path = Path(folder, f"{name}.json")
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(NotFound, match=f'no such seccomp profile: "{name}"'):
        cache.program(folder, name, [])


def test_missing_libseccomp_has_a_way_out(folder: str) -> None:
    """The sentence names it and the hint has both ways."""
    run = subprocess.run([sys.executable, "-I", "-c", LACKING, folder], capture_output=True, text=True, check=True)
    assert HostLacks.code == "host_lacks"
    assert run.stdout.splitlines() == [
        "cannot filter system calls: libseccomp cannot be loaded: Unable to find libseccomp",
        "apt install libseccomp2, or --security-opt seccomp=unconfined",
    ]


def test_sweep_keeps_what_is_wanted_and_what_is_young(folder: str) -> None:
    """Unwanted profiles go with their programs, and programs of a past state; not what may be needed in a moment."""
    wanted, unwanted = cache.keep(folder, TEXT), cache.keep(folder, TEXT + " ")
    young = cache.keep(folder, TEXT + "  ")
    for name in (wanted, unwanted, "default"):
        cache.program(folder, name, [])
    past, scrap = Path(folder, f"default.{'0' * 16}.{'0' * 16}.bpf"), Path(folder, f"{wanted}.json.1.00.tmp")
    past.touch()
    scrap.touch()
    make_old(*(path for path in Path(folder).iterdir() if not path.name.startswith(young)))
    cache.sweep(folder, {wanted})
    left = sorted((name.partition(".")[0], name.rpartition(".")[2]) for name in os.listdir(folder))
    assert left == sorted([(wanted, "json"), (wanted, "bpf"), ("default", "bpf"), (young, "json")])


def test_sweep_of_nothing_does_nothing(folder: str) -> None:
    """Where no container ever started there is no folder, and none is made."""
    cache.sweep(folder, set())
    assert not os.path.exists(folder)
