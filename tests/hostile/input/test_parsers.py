"""Every reader of bytes and words that somebody else wrote: a value comes out, or an error of ours, and soon."""

from __future__ import annotations

import gzip
import lzma
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quiltctl.cli import app, fast, line, table, wishes
from quiltctl.commands._environment import environment, pairs
from quiltctl.commands._image_changes import parse_changes
from quiltctl.errors import QuiltError, UsageError
from quiltctl.model import image_name, name, times, units
from quiltctl.model.signals import parse_signal
from quiltctl.runtime import exit_record, logs
from quiltctl.runtime.archive import Archive
from quiltctl.runtime.decompress import decompressed
from quiltctl.runtime.members import members
from quiltctl.runtime.user import UnknownUser, look_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

pytestmark = pytest.mark.usefixtures("deadline")
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
INT64 = range(-(1 << 63), 1 << 63)
changes = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.binary(min_size=1, max_size=8)), max_size=5
)
odd = st.one_of(
    st.text(max_size=40),
    st.text("0123456789-+.eEkKmMgGtTbBiIsShHdDnuµ:/@_Z ٣²\0\n", max_size=40),
    st.sampled_from(
        [
            "9" * 5000,
            "1" * 65536,
            "-" * 65536,
            "/" * 65536,
            "a:" * 9000,
            "\udcff",
            "\0",
            "1e999",
            "٣s",
            "0009" + "9" * 5000,
            "RTMIN+" + "9" * 5000,
        ]
    ),
)


def changed(data: bytes, how: list[tuple[float, int, bytes]]) -> bytes:
    """Return the bytes with some overwritten, taken out, put in, or all behind them cut off."""
    made = bytearray(data)
    for where, what, piece in how:
        place = int(where * len(made))
        length = (len(piece), len(piece), 0, len(made))[what]
        made[place : place + length] = piece if what != 1 else b""
    return bytes(made)


def valid_archive(raw: ModuleType) -> bytes:
    """Return an archive with some of everything that a reader has to read."""
    sparse = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9"), (b"mtime", b"1.5")]
    return bytes(
        raw.archive(
            raw.extended(raw.record(b"uid", b"7"), b"g"),
            {"name": b"s", "content": raw.padded(b"1\n2\n3\n") + b"abc", "pax": sparse},
            raw.extended(b"n" * 150 + b"\0", b"L"),
            {"name": b"n", "content": b"x" * 600, "pax": [(b"SCHILY.xattr.user.a", b"1"), (b"size", b"600")]},
            raw.header(b"o", b"S", gnu=True, tail=raw.base256(1, 12) * 8 + b"\1" + raw.base256(9, 12)),
        )
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
@fuzz
@given(changes, st.binary(max_size=600))
def test_archive_reader_raises_nothing_else(
    raw: ModuleType, pack: Callable[[bytes], bytes], how: list[tuple[float, int, bytes]], tail: bytes
) -> None:
    """Damage of any kind is an ImageError. Red when pax.integer takes whatever int takes."""
    for data in (changed(pack(valid_archive(raw)), how), pack(changed(valid_archive(raw), how)), tail):
        archive = Archive(decompressed(iter((data[:100], data[100:]))))
        try:
            for member in members(archive):
                archive.skip(member.stored_bytes)
            archive.finish()
        except QuiltError:
            continue


OPTIONS = [
    "-a",
    "--all=x",
    "--filter",
    "-f",
    "--time=9",
    "--",
    "-",
    "--=",
    "--root",
    "--help=1",
    "-vv",
    "--no-",
    "-=",
    "-t=x",
]
words = st.lists(st.one_of(st.sampled_from(OPTIONS), odd), max_size=5)


@fuzz
@given(st.sampled_from(table.paths()), words, words)
def test_argv_reader_raises_nothing_else(path: tuple[str, ...], before: list[str], after: list[str]) -> None:
    """A line is understood or a mistake. Red when app.py lets Typer's exceptions through."""
    argv = [*before[:1], *path, *after]
    try:
        wishes.wishes_of(argv)
        found = line.find(argv)
        if found.verb is not None:
            declared = table.load(found.verb).VERB
            fast.read(declared, found.rest)
            app.read(found.path, declared, found.rest)
    except QuiltError:
        return


STAMP = b"2026-11-23T00:00:00.123456789Z"
log_lines = st.one_of(
    st.binary(max_size=80),
    st.tuples(
        st.sampled_from(
            [STAMP, STAMP[:19], b"0001-01-01T00:00:00.000000000Z", STAMP.replace(b"1", b"_"), b"\xff" * 30]
        ),
        st.sampled_from([b"stdout", b"stderr", b"quiltctl", b"x"]),
        st.sampled_from([b"F", b"P", b"", b"FP"]),
        st.binary(max_size=20),
    ).map(b" ".join),
)
log_names = st.sampled_from(["0000000001.log", "0000000002.log", "0000000009.log", "7.log", "٣.log", ".log", "x.log"])


@fuzz
@given(
    st.dictionaries(log_names, st.lists(log_lines, max_size=6).map(b"\n".join), max_size=4),
    st.one_of(st.none(), st.integers(0, 5)),
    st.booleans(),
)
def test_log_reader_raises_nothing(segments: dict[str, bytes], tail: int | None, ended: bool) -> None:  # noqa: FBT001
    """Lines that make no sense are passed over, and segments that none wrote. Red when logs.py opens "7.log"."""
    with tempfile.TemporaryDirectory() as folder:
        for own, content in segments.items():
            Path(folder, own).write_bytes(content + b"\n" * ended)
        found = list(logs.joined(logs.records(folder, tail=tail)))
    assert all(times.format_ns(record.at_ns) for record in found)


@fuzz
@given(st.binary(max_size=100), changes, st.booleans())
def test_exit_record_reader_raises_nothing(rubbish: bytes, how: list[tuple[float, int, bytes]], whole: bool) -> None:  # noqa: FBT001
    """It says how a run ended, or nothing. Red when exit_record.py decodes strictly."""
    text = b"quiltctl-exit 1\ngeneration 3\ncode 137\nreason stopped\noom_killed 1\nfinished_at 1790000000000000000\n"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, exit_record.NAME).write_bytes(changed(text, how) if whole else text[:28] + rubbish)
        found = exit_record.read(folder, 3)
    assert found is None or found.generation == 3


