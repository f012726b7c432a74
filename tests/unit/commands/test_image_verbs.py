"""The verbs over images that only look, and what they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.commands._confirm import confirmed
from quiltctl.db import images, layers
from quiltctl.db.connection import transaction
from quiltctl.errors import NotFound, UsageError
from quiltctl.model.image import Image, ImageConfig

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from quiltctl.paths import Paths

DIGEST = "d" * 64
CREATED = 1_700_000_000 * 10**9


@pytest.fixture(autouse=True)
def _three_images(database: sqlite3.Connection) -> None:
    """Add an image with two names, one with one and labels, and one without a name; the last is the newest."""
    given: list[tuple[str, list[str], dict[str, str]]] = [
        ("a" * 64, ["localhost/app:latest", "registry.example/team/app:1"], {}),
        ("b" * 64, ["localhost/other:2"], {"ci": "yes", "team": "x"}),
        ("c" * 64, [], {"ci": "no"}),
    ]
    with transaction(database):
        layers.insert(database, DIGEST, size_bytes=1, files=1)
        for number, (image_id, names, labels) in enumerate(given):
            config = ImageConfig(labels=labels)
            made = CREATED + number * 86400 * 10**9
            images.insert(
                database, Image(image_id, "", config, (DIGEST,), (3 - number) * 10**6, made, "amd64", "a.tar")
            )
            for name in names:
                images.give_name(database, name, image_id)


def test_images_is_a_table_of_names(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each name, the newest image first."""
    assert call("image_ls", "--format", "table {{.Repository}} {{.Tag}} {{.ID}} {{.Size}}") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["REPOSITORY", "TAG", "IMAGE", "ID", "SIZE"],
        ["<none>", "<none>", "c" * 12, "1MB"],
        ["localhost/other", "2", "b" * 12, "2MB"],
        ["localhost/app", "latest", "a" * 12, "3MB"],
        ["registry.example/team/app", "1", "a" * 12, "3MB"],
    ]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ((), "cba"),
        (("-a",), "cba"),
        (("--sort", "size"), "cba"),
        (("--sort", "id"), "abc"),
        (("--sort", "repository"), "cba"),
        (("app",), "a"),
        (("team/app",), "a"),
        (("registry.example/*/app:1",), "a"),
        (("app:2",), ""),
        (("--filter", "reference=*o*"), "b"),
        (("--filter", "reference=other", "--filter", "reference=app:*"), "ba"),
        (("--filter", "dangling=true"), "c"),
        (("--filter", "dangling=false"), "ba"),
        (("--filter", "label=ci"), "cb"),
        (("--filter", "label=ci=yes", "--filter", "label=team"), "b"),
        (("--filter", "label!=ci"), "a"),
        (("--filter", "id=sha256:bb"), "b"),
        (("--filter", "before=other:2"), "a"),
        (("--filter", "since=app"), "cb"),
        (("--filter", "after=app", "--filter", "dangling=false"), "b"),
        (("--filter", "until=2023-11-15T23:00:00Z"), "ba"),
    ],
)
def test_images_shows_what_filters_and_patterns_leave(
    call: Callable[..., int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], shown: str
) -> None:
    """Each image once, in the order that is asked for."""
    assert call("image_ls", "-q", *words) == 0
    assert capsys.readouterr().out.splitlines() == [letter * 12 for letter in shown]


@pytest.mark.parametrize("filter", ["nonsense=1", "dangling", "dangling=maybe", "until=yesterday"])
def test_images_refuses_filters_it_does_not_know(call: Callable[..., int], filter: str) -> None:
    """A filter that is misspelt must not show everything."""
    with pytest.raises(UsageError):
        call("image_ls", "--filter", filter)


def test_images_filter_by_a_missing_image_is_not_found(call: Callable[..., int]) -> None:
    """Before what does not exist is no time."""
    with pytest.raises(NotFound):
        call("image_ls", "--filter", "before=nope")


