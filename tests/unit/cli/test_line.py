"""From the words of the command line to a verb, or to the reason why not."""

from __future__ import annotations

import pytest

from quiltctl.cli.line import Line, find
from quiltctl.errors import UsageError

FOUND = [
    ("ps -a", Line(("ps",), "ps", ("-a",))),
    ("container ls -a", Line(("container", "ls"), "ps", ("-a",))),
    ("container list", Line(("container", "list"), "ps", ())),
    ("rmi x", Line(("rmi",), "image_rm", ("x",))),
    ("--root /r ps", Line(("ps",), "ps", ("--root", "/r"))),
    ("--root=/r --log-level debug ps -a", Line(("ps",), "ps", ("--root", "/r", "--log-level", "debug", "-a"))),
    ("--root /r image --root /s ls", Line(("image", "ls"), "image_ls", ("--root", "/r", "--root", "/s"))),
    ("run alpine --root /r", Line(("run",), "run", ("alpine", "--root", "/r"))),
    ("-h ps", Line(("ps",), "ps", ("--help",))),
    ("help ps", Line(("ps",), "ps", ("--help",))),
    ("help image ls", Line(("image", "ls"), "image_ls", ("--help",))),
    ("help", Line((), None, ())),
    ("--help", Line((), None, ())),
    ("image -h", Line(("image",), None, ())),
    ("help image", Line(("image",), None, ())),
    ("--version", Line((), None, (), asks_version=True)),
    ("-v ps", Line((), None, (), asks_version=True)),
    ("run -v a:b alpine", Line(("run",), "run", ("-v", "a:b", "alpine"))),
]


@pytest.mark.parametrize(("line", "found"), FOUND)
def test_line_leads_to_its_verb(line: str, found: Line) -> None:
    """Options before the verb go with it, and a noun form leads to the verb it stands for."""
    assert find(line.split()) == found


WRONG = [
    ("", "quiltctl needs a command", "see: quiltctl --help"),
    ("image", "quiltctl image needs a command", "see: quiltctl image --help"),
    ("--nosuch ps", "unknown option --nosuch", "see: quiltctl --help"),
    ("image --nosuch ls", "unknown option --nosuch", "see: quiltctl image --help"),
    ("image -v", "unknown option -v", "see: quiltctl image --help"),
    ("nosuch", 'unknown command "nosuch"', "see: quiltctl --help"),
    ("strat web", 'unknown command "strat"', "did you mean stats or start? see: quiltctl --help"),
    ("image lss", 'unknown command "image lss"', "did you mean ls? see: quiltctl image --help"),
    ("image ps", 'unknown command "image ps"', "see: quiltctl image --help"),
    ("attach web", '"attach" is not part of this version', "see: quiltctl --help"),
    ("volume ls", '"volume" is not part of this version', "see: quiltctl --help"),
    ("image pull x", '"image pull" is not part of this version', "see: quiltctl image --help"),
    ("system prune", '"system prune" is not part of this version', "see: quiltctl system --help"),
    ("pod create", "quiltctl has no pods", "podman and Kubernetes have; here, each container stands for itself"),
]


@pytest.mark.parametrize(("line", "sentence", "hint"), WRONG)
def test_line_without_a_verb_says_why_and_where_to_go(line: str, sentence: str, hint: str) -> None:
    """What is elsewhere, what comes later and what nobody knows are three answers."""
    with pytest.raises(UsageError) as raised:
        find(line.split())
    assert (str(raised.value), raised.value.hint) == (sentence, hint)
