"""``--change``, read as podman reads it."""

from __future__ import annotations

import pytest

from quiltctl.commands._image_changes import parse_changes
from quiltctl.errors import UsageError
from quiltctl.model.image import ImageConfig


def test_changes_make_a_configuration() -> None:
    """Both spellings of each instruction end in one configuration, later ones after earlier ones."""
    changes = [
        'CMD ["/bin/echo", "hello world"]',
        "entrypoint=/bin/init",
        "ENV A=hello world",
        'ENV B="quoted"',
        "ENV A=again",
        "ENV C legacy",
        "LABEL one=1",
        'LABEL "two"="2 2"',
        "USER=nobody:nogroup",
        "WORKDIR /srv",
        "WORKDIR app/./x",
        "STOPSIGNAL int",
        "EXPOSE 80 53/udp",
        "expose=8000-8001",
        "EXPOSE 80/tcp",
    ]
    assert parse_changes(changes, comment="why") == ImageConfig(
        env=("B=quoted", "A=again", "C=legacy"),
        entrypoint=("/bin/sh", "-c", "/bin/init"),
        cmd=("/bin/echo", "hello world"),
        user="nobody:nogroup",
        workdir="/srv/app/x",
        labels={"one": "1", "two": "2 2"},
        stop_signal="SIGINT",
        comment="why",
        exposed_ports=("80/tcp", "53/udp", "8000/tcp", "8001/tcp"),
    )


def test_changes_of_a_program_may_be_for_the_shell_or_empty() -> None:
    """Text that is no JSON array goes to the shell, and an empty array is no program."""
    assert parse_changes(["CMD echo $HOME", "ENTRYPOINT []"]) == ImageConfig(cmd=("/bin/sh", "-c", "echo $HOME"))


@pytest.mark.parametrize(
    "change",
    [
        "",
        "CMD",
        "NONSENSE x",
        "ENV =x",
        "ENV",
        "LABEL x",
        "USER ",
        "WORKDIR=",
        "STOPSIGNAL nope",
        "CMD [1]",
        "EXPOSE 80:80",
        "EXPOSE",
        "EXPOSE 80/sctp",
        "VOLUME /x",
        "ONBUILD RUN true",
    ],
)
def test_change_that_cannot_be_honoured_is_refused(change: str) -> None:
    """What is misspelt, or not part of this version, is an error of usage."""
    with pytest.raises(UsageError):
        parse_changes([change])