def test_images_shows_whole_ids_as_podman_does(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """With the kind of digest in front."""
    assert call("image_ls", "-q", "--no-trunc", "other:2") == 0
    assert capsys.readouterr().out == f"sha256:{'b' * 64}\n"


def test_images_as_json_has_the_documented_shape(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """Each image once, with all its names, in podman's keys."""
    assert call("image_ls", "--json", "--filter", "id=a") == 0
    names = ["localhost/app:latest", "registry.example/team/app:1"]
    assert json.loads(capsys.readouterr().out) == [
        {
            "Id": "a" * 64,
            "ParentId": "",
            "Names": names,
            "RepoTags": names,
            "RepoDigests": [],
            "Digest": f"sha256:{'a' * 64}",
            "Size": 3_000_000,
            "SharedSize": 0,
            "VirtualSize": 3_000_000,
            "Labels": {},
            "Containers": 0,
            "Created": 1_700_000_000,
            "CreatedAt": "2023-11-14T22:13:20Z",
            "Dangling": False,
            "Architecture": "amd64",
            "Os": "linux",
            "Layers": [f"sha256:{DIGEST}"],
            "Source": "a.tar",
        }
    ]


def test_image_inspect_prints_documents(
    quilt_root: Paths, call: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The keys are docker's and podman's; what does not exist is told after the rest."""
    assert call("image_inspect", "nope", "other:2") == 125
    printed = capsys.readouterr()
    assert printed.err.startswith('Error: no such image: "nope"\n')
    expected: dict[str, Any] = {
        "Id": "b" * 64,
        "Digest": f"sha256:{'b' * 64}",
        "RepoTags": ["localhost/other:2"],
        "RepoDigests": [],
        "Parent": "",
        "Comment": "",
        "Created": "2023-11-15T22:13:20Z",
        "Config": {
            "User": "",
            "ExposedPorts": {},
            "Env": [],
            "Entrypoint": [],
            "Cmd": [],
            "WorkingDir": "",
            "Labels": {"ci": "yes", "team": "x"},
            "StopSignal": "",
        },
        "Author": "",
        "Architecture": "amd64",
        "Os": "linux",
        "Size": 2_000_000,
        "VirtualSize": 2_000_000,
        "GraphDriver": {"Name": "overlay", "Data": {"LowerDir": f"{quilt_root.layers}/{DIGEST}"}},
        "RootFS": {"Type": "layers", "Layers": [f"sha256:{DIGEST}"]},
        "Labels": {"ci": "yes", "team": "x"},
        "Annotations": {},
        "User": "",
        "Source": "a.tar",
    }
    assert json.loads(printed.out) == [expected]


def test_image_exists_answers_by_its_code(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """0 or 1, and not a word."""
    assert [call("image_exists", reference) for reference in ("app", "c", "nope")] == [0, 0, 1]
    assert capsys.readouterr() == ("", "")


def test_rmi_does_all_that_was_named(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """In podman's words, in order; a missing one ends with 1, and is nothing with --ignore."""
    codes = [call("image_rm", "app", "nope", "other:2"), call("image_rm", "-i", "nope")]
    assert codes == [1, 0]
    printed = capsys.readouterr()
    assert printed.out == f"Untagged: localhost/app:latest\nUntagged: localhost/other:2\nDeleted: {'b' * 64}\n"
    assert printed.err.startswith('Error: no such image: "nope"\n')


def test_rmi_as_json_tells_what_became_of_each(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """With all names, all images at once."""
    assert call("image_rm", "--all", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"Id": "c" * 64, "Untagged": [], "Deleted": True},
        {"Id": "b" * 64, "Untagged": ["localhost/other:2"], "Deleted": True},
        {"Id": "a" * 64, "Untagged": ["localhost/app:latest", "registry.example/team/app:1"], "Deleted": True},
    ]


@pytest.mark.parametrize("words", [(), ("--all", "app")])
def test_rmi_needs_names_or_all_of_them(call: Callable[..., int], words: tuple[str, ...]) -> None:
    """One of the two, and not both."""
    with pytest.raises(UsageError):
        call("image_rm", *words)


def test_image_prune_prints_ids_and_space(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """Filters leave out; without --all only what has no name goes."""
    assert call("image_prune", "-f", "--filter", "label=ci=yes") == 0
    assert call("image_prune", "-f") == 0
    assert call("image_prune", "-af") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Total reclaimed space: 0B",
        "c" * 64,
        "Total reclaimed space: 0B",
        "b" * 64,
        "a" * 64,
        "Total reclaimed space: 1B",
    ]


def test_confirmed_without_a_terminal_needs_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked where nobody can answer, and nothing is destroyed for lack of an answer."""
    with open("/dev/null", encoding="ascii") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(UsageError):
            confirmed("Remove?", force=False)
        assert confirmed("Remove?", force=True)


@pytest.mark.parametrize(
    ("answer", "is_yes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_confirmed_is_what_the_terminal_answers(monkeypatch: pytest.MonkeyPatch, answer: str, *, is_yes: bool) -> None:
    """Only a yes is a yes."""
    import os

    ours_fd, terminal_fd = os.openpty()
    with open(terminal_fd, encoding="utf-8") as terminal, open(ours_fd, "wb", buffering=0) as ours:
        ours.write(answer.encode() or b"\x04")  # ^D
        monkeypatch.setattr("sys.stdin", terminal)
        assert confirmed("Remove?", force=False) is is_yes
