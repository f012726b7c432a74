"""Declarations for these tests alone, which use every kind of parameter."""

from __future__ import annotations

import pytest

from quiltctl.model.parameters import Argument, Flag, Option, Refused, Verb

LIST = Verb(
    summary="List things.",
    parameters=(
        Flag(("--all", "-a"), "Also the hidden ones."),
        Flag(("--quiet", "-q"), "Names only."),
        Flag(("--stream", "-s"), "Go on.", default=True),
        Option(("--format",), "A template [of Go].", metavar="FORMAT"),
        Option(("--time", "-t"), "Seconds.", kind=int),
        Option(("--filter", "-f"), "Only these.", multiple=True, metavar="KEY=VALUE"),
        Option(("--sort",), "By what.", choices=("name", "size")),
        Refused(("--size", "-z"), "sizes are not known yet", takes_value=False),
        Argument("things", "Their names.", required=False, multiple=True, completes="container"),
    ),
    examples=(("quiltctl list -a", "also the hidden ones"), ("quiltctl list", "")),
    description="A thing is [what] it is.",
)
RUN = Verb(
    summary="Run a thing.",
    parameters=(
        Flag(("--interactive", "-i"), "Keep standard input."),
        Flag(("--tty", "-t"), "With a terminal."),
        Option(("--hostname", "-h"), "Its name."),
        Option(("--env", "-e"), "Its environment.", multiple=True),
        Option(("--attach", "-a"), "To what.", multiple=True, choices=("stdout", "stderr")),
        Option(("--cpus",), "How many.", kind=float),
        Option(("--retries",), "How often.", kind=int, default=3),
        Refused(("--memory", "-m"), "limits are not part of this version"),
        Argument("image", "What to run.", completes="image"),
        Argument("command", "And how.", required=False, multiple=True),
    ),
    words_end_options=True,
)
IMPORT = Verb(
    summary="Import a thing.",
    parameters=(
        Option(("--change", "-c"), "A change.", multiple=True, default=("A=1",)),
        Argument("source", "An archive.", completes="file"),
        Argument("name", "A name.", required=False),
    ),
)
CONNECT = Verb(
    summary="Connect things.",
    parameters=(
        Option(("--alias", "-n"), "Another name.", multiple=True, metavar="NAME"),
        Argument("network", "To what.", completes="network"),
        Argument("container", "What.", completes="container"),
    ),
)
VERBS = {"list": LIST, "run": RUN, "import": IMPORT, "connect": CONNECT}


@pytest.fixture(scope="session")
def verbs() -> dict[str, Verb]:
    """Give four verbs: list, run, import and connect."""
    return VERBS
