"""`cleanup retry`: try the open cleanup tasks again."""

from __future__ import annotations

from quiltctl.commands import _parameters as shared
from quiltctl.model.parameters import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Try the open cleanup tasks again.",
    description="What `quiltctl cleanup ls` lists. `quiltctl gc` does this too, and more.",
    parameters=(shared.JSON,),
    examples=(("quiltctl cleanup retry", "after the cause was mended"),),
)


def command(paths: Paths, *, json: bool) -> int:
    """Try each again and tell what came of it."""
    from quiltctl.commands.gc import show
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.gc import retry_tasks

    return show(retry_tasks(paths, open_to_write(paths)), as_json=json)
