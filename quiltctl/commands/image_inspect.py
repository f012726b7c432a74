"""`image inspect`: everything about images. Nothing is written."""

from __future__ import annotations

from quiltctl.commands._parameters import JSON
from quiltctl.model.parameters import Argument, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Show everything about images.",
    parameters=(
        Option(("--format", "-f"), "Print with a Go template, or `json`.", metavar="FORMAT"),
        JSON,
        Argument("images", "Names, ids, or beginnings of ids.", multiple=True, completes="image"),
    ),
    examples=(
        ("quiltctl image inspect debian", "all of it, as JSON"),
        ("quiltctl image inspect -f '{{json .Config.Env}}' debian", "one fact, for a script"),
    ),
)


def command(paths: Paths, *, format: str | None, json: bool, images: list[str]) -> int:
    """Print what `inspect --type image` prints."""
    from quiltctl.commands import inspect

    return inspect.command(paths, type="image", size=False, latest=False, format=format, json=json, references=images)
