"""`quiltctl system backup`: a copy of the database, whole at one instant, while containers come and go."""

from __future__ import annotations

import sys

from quiltctl.db import backup
from quiltctl.model.parameters import Argument, Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Copy the database into a file, while others use it.",
    description="The copy holds every row of one instant, and only root can read it: options and environments of"
    " containers stand in it. Images and the files of containers are not in it; to restore, put it in the place of"
    " quilt.db, without quilt.db-wal and quilt.db-shm, while no container runs.",
    parameters=(
        Flag(("--force", "-f"), "Replace a file that is there."),
        Argument("file", "Where the copy goes.", completes="file"),
    ),
    examples=(("quiltctl system backup /var/backups/quilt.db --force", "in a cron job"),),
)


def command(paths: Paths, *, force: bool, file: str) -> int:
    """Write the copy and print its path."""
    backup.write(paths, file, replace=force)
    sys.stdout.write(f"{file}\n")
    return 0
