"""`logs` over real rows and real logs, followed while real processes live and die in the place of shims."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.commands import logs
from quiltctl.model.times import format_ns
from quiltctl.runtime.shim.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

NOTHING_SAID = {"follow": False, "since": None, "until": None, "tail": None, "timestamps": False, "names": False}
QUICK_S = 10


@pytest.fixture
def show(quilt_root: Paths, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[bytes, bytes]]:
    """Give a function that calls ``logs`` and returns what went to stdout and stderr."""

    def call(*names: str, **given: object) -> tuple[bytes, bytes]:
        wanted = {**NOTHING_SAID, "latest": False, "json": False, "containers": list(names), **given}
        assert logs.command(quilt_root, **wanted) == 0  # type: ignore[arg-type]
        return tuple(capfdbinary.readouterr())  # type: ignore[return-value]

    return call


def test_logs_are_what_was_written(box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]]) -> None:
    """The two streams come out as they went in, byte for byte, also without a last newline."""
    web = box("web")
    web.log.write("stdout", b"one\n\xff\x00\x1b[1m\r\nprompt> ")
    web.log.write("stderr", b"oops\n")
    web.log.write("stdout", b"answer")
    assert show("web") == (b"one\n\xff\x00\x1b[1m\r\nprompt> answer", b"oops\n")


def test_logs_have_times_and_names_on_request(
    box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]]
) -> None:
    """-t and --names stand in front of a line, once, also where it came in pieces."""
    web = box("web")
    before = format_ns(time.time_ns()).encode()
    web.log.write("stdout", b"pie")
    web.log.write("stdout", b"ces\nnext\n")
    out, _ = show("web", timestamps=True, names=True)
    first, second = (line.split(b" ", 2) for line in out.splitlines())
    assert [(name, text) for name, _, text in (first, second)] == [(b"web", b"pieces"), (b"web", b"next")]
    assert before <= first[1] <= second[1] <= format_ns(time.time_ns()).encode()


def test_logs_of_several_are_merged_by_time(box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]]) -> None:
    """Lines of several containers stand in the order of time behind their short ids, and pieces are put together."""
    web, db = box("web"), box("db")
    for log, text in ((web.log, b"1\n"), (db.log, b"2"), (web.log, b"3\n"), (db.log, b" and 4\n"), (web.log, b"5\n")):
        log.write("stdout", text)
    lines = [(web, b"1"), (db, b"2 and 4"), (web, b"3"), (web, b"5")]
    assert show("web", "db")[0] == b"".join(b"%s %s\n" % (box.id[:12].encode(), text) for box, text in lines)


def test_logs_end_another_ones_open_line(box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]]) -> None:
    """With several containers, an unfinished line is ended before another container's line begins."""
    web, db = box("web"), box("db")
    web.log.write("stdout", b"prompt> ")
    db.log.write("stdout", b"hello\n")
    assert show("web", "db", follow=True, names=True)[0] == b"web prompt> \ndb hello\n"


def test_logs_can_be_json(box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]]) -> None:
    """--json is one object per line, all of it on stdout, with bytes that are no UTF-8 escaped."""
    web = box("web")
    web.log.write("stdout", b'say "')
    web.log.write("stderr", b"caf\xc3\xa9 \xff\n")
    web.log.write("stdout", b'hi"\nopen')
    out, err = show("web", json=True)
    assert show("web", json=True, follow=True) == (out, err)
    rest = [line.split(b'", ', 1)[1] for line in out.splitlines()]
    assert (err, rest) == (
        b"",
        [
            b'"stream": "stderr", "message": "caf\xc3\xa9 \\udcff", "partial": false}',
            b'"stream": "stdout", "message": "say \\"hi\\"", "partial": false}',
            b'"stream": "stdout", "message": "open", "partial": true}',
        ],
    )


def test_logs_can_be_cut(box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]]) -> None:
    """--tail, --since and --until take what they say, over segments."""
    web = box("web")
    for number in range(200):
        web.log.write("stdout", b"%d\n" % number)
    assert show("web", tail="3")[0] == b"197\n198\n199\n"
    assert show("web", tail="all")[0] == show("web", since="1h")[0] == b"".join(b"%d\n" % n for n in range(200))
    assert show("web", tail="0")[0] == show("web", until="1h")[0] == show("web", since="-1h")[0] == b""


