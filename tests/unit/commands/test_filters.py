"""Which containers a filter leaves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from quiltctl.commands._filters import parse_filters, pattern, select_containers
from quiltctl.db import images
from quiltctl.db.connection import open_to_read, open_to_write, transaction
from quiltctl.errors import NotFound, UsageError
from quiltctl.model.image import Image, ImageConfig
from tests.attach import add_network, attach, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]

DEBIAN = "d" * 64


@pytest.fixture
def house(quilt_root: Paths, make: Make) -> Paths:
    """Make an image and containers of every sort."""
    connection = open_to_write(quilt_root)
    with transaction(connection):
        images.insert(connection, Image(DEBIAN, "", ImageConfig(), (), 1, 1, "amd64"))
        images.give_name(connection, "localhost/debian:latest", DEBIAN)
    make("web", "running", labels={"app": "shop", "tier": "front"}, image_id=DEBIAN, network="host")
    make("web-2", "exited", labels={"app": "shop"}, facts={"exit_code": 7}, image="localhost/other:1")
    make("db", "created", labels={"app": ""}, container_id="abc" + "0" * 61, command=("/bin/db", "web"))
    make("lost", "running", lost=True)
    make("cold", "paused", network=f"container:{'1'.ljust(64, '0')}")
    make("bad", "error")
    with transaction(connection):
        connection.execute("INSERT INTO volumes (name, created_at) VALUES ('data', 1)")
        connection.execute(
            "INSERT INTO volume_uses (volume, container_id, destination) VALUES ('data', ?, '/data')",
            ("1".ljust(64, "0"),),
        )
    attach(quilt_root, connection, "abc" + "0" * 61, "blue")
    join(connection, "2".ljust(64, "0"), add_network(connection, "quilt0"))
    join(connection, "2".ljust(64, "0"), add_network(connection, "blue"))
    connection.close()
    return quilt_root


def left(paths: Paths, *filters: str, all: bool = True) -> list[str]:
    """Return the names of the containers that the filters leave."""
    return [container.name for container in select_containers(open_to_read(paths), paths, filters, all=all)]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ((), ["web", "web-2", "db", "lost", "cold", "bad"]),
        (("name=web",), ["web", "web-2"]),
        (("name=^web$",), ["web"]),
        (("name=/web",), ["web", "web-2"]),
        (("name=^/web$",), ["web"]),
        (("name=^web",), ["web", "web-2"]),
        (("name=b$",), ["web", "db"]),
        (("name=web.2",), ["web-2"]),
        (("name=^(db|lost)$",), ["db", "lost"]),
        (("name=db", "name=cold"), ["db", "cold"]),
        (("name=nobody",), []),
        (("id=abc",), ["db"]),
        (("id=ABC",), ["db"]),
        (("id=bc",), []),
        (("id=^abc0+$",), ["db"]),
        (("label=app",), ["web", "web-2", "db"]),
        (("label=app=shop",), ["web", "web-2"]),
        (("label=app=",), ["db"]),
        (("label=app", "label=tier"), ["web"]),
        (("label!=app",), ["lost", "cold", "bad"]),
        (("label!=app=shop",), ["db", "lost", "cold", "bad"]),
        (("label=app", "label!=tier=front"), ["web-2", "db"]),
        (("status=running",), ["web"]),
        (("status=exited",), ["web-2", "lost"]),
        (("status=created", "status=paused"), ["db", "cold"]),
        (("status=configured",), ["db"]),
        (("status=error",), ["bad"]),
        (("status=removing",), []),
        (("exited=7",), ["web-2"]),
        (("exited=-1",), ["lost"]),
        (("exited=0",), []),
        (("exited=7", "exited=-1"), ["web-2", "lost"]),
        (("ancestor=debian",), ["web", "lost", "cold", "bad", "db"]),
        (("ancestor=debian:latest",), ["web", "db", "lost", "cold", "bad"]),
        (("ancestor=dddd",), ["web"]),
        (("ancestor=other:1",), ["web-2"]),
        (("ancestor=other",), []),
        (("ancestor=nope",), []),
        (("before=db",), ["web", "web-2"]),
        (("since=lost",), ["cold", "bad"]),
        (("since=web", "before=cold"), ["web-2", "db", "lost"]),
        (("until=10m",), []),
        (("volume=data",), ["web"]),
        (("volume=/data",), ["web"]),
        (("volume=other",), []),
        (("network=host",), ["web"]),
        (("network=none",), ["web-2", "db", "lost", "bad"]),
        (("network=blue",), ["web-2", "db"]),
        (("network=bridge",), ["web-2"]),
        (("network=quilt0", "network=host"), ["web", "web-2"]),
        ((f"network={1:064x}",), ["web-2", "db"]),
        (("network=container:web",), ["cold"]),
        (("network=container:nobody",), []),
        (("network=nope",), []),
        (("health=none",), ["web", "web-2", "db", "lost", "cold", "bad"]),
        (("health=healthy",), []),
        (("command=^/bin/db$",), ["db"]),
        (("command=web",), []),
        (("name=web", "status=exited", "label=app"), ["web-2"]),
    ],
)
def test_filters_leave_what_fits(house: Paths, filters: tuple[str, ...], names: list[str]) -> None:
    """One key's values are alternatives, keys must all hold, labels too, and states are those that are true."""
    assert sorted(left(house, *filters)) == sorted(names)


