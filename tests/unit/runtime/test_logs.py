"""The reader of logs, over segments written by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quiltctl.model.log_record import Record
from quiltctl.model.times import SECOND_NS, format_ns
from quiltctl.runtime import logs
from quiltctl.runtime.logs import Reader, joined, records

if TYPE_CHECKING:
    from pathlib import Path

START = 1_795_392_000 * SECOND_NS


def line(second: int, text: bytes, stream: str = "stdout", flag: str = "F") -> bytes:
    """Return a line of a log, so many seconds after the start."""
    return b"%s %s %s %s\n" % (format_ns(START + second * SECOND_NS).encode(), stream.encode(), flag.encode(), text)


def segment(folder: Path, number: int, *lines: bytes) -> None:
    """Write a segment."""
    (folder / f"{number:010}.log").write_bytes(b"".join(lines))


def texts(folder: Path, **conditions: object) -> list[bytes]:
    """Return the texts of what the reader finds."""
    return [record.text for record in records(str(folder), **conditions)]  # type: ignore[arg-type]


def test_records_are_whole(tmp_path: Path) -> None:
    """A record has the time, the stream, the bytes, and whether the program ended the line."""
    segment(tmp_path, 1, line(0, b"a b  c\xff\0", "stderr"), line(1, b"", flag="P"), line(2, b"gone", "quiltctl"))
    assert list(records(str(tmp_path))) == [
        Record(START, "stderr", b"a b  c\xff\0", False),
        Record(START + SECOND_NS, "stdout", b"", True),
        Record(START + 2 * SECOND_NS, "quiltctl", b"gone", False),
    ]


def test_records_of_no_log_are_none(tmp_path: Path) -> None:
    """A container that never ran has no folder, and that is no error."""
    assert texts(tmp_path / "none") == []


def test_records_go_over_segments_in_order(tmp_path: Path) -> None:
    """Segments are read by number, wherever the numbers begin."""
    segment(tmp_path, 10, line(1, b"ten"))
    segment(tmp_path, 9, line(0, b"nine"))
    assert texts(tmp_path) == [b"nine", b"ten"]


@pytest.mark.parametrize(
    "corrupt",
    [
        *(b"\n", b"rubbish\n", b"\0" * 300 + b"\n", line(0, b"x")[5:], line(0, b"x", "stdin"), line(0, b"x", flag="Q")),
        *(line(0, b"x").replace(b"2026-11-23", b"2026-99-99"), line(0, b"x").replace(b"Z stdout F", b"Z stdout")),
        line(0, b"x").replace(b".000000000Z", b".0000x0000Z"),
        line(0, b"x").replace(b"T00:00:00", "T00:00:0٣".encode()),
    ],
)
def test_records_pass_over_what_makes_no_sense(tmp_path: Path, corrupt: bytes) -> None:
    """A line that is none is skipped, and those around it are not."""
    segment(tmp_path, 1, line(0, b"before"), corrupt, line(1, b"after"))
    assert texts(tmp_path) == texts(tmp_path, tail=5) == [b"before", b"after"]


def test_records_leave_out_a_torn_line(tmp_path: Path) -> None:
    """A last line without its newline is not there yet."""
    segment(tmp_path, 1, line(0, b"whole"), line(1, b"torn")[:-1])
    assert texts(tmp_path) == texts(tmp_path, tail=9) == texts(tmp_path, tail=1) == [b"whole"]


def test_records_are_chosen_by_time_and_stream(tmp_path: Path) -> None:
    """Both ends are inclusive, the streams are those asked for, and tail counts what is left."""
    segment(tmp_path, 1, *(line(second, b"%d" % second, "stderr" if second % 2 else "stdout") for second in range(10)))
    since, until = START + 2 * SECOND_NS, START + 7 * SECOND_NS
    assert texts(tmp_path, since_ns=since, until_ns=until) == [b"2", b"3", b"4", b"5", b"6", b"7"]
    assert texts(tmp_path, since_ns=since, until_ns=until, streams=("stderr",), tail=2) == [b"5", b"7"]


def test_tail_counts_lines_not_pieces(tmp_path: Path) -> None:
    """A line in pieces is one; what is still open is one; two streams do not disturb each other."""
    pieces = (line(1, b"b", flag="P"), line(1, b"E", "stderr"), line(2, b"b", flag="P"), line(2, b"b"))
    segment(tmp_path, 1, line(0, b"a"), *pieces, line(3, b"open", flag="P"), line(3, b"open", flag="P"))
    assert texts(tmp_path, tail=1) == [b"open", b"open"]
    assert texts(tmp_path, tail=2) == [b"b", b"b", b"open", b"open"]
    assert texts(tmp_path, tail=4) == [b"a", b"b", b"E", b"b", b"b", b"open", b"open"]
    assert texts(tmp_path, tail=0) == []


@settings(deadline=None, max_examples=200)
@given(
    lines=st.lists(st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"")), max_size=40),
    cuts=st.sets(st.integers(0, 40), max_size=4),
    tail=st.integers(0, 45),
    block=st.integers(1, 100),
    torn=st.binary(max_size=80).map(lambda text: text.replace(b"\n", b"")),
)
def test_tail_is_the_end_of_all(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: set[int], tail: int, block: int, torn: bytes
) -> None:
    """Whatever the lines, segments and blocks are, tail is what a reader of everything sees last."""
    folder = tmp_path_factory.mktemp("log")
    edges = [0, *sorted(cuts), len(lines)]
    for number, (begin, end) in enumerate(pairwise(edges), 1):
        segment(
            folder, number, *(line(0, text) for text in lines[begin:end]), torn if number == len(edges) - 1 else b""
        )
    whole_block = logs._BLOCK_BYTES  # noqa: SLF001 (small blocks meet every edge)
    logs._BLOCK_BYTES = block  # noqa: SLF001
    try:
        assert (
            texts(folder, tail=tail) == texts(folder)[max(len(lines) - tail, 0) :] == lines[max(len(lines) - tail, 0) :]
        )
    finally:
        logs._BLOCK_BYTES = whole_block  # noqa: SLF001


def test_reader_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Each read yields what came since, over a rotation, and a torn line once it is whole."""
    segment(tmp_path, 1, line(0, b"a"), line(1, b"b")[:-3])
    reader = Reader(str(tmp_path))
    first = [record.text for record in reader.read()]
    segment(tmp_path, 1, line(0, b"a"), line(1, b"b"))
    segment(tmp_path, 2, line(2, b"c"))
    reader.refresh()
    second = [record.text for record in reader.read()]
    reader.close()
    assert (first, second) == ([b"a"], [b"b", b"c"])