def test_logs_tell_what_is_missing(
    box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]], quilt_root: Paths
) -> None:
    """What the disk did not take is said on stderr, marked as ours."""
    folder = f"{quilt_root.container(box('web').id)}/log"
    with open(f"{folder}/0000000001.log", "w", encoding="ascii") as file:
        file.write("2026-11-23T00:00:00.000000000Z quiltctl F 7 bytes of output are missing: No space left on device\n")
    assert show("web") == (b"", b"quiltctl: 7 bytes of output are missing: No space left on device\n")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"containers": []}, "logs needs a container"),
        ({"latest": True, "containers": ["web"]}, "--latest and the name of a container do not go together"),
        ({"containers": ["web", "none"]}, 'no such container: "none"'),
        ({"tail": "few"}, '--tail takes a number of lines or all, not "few"'),
        ({"since": "soon"}, 'cannot read the time "soon"'),
        ({"containers": ["mute"]}, "cannot read the logs of mute: it was made with --log-driver none"),
    ],
)
def test_logs_refuse_in_a_sentence(
    box: Callable[..., Any], show: Callable[..., tuple[bytes, bytes]], given: dict[str, object], sentence: str
) -> None:
    """What cannot be done is said before anything is shown."""
    box("web").log.write("stdout", b"never shown\n")
    box("mute", config='{"log_driver": "none"}')
    with pytest.raises(errors.QuiltError) as caught:
        show(*given.pop("containers", ["web"]), **given)  # type: ignore[misc]
    assert str(caught.value) == sentence


def test_logs_follow_over_rotations_to_the_end(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """-f shows what there is, sleeps, shows what comes over many segments, and ends when the shim has."""
    web = box("web", running=True)
    web.log.write("stdout", b"before\n")
    follower = run("logs", "-f", "web")
    follower.asleep()
    for number in range(500):
        web.log.write("stdout", b"%d\n" % number)
    web.end(0)
    assert follower.outcome() == (b"before\n" + b"".join(b"%d\n" % number for number in range(500)), b"", 0)


def test_logs_follow_shows_at_once(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """A prompt without a newline is there although the container says no more."""
    web = box("web", running=True)
    follower = run("logs", "-f", "web")
    follower.asleep()
    web.log.write("stdout", b"prompt> ")
    assert follower.read() == b"prompt> "


def test_logs_follow_waits_for_a_log_to_be_made(
    box: Callable[..., Any], run: Callable[..., Any], quilt_root: Paths
) -> None:
    """A container whose shim has not made the log's folder yet is followed from the first line on."""
    web = box("web", running=True)
    folder = f"{quilt_root.container(web.id)}/log"
    os.rmdir(folder)
    follower = run("logs", "-f", "web")
    follower.asleep()
    os.mkdir(folder)
    Log(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), 1000, 4).write("stdout", b"first\n")
    assert follower.read() == b"first\n"


def test_logs_follow_ends_at_until(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """With -f, a duration for --until counts from now on, and ends it while the container runs on."""
    web = box("web", running=True)
    web.log.write("stdout", b"hello\n")
    begun = time.monotonic()
    assert run("logs", "-f", "--until", "600ms", "web").outcome() == (b"hello\n", b"", 0)
    assert 0.5 < time.monotonic() - begun < QUICK_S


def test_logs_follow_ends_with_its_reader(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """`logs -f | head -1` ends when head has, although the container is silent."""
    web = box("web", running=True)
    web.log.write("stdout", b"hello\n")
    follower = run("logs", "-f", "web")
    assert follower.read() == b"hello\n"
    follower.process.stdout.close()
    follower.process.wait(QUICK_S)
    assert follower.process.stderr.read() == b""


def test_logs_of_the_living_follow_only_this_run(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """The follower ends with the shim it saw, and a later start is not its business."""
    web = box("web", running=True)
    follower = run("logs", "-f", "web")
    follower.asleep()
    web.end(0)
    web.start()
    assert follower.outcome() == (b"", b"", 0)
