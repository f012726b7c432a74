"""The writer of a container's log, on a real file system, read back by the reader or by eye."""

from __future__ import annotations

import errno
import os
import posix
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quiltctl.runtime import logs
from quiltctl.runtime.shim import log
from quiltctl.runtime.shim.log import Log

if TYPE_CHECKING:
    from collections.abc import Iterator

STAMP = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", re.MULTILINE)
ROOMY = 1 << 20


@contextmanager
def opened(folder: Path, max_bytes: int = ROOMY, max_files: int = 4) -> Iterator[Log]:
    """Give a log in a folder and close it."""
    dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    writer = Log(dir_fd, max_bytes, max_files)
    try:
        yield writer
    finally:
        writer.close()
        os.close(dir_fd)


@contextmanager
def limited_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: a full disk that needs no privilege (setrlimit(2))."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


def text_of(folder: Path) -> bytes:
    """Return what all segments hold, without the times."""
    return STAMP.sub(b"", b"".join(path.read_bytes() for path in sorted(folder.iterdir())))


def test_log_has_a_line_for_a_line(tmp_path: Path) -> None:
    """Lines of a chunk become lines of the log, with stream and flag; an unfinished one is there at once, as P."""
    with opened(tmp_path) as writer:
        writer.write("stdout", b"one\ntwo\n\nprompt> ")
        writer.write("stderr", b"oops\r\n")
        seen_at_once = text_of(tmp_path)
        writer.write("stdout", b"\n")
    assert seen_at_once == b"stdout F one\nstdout F two\nstdout F \nstdout P prompt> \nstderr F oops\r\n"
    assert text_of(tmp_path) == seen_at_once + b"stdout F \n"


def test_log_says_when_in_utc_to_the_nanosecond(tmp_path: Path) -> None:
    """The stamp of a line lies between the moments before and after it was written, whatever TZ says."""
    before = time.time_ns()
    with opened(tmp_path) as writer:
        writer.write("stdout", b"now\n")
    (record,) = logs.records(str(tmp_path))
    assert before <= record.at_ns <= time.time_ns()


@settings(max_examples=300, deadline=None)
@given(
    chunks=st.lists(
        st.tuples(
            st.sampled_from(["stdout", "stderr"]),
            st.one_of(st.binary(max_size=40), st.text("ab\n", max_size=60).map(str.encode)),
        ),
        max_size=30,
    ),
    max_bytes=st.integers(1, 400),
    piece_bytes=st.integers(1, 50),
    restart_at=st.integers(0, 30),
)
def test_log_gives_each_stream_back_byte_for_byte(
    chunks: list[tuple[str, bytes]], max_bytes: int, piece_bytes: int, restart_at: int
) -> None:
    """Whatever two streams hold, however it is cut and rotated, and across a restart, joining it gives it back."""
    whole_piece = log.PIECE_BYTES
    log.PIECE_BYTES = piece_bytes
    try:
        with tempfile.TemporaryDirectory() as name:
            for part in (chunks[:restart_at], chunks[restart_at:]):
                with opened(Path(name), max_bytes, max_files=1 << 20) as writer:
                    for stream, data in part:
                        writer.write(stream, data)
            found = list(logs.records(name))
            sizes = [path.stat().st_size for path in Path(name).iterdir()]
            lines = [path.read_bytes().count(b"\n") for path in Path(name).iterdir()]
    finally:
        log.PIECE_BYTES = whole_piece
    for stream in ("stdout", "stderr"):
        kept = b"".join(r.text + (b"" if r.partial else b"\n") for r in found if r.stream == stream)
        assert kept == b"".join(data for name, data in chunks if name == stream)
    assert all(size <= max_bytes or count == 1 for size, count in zip(sizes, lines, strict=True))


def test_log_keeps_the_newest_segments(tmp_path: Path) -> None:
    """Rotation numbers on and deletes the oldest; what is left is the end of the log, without a hole."""
    with opened(tmp_path, max_bytes=200, max_files=3) as writer:
        for number in range(100):
            writer.write("stdout", b"line %03d\n" % number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["0000000023.log", "0000000024.log", "0000000025.log"]
    assert text_of(tmp_path) == b"".join(b"stdout F line %03d\n" % number for number in range(88, 100))


def test_log_never_touches_what_is_whole(tmp_path: Path) -> None:
    """A reader that holds a segment open sees it grow and keeps it when it is deleted."""
    with opened(tmp_path, max_bytes=100, max_files=1) as writer, open(tmp_path / "0000000001.log", "a+b") as held:
        writer.write("stdout", b"first\n")
        writer.write("stdout", b"x" * 80 + b"\n")
        held.seek(0)
        assert STAMP.sub(b"", held.read()) == b"stdout F first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["0000000002.log"]


@pytest.mark.parametrize("torn", [b"2026-11-23T00:00:00.000000000Z stdout F half a li", b"2", b"x" * 200_000])
def test_log_goes_on_after_a_torn_line(tmp_path: Path, torn: bytes) -> None:
    """What a kill left half written is cut off when the log is opened again, and nothing before it."""
    with opened(tmp_path) as writer:
        writer.write("stdout", b"before\n")
    with open(tmp_path / "0000000001.log", "ab") as file:
        file.write(torn)
    with opened(tmp_path) as writer:
        writer.write("stdout", b"after\n")
    assert text_of(tmp_path) == b"stdout F before\nstdout F after\n"


def test_log_begins_anew_behind_a_segment_of_rubbish(tmp_path: Path) -> None:
    """A newest segment without a single newline is emptied and used."""
    (tmp_path / "0000000007.log").write_bytes(b"\0" * 100)
    with opened(tmp_path) as writer:
        writer.write("stdout", b"after\n")
    assert text_of(tmp_path) == b"stdout F after\n"


def test_log_tells_what_a_refusing_disk_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that comes up short keeps its whole lines; the rest is counted and told once there is room again."""
    monkeypatch.setattr(log, "RETRY_NS", 0)
    with opened(tmp_path) as writer:
        writer.write("stdout", b"kept\n")
        with limited_to((tmp_path / "0000000001.log").stat().st_size + 60):
            writer.write("stdout", b"also kept\nlost line\nlost prompt")
            writer.write("stderr", b"lost too\n")
        writer.write("stdout", b"back\n")
    reason = posix.strerror(errno.EFBIG).encode()
    assert text_of(tmp_path) == (
        b"stdout F kept\nstdout F also kept\n"
        b"quiltctl F %d bytes of output are missing: %s\nstdout F back\n"
        % (len(b"lost line\nlost promptlost too\n"), reason)
    )


def test_log_leaves_a_refusing_disk_alone_for_a_while(tmp_path: Path) -> None:
    """After a refusal nothing is tried for a second: a full disk does not hold the container up at each chunk."""
    with opened(tmp_path) as writer:
        with limited_to(0):
            writer.write("stdout", b"lost\n")
        writer.write("stdout", b"lost\n")
        assert text_of(tmp_path) == b""
    reason = posix.strerror(errno.EFBIG).encode()
    assert text_of(tmp_path) == b"quiltctl F 10 bytes of output are missing: %s\n" % reason


def test_log_imports_built_in_modules_only(tmp_path: Path) -> None:
    """The process that stays for days can load it without the standard library's files."""
    source = Path(log.__file__).read_text(encoding="utf-8")
    code = (
        "import sys; before = set(sys.modules); exec(compile(sys.stdin.read(), 'log', 'exec'), {'__name__': 'log'})\n"
        "print(*sorted(set(sys.modules) - before - set(sys.builtin_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], input=source, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "\n"