def test_until_takes_a_moment(house: Paths) -> None:
    """What was made before a moment is left, and after it nothing is."""
    later = time.time_ns() // 10**9 + 60

    assert len(left(house, f"until={later}")) == 6


@pytest.mark.parametrize(
    ("filters", "names"),
    [((), ["web"]), (("name=web",), ["web"]), (("status=created",), ["db"]), (("exited=7",), ["web-2"])],
)
def test_without_all_only_running_ones_are_left(house: Paths, filters: tuple[str, ...], names: list[str]) -> None:
    """A filter that asks for a state looks at all of them, any other at those that run."""
    assert left(house, *filters, all=False) == names


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("name", 'invalid filter "name"'),
        ("foo=bar", '"foo" is an invalid filter'),
        ("status=bogus", '"bogus" is no state of a container'),
        ("exited=x", '"x" is no exit code'),
        ("exited=256", '"256" is no exit code'),
        ("exited=", '"" is no exit code'),
        ("health=fine", '"fine" is no health'),
        ("until=soon", 'cannot read the time "soon"'),
        ("name=(", '"(" is no regular expression: missing ), unterminated subpattern at position 0'),
    ],
)
def test_bad_filters_are_refused(house: Paths, word: str, sentence: str) -> None:
    """A filter that cannot be understood is an error of usage, never silently everything or nothing."""
    with pytest.raises(UsageError) as caught:
        left(house, word)

    assert str(caught.value) == sentence


@pytest.mark.parametrize("word", ["since=nobody", "before=nobody"])
def test_since_and_before_need_a_container(house: Paths, word: str) -> None:
    """To compare with a container it has to exist."""
    with pytest.raises(NotFound, match='no such container: "nobody"'):
        left(house, word)


def test_parse_filters_groups_by_key() -> None:
    """A value may hold further signs, and may be empty."""
    assert parse_filters(["a=1", "b=", "a=x=y", "c!=z"], ["a", "b", "c!"]) == {
        "a": ["1", "x=y"],
        "b": [""],
        "c!": ["z"],
    }


@pytest.mark.parametrize(
    ("value", "fits", "others"),
    [
        ("web", ["web", "my-web-1"], ["we", ""]),
        ("^web", ["web-1"], ["my-web"]),
        ("web$", ["my-web"], ["web-1"]),
        ("^web$", ["web"], ["web-1", "my-web"]),
        ("w.b", ["web", "wib"], ["wb"]),
        ("", ["", "x"], []),
    ],
)
def test_pattern_is_a_regular_expression(value: str, fits: list[str], others: list[str]) -> None:
    """Plain words are found as an expression would find them."""
    matches = pattern(value)

    assert ([text for text in fits if matches(text)], [text for text in others if matches(text)]) == (fits, [])
