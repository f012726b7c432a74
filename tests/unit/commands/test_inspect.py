"""`inspect`: everything about containers and images."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.model.image import Image
    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

WEB = "1".ljust(64, "0")
DEBIAN = "d" * 64


def documents(capsys: Capture) -> Any:
    """Return what was printed, read as JSON."""
    return json.loads(capsys.readouterr().out)


def test_inspect_is_an_array_in_lines(call: Call, capsys: Capture, make: Make) -> None:
    """The array stands in lines of four blanks, as json.dumps would write it."""
    make("web")

    assert call("inspect", "web") == 0
    out = capsys.readouterr().out
    assert out == json.dumps(json.loads(out), indent=4) + "\n"


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize("words", [("debian",), (DEBIAN,), ("dddd",), ("--type", "image", "debian")])
def test_inspect_shows_images(call: Call, capsys: Capture, quilt_root: Paths, words: tuple[str, ...]) -> None:
    """What is no container is looked for among the images."""
    call("inspect", *words)

    layers = f"{quilt_root.root}/layers"
    assert documents(capsys) == [
        {
            "Id": DEBIAN,
            "Digest": f"sha256:{DEBIAN}",
            "RepoTags": ["localhost/debian:latest"],
            "RepoDigests": [],
            "Parent": "",
            "Comment": "imported",
            "Created": "2023-11-14T22:13:20Z",
            "Config": {
                "User": "web",
                "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
                "Env": ["PATH=/bin"],
                "Entrypoint": ["/init"],
                "Cmd": ["serve"],
                "WorkingDir": "/srv",
                "Labels": {"a": "b"},
                "StopSignal": "SIGINT",
            },
            "Author": "",
            "Architecture": "amd64",
            "Os": "linux",
            "Size": 42,
            "VirtualSize": 42,
            "GraphDriver": {"Name": "overlay", "Data": {"LowerDir": f"{layers}/{'b' * 64}:{layers}/{'a' * 64}"}},
            "RootFS": {"Type": "layers", "Layers": [f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"]},
            "Labels": {"a": "b"},
            "Annotations": {},
            "User": "web",
            "Source": "/tmp/x.tar",
        }
    ]


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (("web", "debian"), [WEB, DEBIAN]),
        (("/web",), [WEB]),
        (("-l",), ["2".ljust(64, "0")]),
        (("--type", "container", "debian"), ["2".ljust(64, "0")]),
    ],
)
def test_inspect_finds_what_is_meant(
    call: Call, capsys: Capture, make: Make, words: tuple[str, ...], ids: list[str]
) -> None:
    """Several are shown in their order; a container is preferred to an image of its name."""
    make("web")
    make("debian" if words[0] == "--type" else "other")

    call("inspect", *words)

    assert [document["Id"] for document in documents(capsys)] == ids


HINT = "see what there is with: quiltctl ps -a, quiltctl images, quiltctl network ls"
MISSING = f'Error: no such object: "nope"\nhint: {HINT}\n'


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (("nope",), "[]\n", MISSING),
        (("--format", "{{.Name}}", "nope", "web"), "web\n", MISSING),
        (("--type", "container", "nope"), "[]\n", 'Error: no such container: "nope"\n'),
        (
            ("--json", "nope"),
            "[]\n",
            f'{{"error": {{"code": "not_found", "message": "no such object: \\"nope\\"", "hint": "{HINT}"}}}}\n',
        ),
    ],
)
def test_inspect_tells_what_it_has_not_found_last(
    call: Call, capsys: Capture, make: Make, words: tuple[str, ...], out: str, err: str
) -> None:
    """What is there is shown, what is not is told afterwards, and the code is 125."""
    make("web")

    assert call("inspect", *words) == 125
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("{{.State.Status}} {{.State.ExitCode}}", "exited 7"),
        ("{{.ID}}", WEB),
        ('{{index .Config.Labels "app"}}|{{index .Config.Labels "x"}}|{{.Config.Labels.app}}', "shop||shop"),
        ("{{json .Config.Cmd}} {{len .Args}} {{range .Config.Env}}{{.}}{{end}}", '["sleep","9"] 1 A=b'),
        ("{{if .State.Running}}up{{else}}down{{end}}", "down"),
        ("{{.HostConfig.RestartPolicy.Name}} {{.NetworkSettings.IPAddress}}{{.State.Health.Status}}", "no "),
        (
            '{{json (index .NetworkSettings.Ports "80/tcp")}}{{range $k, $v := .Mounts}}{{$k}}{{end}}',
            '""',
        ),
    ],
)
def test_inspect_takes_the_templates_scripts_write(
    call: Call, capsys: Capture, make: Make, format: str, text: str
) -> None:
    """The fields that scripts ask docker and podman for are there."""
    make("web", "exited", labels={"app": "shop"}, facts={"exit_code": 7})

    call("inspect", "--format", format, "web")

    assert capsys.readouterr().out == f"{text}\n"


def test_inspect_names_the_fields_when_one_is_wrong(call: Call, make: Make) -> None:
    """A field that there is not is an error with those that there are."""
    make("web")

    with pytest.raises(UsageError, match="can't evaluate field Stat") as caught:
        call("inspect", "--format", "{{.State.Stat}}", "web")

    assert caught.value.hint is not None
    assert "Status, Running, Paused" in caught.value.hint


def test_inspect_size_is_what_was_written(
    call: Call, capsys: Capture, quilt_root: Paths, make: Make, debian: Image
) -> None:
    """With -s the bytes on disk are told, and those with the image's."""
    upper = f"{quilt_root.container(make('web', image_id=debian.id))}/upper"
    os.makedirs(upper)
    with open(f"{upper}/big", "wb") as file:
        file.write(b"x" * 100_000)

    call("inspect", "-s", "web")

    [document] = documents(capsys)
    assert 100_000 < document["SizeRw"] == document["SizeRootFs"] - 42 < 150_000


@pytest.mark.parametrize(("words", "error"), [((), UsageError), (("-l", "web"), UsageError), (("-l",), NotFound)])
def test_inspect_needs_something_to_inspect(call: Call, words: tuple[str, ...], error: type[Exception]) -> None:
    """Without references, with too many ways to choose, or with no container at all, it says so."""
    with pytest.raises(error):
        call("inspect", *words)


def test_inspect_keeps_a_name_that_is_no_utf_8(call: Call, capsys: Capture, make: Make) -> None:
    """A variable with a byte that is no UTF-8 comes out of the database and into JSON."""
    make("web", annotations={"path": "caf\udce9"})

    call("inspect", "web")

    assert documents(capsys)[0]["Config"]["Annotations"] == {"path": "caf\udce9"}
