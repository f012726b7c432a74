"""Which containers a verb was given: by reference, --all, --latest, --filter and --cidfile, as podman has them."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers
from quiltctl.model.value import Value
from quiltctl.runtime.lifecycle import reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths


class Chosen(Value):
    """One container, with the word it was chosen by: its id where it was not named."""

    word: str
    container: Container


class Choice(Value):
    """What the words and flags came to, in their order: containers, and errors for words that name none."""

    chosen: tuple[Chosen, ...]
    missing: tuple[tuple[str, errors.QuiltError], ...]

    @property
    def in_order(self) -> list[Chosen | errors.QuiltError]:
        """Return the containers, then the errors."""
        return [*self.chosen, *(error for _, error in self.missing)]


def choose(
    paths: Paths,
    connection: sqlite3.Connection,
    references: Sequence[str],
    *,
    all: bool = False,
    latest: bool = False,
    filters: Sequence[str] = (),
    cidfiles: Sequence[str] = (),
    states: Sequence[str] = (),
    ignore: bool = False,
) -> Choice:
    """Return the containers that are meant, their rows mended where the kernel says otherwise.

    ``states`` bounds what --all and --filter take. With ``ignore`` what does not exist is left out silently.

    Raises:
        UsageError: nothing was named, or names and --all at once.
    """
    words = [*references, *(_id_in(path, ignore=ignore) for path in cidfiles)]
    words = [word for word in words if word]
    if all and (words or latest):
        raise errors.UsageError("--all and names of containers exclude each other")
    if not (words or all or latest or filters or cidfiles):
        raise errors.UsageError("no container was named", hint="give names or ids, or --all")
    chosen: dict[str, Chosen] = {}
    missing: list[tuple[str, errors.QuiltError]] = []
    for word in words:
        try:
            container = reap.find(paths, connection, word)
        except errors.NotFound as error:
            if not ignore:
                missing.append((word, error))
        except errors.QuiltError as error:
            missing.append((word, error))
        else:
            chosen.setdefault(container.id, Chosen(word, container))
    for container in _by_flag(paths, connection, all=all, latest=latest, filters=filters, states=states):
        chosen.setdefault(container.id, Chosen(container.id, container))
    return Choice(tuple(chosen.values()), tuple(missing))


def _by_flag(
    paths: Paths,
    connection: sqlite3.Connection,
    *,
    all: bool,
    latest: bool,
    filters: Sequence[str],
    states: Sequence[str],
) -> list[Container]:
    if not (all or latest or filters):
        return []
    if filters:
        from quiltctl.commands._filters import select_containers

        listed = list(reversed(select_containers(connection, paths, filters, all=True)))
    else:
        listed = containers.list_all(connection)
    if latest:
        listed = listed[:1]
    found = [reap.reap(paths, connection, container) for container in listed]
    return [container for container in found if container is not None and (not states or container.state in states)]


def _id_in(path: str, *, ignore: bool) -> str:
    """Return the id that a file of --cidfile holds, or "" when it is missing and that is ignored."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except FileNotFoundError:
        if ignore:
            return ""
        raise errors.UsageError(f"cannot read the id in {path}: no such file") from None
    except OSError as error:
        raise errors.UsageError(f"cannot read the id in {path}: {error.strerror}") from error
