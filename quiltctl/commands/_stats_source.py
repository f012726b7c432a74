"""Which containers `stats` is about, and their samples one after the other."""

from __future__ import annotations

import os

from quiltctl.commands._references import references_of
from quiltctl.db import containers
from quiltctl.db.connection import open_to_read, translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.sample import Usage


class Source:
    """What containers use, as often as it is asked for.

    Those that are named must exist, and stay in the sample until they are removed. Else whoever runs is in it.
    """

    def __init__(self, paths: Paths, references: list[str], *, all: bool, latest: bool) -> None:
        self.paths = paths
        self.all = all
        self._is_there = os.path.exists(paths.database)
        self.connection = open_to_read(paths)
        self.ids: list[str] | None = None
        if references or latest:
            with translated(paths.database):
                named = references_of(self.connection, references, latest=latest, verb="stats")
                self.ids = [containers.find(self.connection, reference).id for reference in named]

    def read(self) -> list[Usage]:
        """Return the next sample: those that are named in their order, else the oldest container first."""
        from quiltctl.runtime.lifecycle.sample import sample

        if not self._is_there and os.path.exists(self.paths.database):
            # What is opened where there is no database stays empty, so once there is one, that is opened.
            self._is_there = True
            self.connection = open_to_read(self.paths)
        with translated(self.paths.database):
            usages = sample(self.paths, self.connection, self.ids, all=self.all)
        order = {container_id: place for place, container_id in enumerate(self.ids or ())}
        return sorted(usages, key=lambda usage: order[usage.container.id]) if order else usages

    @property
    def is_over(self) -> bool:
        """Return whether all that were named are removed by now."""
        if self.ids is None:
            return False
        with translated(self.paths.database):
            return not any(containers.get(self.connection, container_id) for container_id in self.ids)
