"""The versions, for people and for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiltctl import __version__
from quiltctl.commands import version
from quiltctl.paths import Paths

if TYPE_CHECKING:
    import pytest


def test_version_answers_the_templates_of_docker_and_podman(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no server; who asks for its version gets the client's."""
    code = version.command(Paths("/r"), format="{{.Client.Version}} {{.Server.Version}}", json=False)
    assert (code, capsys.readouterr().out) == (0, f"{__version__} {__version__}\n")


def test_version_names_what_it_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, the names in one column."""
    version.command(Paths("/r"), format=None, json=False)
    names = [line[:16].rstrip() for line in capsys.readouterr().out.splitlines()]
    assert names == ["Client:", "Version:", "Python Version:", "SQLite Version:", "Kernel Version:", "OS/Arch:"]
