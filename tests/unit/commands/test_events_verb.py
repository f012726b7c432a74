"""`events`: what happened, from the table."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db import events, images
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.errors import UsageError
from quiltctl.model.image import Image, ImageConfig
from quiltctl.ui.ago import local_time, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

WEB = "1".ljust(64, "0")
PAST = ("--stream=false",)


@pytest.fixture
def house(quilt_root: Paths, make: Make) -> Paths:
    """Make two containers that ended, one of them with a label, and an image with a name."""
    make("web", "exited", labels={"app": "shop"}, facts={"exit_code": 137, "oom_killed": 1})
    make("job", "exited", facts={"exit_code": None, "exit_reason": "supervisor-lost"}, image="localhost/tiny:1")
    connection = open_to_write(quilt_root)
    with transaction(connection):
        images.insert(connection, Image("d" * 64, "", ImageConfig(), (), 1, 1, "amd64"))
        images.give_name(connection, "localhost/debian:latest", "d" * 64)
    connection.close()
    return quilt_root


def told(paths: Paths) -> list[events.Event]:
    """Return every event there is."""
    return events.after(open_to_read(paths), 0)


def test_events_are_podmans_lines(call: Call, capsys: Capture, house: Paths) -> None:
    """One line for each, with the local time, the whole id, and what became known; a code that nobody has is -1."""
    code = call("events", *PAST)

    moments = [local_time(event.at) for event in told(house)]
    web, job = f"{WEB} (image=debian, name=web", f"{'2'.ljust(64, '0')} (image=localhost/tiny:1, name=job"
    words = [
        f"container create {web})",
        f"container init {web})",
        f"container start {web})",
        f"container died {web}, exitCode=137, reason=exited, oomKilled=true)",
        f"container create {job})",
        f"container init {job})",
        f"container start {job})",
        f"container died {job}, reason=supervisor-lost, exitCode=-1)",
        f"image import {'d' * 64}",
        f"image tag {'d' * 64} localhost/debian:latest",
    ]
    assert code == 0
    assert capsys.readouterr().out.splitlines() == [f"{at} {text}" for at, text in zip(moments, words, strict=True)]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ((), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (("type=image",), [9, 10]),
        (("event=died",), [4, 8]),
        (("event=die",), [4, 8]),
        (("event=create", "event=tag"), [1, 5, 10]),
        (("container=web",), [1, 2, 3, 4]),
        (("container=/web",), [1, 2, 3, 4]),
        (("container=20",), [5, 6, 7, 8]),
        (("container=",), []),
        (("container=web", "event=died"), [4]),
        (("image=debian",), [1, 2, 3, 4, 10]),
        (("image=dddd",), [9, 10]),
        (("image=tiny:1",), [5, 6, 7, 8]),
        (("image=localhost/tiny:1",), [5, 6, 7, 8]),
        (("label=app",), [1, 2, 3, 4]),
        (("label=app=shop", "event=died"), [4]),
        (("label=app=other",), []),
        (("label=app", "label=other"), []),
        (("network=blue",), []),
        (("volume=data",), []),
    ],
)
def test_events_can_be_filtered(
    call: Call, capsys: Capture, house: Paths, filters: tuple[str, ...], numbers: list[int]
) -> None:
    """Values of one key are alternatives, keys must all hold, and docker's words for an end are understood."""
    moments = {event.at: event.seq for event in told(house)}

    call("events", *PAST, *(f"--filter={word}" for word in filters), "--format", "{{.TimeNano}}")

    assert [moments[int(line)] for line in capsys.readouterr().out.splitlines()] == numbers


@pytest.mark.parametrize("how", [("--json",), ("--format", "json"), ("--format", "{{json .}}")])
def test_events_json_is_one_object_a_line(call: Call, capsys: Capture, house: Paths, how: tuple[str, ...]) -> None:
    """Podman's keys, attributes as text, and the exit code where something died."""
    call("events", *PAST, "--filter", "container=web", "--filter", "event=died", "--filter", "event=init", *how)

    init, died = told(house)[1], told(house)[3]
    common: dict[str, Any] = {"ID": WEB, "Image": "debian", "Name": "web"}
    last = {"image": "debian", "generation": "1", "exitCode": "137", "reason": "exited", "oomKilled": "true"}
    expected = [
        {
            **common,
            "Status": "init",
            "Time": timestamp(init.at),
            "TimeNano": init.at,
            "Type": "container",
            "Attributes": {"image": "debian", "generation": "1"},
        },
        {
            **common,
            "Status": "died",
            "Time": timestamp(died.at),
            "TimeNano": died.at,
            "Type": "container",
            "Attributes": last,
            "ContainerExitCode": 137,
        },
    ]
    assert capsys.readouterr().out == "".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in expected)


@pytest.mark.usefixtures("house")
def test_events_take_a_template(call: Call, capsys: Capture) -> None:
    """Every event has every field, also the exit code that only an end has a value of."""
    call(
        "events",
        *PAST,
        "--filter=container=job",
        "--no-trunc=false",
        "--format",
        "{{.ID}} {{.Status}} {{.ContainerExitCode}}",
    )

    assert capsys.readouterr().out.splitlines() == [
        "200000000000 create <no value>",
        "200000000000 init <no value>",
        "200000000000 start <no value>",
        "200000000000 died -1",
    ]


def test_events_stay_within_their_times(call: Call, capsys: Capture, house: Paths) -> None:
    """From a moment to a moment, both included; an end that is past needs no --stream=false."""
    since, until = timestamp(told(house)[2].at), timestamp(told(house)[4].at)

    call("events", "--since", since, "--until", until, "--format", "{{.Name}} {{.Status}}")

    assert capsys.readouterr().out.splitlines() == ["web start", "web died", "job create"]


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("words", "count"), [(("--since", "1h"), 10), (("--since=2100-01-01",), 0), (("--until=0",), 0)]
)
def test_events_since_and_until(call: Call, capsys: Capture, words: tuple[str, ...], count: int) -> None:
    """Durations count back from now; a time without events is an empty list."""
    call("events", *PAST, *words)

    assert len(capsys.readouterr().out.splitlines()) == count


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--since", "soon"), 'cannot read the time "soon"'),
        (("--until", "yesterday"), 'cannot read the time "yesterday"'),
        (("--filter", "foo=x"), '"foo" is an invalid filter'),
        (("--filter", "type=pod"), '"pod" is no type of event'),
        (("--filter", "type"), 'invalid filter "type"'),
        (("--format", "{{"), "cannot use the format at character 3: the action is not closed by }}"),
    ],
)
def test_events_refuse_what_they_cannot_read(call: Call, words: tuple[str, ...], sentence: str) -> None:
    """A bad time, filter or template is told at once, before anything is waited for."""
    with pytest.raises(UsageError) as caught:
        call("events", *words)

    assert str(caught.value) == sentence


def test_events_of_nothing_make_nothing(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """Without a database nothing has happened, and asking makes none."""
    assert call("events", *PAST) == 0
    assert (capsys.readouterr().out, os.path.exists(quilt_root.root)) == ("", False)


def test_events_show_a_name_on_one_line(call: Call, capsys: Capture, quilt_root: Paths) -> None:
    """What a name holds is shown, not obeyed."""
    connection = open_to_write(quilt_root)
    with transaction(connection):
        connection.execute(
            "INSERT INTO events (at, kind, action, object_id, name) VALUES (?, 'volume', 'create', '', ?)",
            (time.time_ns(), "a\n\x1b[2J"),
        )
    connection.close()

    call("events", *PAST)

    assert capsys.readouterr().out.endswith(" volume create  a\\n\\x1b[2J\n")
