"""Names, labels, variables and paths that nobody sane would give, through the installed command."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")
LONG = b"x" * 65536
ODD = {
    "quotes": b"'\"`",
    "sql": b"x'; DROP TABLE containers; --",
    "shell": b"$(touch /tmp/quilt-was-here)`id`;&|",
    "newline": b"a\nb",
    "escape": b"\x1b[31mred\x07\r",
    "climbing": b"../../../sentinel",
    "absolute": b"/nowhere/x",
    "dots": b"..",
    "long": LONG,
    "not UTF-8": b"\xff\xfe",
    "override": "\u202egnp.exe".encode(),
    "blank": b" ",
    "template": b"{{.Id}}{{json .}}%s%(x)s{0}",
    "option": b"--privileged",
    "empty": b"",
    "digits": b"9" * 5000,
}
CREATE = ("create", "--network", "none")
EVERY = pytest.mark.parametrize("odd", ODD)


def refused(done: subprocess.CompletedProcess[bytes]) -> str:
    """Check that it is a mistake of the user, said in one printable line and perhaps a hint, and return the line."""
    text = done.stderr.decode()
    first, *hints = text.splitlines()
    assert (done.returncode, first[:7]) == (125, "Error: "), text[:500]
    assert len(hints) <= 1
    assert all(hint.startswith("hint: ") for hint in hints), text[:500]
    assert all(line.isprintable() for line in text.splitlines()), text[:500]
    assert "internal error" not in text, text[:500]
    return first


@pytest.fixture(autouse=True)
def _nothing_is_left(store: Store) -> Iterator[None]:
    """Check after each test that the sentinel is untouched, that no shell ran, and that no container was made."""
    before = store.outside()
    yield
    shutil.rmtree(store.paths.containers, ignore_errors=True)
    assert store.outside() == before
    assert not Path("/tmp/quilt-was-here").exists()
    assert store.connection.execute("SELECT name FROM containers").fetchall() == []


def removed(store: Store, done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    """Check that a container was made, remove it, and return its configuration."""
    assert (done.returncode, done.stderr) == (0, b""), done.stderr[:500]
    identity = done.stdout.decode().strip()
    # A variable that is not UTF-8 goes out with the bytes it came with.
    (found,) = json.loads(store.command("inspect", identity).stdout.decode("utf-8", "surrogateescape"))
    assert store.command("rm", identity).returncode == 0
    config: dict[str, Any] = found["Config"]
    return config


@EVERY
def test_name_of_a_container_is_refused(store: Store, odd: str) -> None:
    """Only letters, digits and three marks make a name. Red when name.check_name lets everything through."""
    done = store.command(*CREATE, "--name", ODD[odd], "victim", "true")
    if odd == "empty":
        removed(store, done)  # as if none was given
    else:
        assert "cannot be the name of a container" in refused(done)


@EVERY
def test_name_of_an_image_is_refused(store: Store, odd: str) -> None:
    """Nothing of it becomes a path or a name. Red when image_name.complete lets everything through."""
    before = store.known()
    said = refused(store.command("image", "tag", "victim", "--", ODD[odd]))
    assert "cannot be the name of an image" in said
    assert store.known() == before


@EVERY
def test_label_and_variable_are_kept_or_refused(store: Store, odd: str) -> None:
    """What is kept is kept whole, in a document and never in SQL. Red when check_text lets all bytes through."""
    value = os.fsdecode(ODD[odd])
    label = store.command(*CREATE, "--label", f"k={value}", "--env", f"K={value}", "victim", "true")
    if odd == "not UTF-8":
        assert "is not UTF-8" in refused(label)
    else:
        config = removed(store, label)
        assert config["Labels"] == {"k": value}
        assert f"K={value}" in config["Env"]


X = b"ODD"
LINES: list[tuple[str | bytes, ...]] = [
    (X,),
    ("inspect", X),
    ("logs", "--", X),
    ("stop", "-t", X, "none"),
    ("rename", "none", X),
    ("kill", "-s", X, "none"),
    ("ps", "--filter", X),
    ("ps", "-a", "--filter", b"exited=" + X),
    ("events", "--since", X, "--until", X),
    (*CREATE, "--env-file", X, "victim", "true"),
    (*CREATE, "--shm-size", X, "victim", "true"),
    (*CREATE, "--", X, "true"),
    ("image", "import", "-q", "--", X),
    ("image", "import", "-q", "--change", X, "victim"),
    ("system", "sql", X),
    ("wait", X),
    ("start", X),
]


@pytest.mark.parametrize("words", LINES, ids=lambda words: " ".join(str(word) for word in words))
def test_odd_word_is_refused_wherever_it_stands(store: Store, words: tuple[str | bytes, ...]) -> None:
    """One line without a traceback, and nothing is made. Red when containers.find asks for any text."""
    before = store.known()
    for odd in ("sql", "newline", "escape", "long", "not UTF-8", "template", "empty", "digits"):
        word = ODD[odd]
        done = store.command(*(part.replace(X, word) if isinstance(part, bytes) else part for part in words))
        if done.returncode == 0:  # an empty word may stand for nothing
            assert odd == "empty", (odd, done.stdout[:200])
        else:
            refused(done)
        assert store.known() == before, odd


def test_container_with_an_odd_id_file_can_be_removed(store: Store) -> None:
    """What was taken as a path is given back as one. Red when configs.cidfile_of reads it as text."""
    path = os.fsencode(store.top / "root") + b"/\xff\n.cid"
    removed(store, store.command(*CREATE, "--cidfile", path, "victim", "true"))
    assert not os.path.exists(path)
