"""`network inspect`: everything about networks, and who is in them now. Nothing is written."""

from __future__ import annotations

from quiltctl.commands._parameters import JSON, NETWORKS
from quiltctl.model.parameters import Flag, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Show everything about networks.",
    description="Also the containers that run in them, with their addresses.",
    parameters=(
        Option(("--format", "-f"), "Print with a Go template, or `json`.", metavar="FORMAT"),
        JSON,
        Flag(("--verbose", "-v"), "Changes nothing: everything is shown."),
        NETWORKS,
    ),
    examples=(
        ("quiltctl network inspect app", "all of it, as JSON"),
        ("quiltctl network inspect -f '{{range .Subnets}}{{.Gateway}}{{end}}' app", "one fact, for a script"),
    ),
)


def command(
    paths: Paths,
    *,
    format: str | None,
    json: bool,
    verbose: bool,  # noqa: ARG001 (nothing is left out)
    networks: list[str],
) -> int:
    """Print what `inspect --type network` prints."""
    from quiltctl.commands import inspect

    return inspect.command(
        paths, type="network", size=False, latest=False, format=format, json=json, references=networks
    )
