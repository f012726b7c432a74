"""Names of images: how they are completed, and which are refused."""

from __future__ import annotations

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.image_name import complete, completed, name_from_path, split


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("debian", "localhost/debian:latest"),
        ("debian:12", "localhost/debian:12"),
        ("localhost/debian", "localhost/debian:latest"),
        ("team/app", "localhost/team/app:latest"),
        ("registry.example/team/app:v1.2_3-4", "registry.example/team/app:v1.2_3-4"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("10.0.0.1:5000/app", "10.0.0.1:5000/app:latest"),
        ("[fe80::1]:5000/app", "[fe80::1]:5000/app:latest"),
        ("[::1]/app", "[::1]/app:latest"),
        ("a__b-c--d.e", "localhost/a__b-c--d.e:latest"),
        ("a" * 255, f"localhost/{'a' * 255}:latest"),
        ("app:" + "T" * 128, "localhost/app:" + "T" * 128),
    ],
)
def test_name_is_completed_as_podman_does(given: str, full: str) -> None:
    """What is not said of host and tag is localhost and latest."""
    assert complete(given) == full


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Debian",
        "-app",
        "app-",
        "a..b",
        "a___b",
        "a._b",
        "a//b",
        "/app",
        "app/",
        "app:",
        "app:.tag",
        "app:" + "t" * 129,
        "a" * 256,
        "a b",
        "a\nb",
        "a\0b",
        "caf\u00e9",
        "app\udc80",
        "host.example/",
        "../up",
        "./up",
        "host.example:/app",
        "host.example:port/app",
        "-host.example/app",
        "[]:1/app",
        "app@sha256:" + "0" * 64,
        "x" * 65536,
    ],
)
def test_name_that_no_image_can_have_is_refused(given: str) -> None:
    """A name outside the grammar is an error of usage with a hint, and its text stays short and printable."""
    with pytest.raises(UsageError, match="cannot be the name of an image") as caught:
        complete(given)
    assert caught.value.hint is not None
    assert len(str(caught.value)) < 1200
    assert str(caught.value).isprintable()


def test_completed_is_none_where_complete_refuses() -> None:
    """Looking for a word that cannot be a name is no error."""
    assert [completed(word) for word in ("debian", "Debian")] == ["localhost/debian:latest", None]


def test_split_returns_host_path_and_tag() -> None:
    """A colon in the first part is a port, one after the last slash begins the tag."""
    assert [split(name) for name in ("registry:5000/a/b:1", "a/b", "a")] == [
        ("registry:5000", "a/b", "1"),
        ("localhost", "a/b", "latest"),
        ("localhost", "a", "latest"),
    ]


@pytest.mark.parametrize(
    ("path", "full"),
    [
        ("/srv/debian.tar.gz", "localhost/debian:latest"),
        ("./rootfs/", "localhost/rootfs:latest"),
        ("/srv/Debian 12.tar.zst", "localhost/debian-12:latest"),
        ("../my_app--x..y.tar", "localhost/my_app-x.y:latest"),
        ("/srv/ROOT.TXZ", "localhost/root:latest"),
        ("/srv/-.tar", ""),
        ("/", ""),
        ("/srv/\udcff\udcfe.tar", ""),
        ("/srv/" + "x" * 300, f"localhost/{'x' * 255}:latest"),
    ],
)
def test_name_from_path_is_the_name_of_the_file(path: str, full: str) -> None:
    """Endings of archives fall away, what a name cannot hold becomes a dash, and nothing left is no name."""
    assert name_from_path(path) == full