@fuzz
@given(st.binary(max_size=80) | st.lists(st.sampled_from([b"A", b"=", b"\0", b"\n", b"\xff", b"#"])).map(b"".join))
def test_files_of_variables_and_labels_raise_nothing_else(content: bytes) -> None:
    """What they give can be handed to a program and stored. Red when _environment.py lets a NUL through."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content)
        try:
            variables = environment((), [str(path)], ())
            assert all(b"\0" not in os.fsencode(f"{key}{value}") for key, value in variables.items())
            labels = pairs([str(path)], (), "label")
            assert all("\0" not in f"{key}{value}" and f"{key}{value}".encode() for key, value in labels.items())
        except UsageError:
            return


ids = st.sampled_from([b"0", b"1000", b"4294967294", b"4294967295", b"-1", b"\xd9\xa3", b"", b"9" * 99])
user_lines = st.binary(max_size=60) | st.tuples(
    st.sampled_from([b"root", b"x"]), st.just(b"x"), ids, ids, st.sampled_from([b"", b"root,x:y", b"x"]), st.just(b"/")
).map(b":".join)
user_files = st.lists(user_lines, max_size=5).map(b"\n".join)


@fuzz
@given(user_files, user_files, st.one_of(odd, st.sampled_from(["root", "x:x", "0:root", "x", ":", "1000:9"])))
def test_users_and_groups_raise_nothing_else(passwd: bytes, group: bytes, wanted: str) -> None:
    """A user is found with ids that the kernel knows, or unknown. Red when user.py's _is_id takes all digits."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "etc").mkdir()
        Path(folder, "etc/passwd").write_bytes(passwd)
        Path(folder, "etc/group").write_bytes(group)
        root_fd = os.open(folder, os.O_PATH)
        try:
            found = look_up(root_fd, wanted)
        except UnknownUser:
            return
        finally:
            os.close(root_fd)
    assert all(0 <= number < (1 << 32) - 1 for number in (found.uid, found.gid, *found.groups))


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028", "\r"])
def test_user_cannot_hide_another_in_a_field(tmp_path: Path, mark: str) -> None:
    """A line ends with a newline, as for libc, and with nothing else. Red when user.py uses splitlines."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(f"me:x:1000:1000:I{mark}evil:x:0:0::/:/bin/sh:/:/bin/sh\n", newline="")
    root_fd = os.open(tmp_path, os.O_PATH)
    with pytest.raises(UnknownUser):
        look_up(root_fd, "evil")
    os.close(root_fd)


READERS: dict[str, Callable[[str], Any]] = {
    "image name": image_name.complete,
    "image name of a path": image_name.name_from_path,
    "container name": name.check_name,
    "signal": parse_signal,
    "change": lambda text: parse_changes([text]),
    "size": lambda text: units.parse_bytes(text, "--x"),
    "count": lambda text: units.parse_whole(text, "--x"),
}


@pytest.mark.parametrize("reader", READERS)
@fuzz
@given(odd)
def test_words_raise_nothing_else(reader: str, text: str) -> None:
    """A name, size or signal is one, or a mistake. Red when units.py takes what isdigit does, or any length."""
    try:
        READERS[reader](text)
    except UsageError:
        return


@fuzz
@given(odd, st.booleans())
def test_times_can_be_stored_and_shown(text: str, later: bool) -> None:  # noqa: FBT001
    """No moment or length is beyond 64 bits. Red when times.py does not bring them within."""
    now_ns = 1_800_000_000 * times.SECOND_NS
    readers = (times.parse_duration, lambda said: times.parse_moment(said, now_ns=now_ns, later=later))
    for read in readers:
        try:
            found = read(text)
        except UsageError:
            continue
        assert found in INT64
        assert times.format_ns(found)