def test_reader_keeps_what_it_holds(tmp_path: Path) -> None:
    """A segment that was deleted after it was opened is read to its end."""
    segment(tmp_path, 1, line(0, b"a"))
    reader = Reader(str(tmp_path))
    (tmp_path / "0000000001.log").unlink()
    segment(tmp_path, 2, line(1, b"b"))
    reader.refresh()
    found = [record.text for record in reader.read()]
    reader.close()
    assert found == [b"a", b"b"]


def test_reader_begins_where_there_is_no_hole(tmp_path: Path) -> None:
    """When segments are deleted while they are being opened, it begins behind them, and not with one from before."""
    for number in (1, 2, 3):
        segment(tmp_path, number, line(number, b"%d" % number))

    class Overtaken(Reader):
        def _open(self, number: int) -> bool:
            if number == 2:
                for deleted in (1, 2):
                    (tmp_path / f"{deleted:010}.log").unlink(missing_ok=True)
            return super()._open(number)

    reader = Overtaken(str(tmp_path))
    found = [record.text for record in reader.read()]
    reader.close()
    assert found == [b"3"]


def test_reader_says_what_it_missed(tmp_path: Path) -> None:
    """Segments that came and went between two reads are told, not passed over."""
    segment(tmp_path, 1, line(0, b"a"))
    reader = Reader(str(tmp_path))
    list(reader.read())
    (tmp_path / "0000000001.log").unlink()
    segment(tmp_path, 5, line(1, b"b"))
    reader.refresh()
    found = [(record.stream, record.text) for record in reader.read()]
    reader.close()
    assert found == [("quiltctl", b"output was rotated away before it could be read"), ("stdout", b"b")]


def test_joined_puts_lines_together(tmp_path: Path) -> None:
    """Pieces become one line under the time of the first, per stream; what is never ended comes last."""
    segment(tmp_path, 1, line(0, b"a", flag="P"), line(1, b"E", "stderr", "P"), line(2, b"b", flag="P"), line(3, b""))
    assert list(joined(records(str(tmp_path)))) == [
        Record(START, "stdout", b"ab", False),
        Record(START + SECOND_NS, "stderr", b"E", True),
    ]


def test_joined_does_not_gather_for_ever() -> None:
    """A stream without newlines is passed on in pieces of bounded size."""
    piece = Record(START, "stdout", b"x" * (logs.LONGEST_LINE_BYTES // 2), True)
    assert [len(record.text) for record in joined([piece] * 5)] == [1 << 20, 1 << 20, 1 << 19]
