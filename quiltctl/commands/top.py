"""`top`: the processes of a container."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.commands._parameters import JSON, LATEST
from quiltctl.commands._top_fields import FIELDS, USUAL, document, named, row, scene
from quiltctl.db import container_views, containers
from quiltctl.db.connection import open_to_read, translated
from quiltctl.model.parameters import Argument, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.db.containers import Container
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths
    from quiltctl.runtime.process_list import Crew

VERB = Verb(
    summary="Show the processes of a container.",
    description="In columns of its choice, named by descriptors: "
    + ", ".join(FIELDS)
    + "; also by their codes of ps(1), such as %C. PID, PPID, PGID and users are those inside of the container; what"
    " begins with h is the host's. Options of ps(1), such as -ef, are given to the program `ps` of the host, with the"
    " host's numbers in its output, of which the lines of the container's processes are shown. Without any of these,"
    f" it is {' '.join(USUAL)}.",
    parameters=(
        LATEST,
        JSON,
        Argument("container", "Name, id, or the beginning of an id.", required=False, completes="running"),
        Argument("columns", "Descriptors, or options of ps.", required=False, multiple=True),
    ),
    examples=(
        ("quiltctl top web", "who runs in it, since when, and what they took"),
        ("quiltctl top web pid user seccomp capeff args", "how they are confined"),
        ("quiltctl top web hpid,pid,args", "which process of the host each of them is"),
        ("quiltctl top web -eo pid,rss,comm --sort -rss", "by ps(1) of the host"),
    ),
    words_end_options=True,
)
_BSD_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def command(paths: Paths, *, latest: bool, json: bool, container: str | None, columns: list[str]) -> int:
    """Print one row per process."""
    if latest:  # then the words are columns alone
        columns = columns if container is None else [container, *columns]
        container = None
    elif container is None:
        raise errors.UsageError("top needs a container", hint="quiltctl top NAME, or quiltctl top -l")
    descriptors = _descriptors(columns)
    found, spec, crew = _find(paths, container)
    try:
        if descriptors is None:
            _show_ps(crew, columns, as_json=json)
        else:
            _show(found, spec, crew, [*FIELDS] if json and not columns else descriptors, as_json=json)
    except ProcessLookupError:
        raise _not_running(found) from None
    return 0


def _descriptors(words: list[str]) -> list[str] | None:
    """Return the columns that are asked for, or None where the words are options of ps.

    Raises:
        UsageError: there are descriptors among the words, and one that is none.
    """
    found = named(words)
    if not words:
        return [*USUAL]
    if any(word.startswith("-") for word in words):
        return None
    known = [name for name in found if name is not None]
    if found and len(known) == len(found):
        return known
    if not known and _BSD_LETTERS.issuperset(words[0]):
        return None  # such as aux: ps(1) takes options without a dash
    raise errors.UsageError(
        f'unknown descriptor "{_first_unknown(words)}"', hint=f"known are: {', '.join(FIELDS)}; or options of ps: -ef"
    )


def _first_unknown(words: list[str]) -> str:
    parts = [part.strip() for word in words for part in word.split(",")]
    return next((part for part in parts if named([part]) in ([], [None])), "")


def _find(paths: Paths, reference: str | None) -> tuple[Container, Spec, Crew]:
    """Return a container that runs, how it is made, and its processes; without a reference the newest one.

    Raises:
        NotFound: there is none.
        WrongState: it does not run.
    """
    from quiltctl.db.document import decode
    from quiltctl.model.spec import spec_from
    from quiltctl.runtime.lifecycle.observe import observe
    from quiltctl.runtime.process_list import Crew

    connection = open_to_read(paths)
    with translated(paths.database):
        row = container_views.newest(connection) if reference is None else containers.find(connection, reference)
        if row is None:
            raise errors.NotFound("container", "--latest", hint="there is none yet; make one with: quiltctl run")
        found = observe(connection, paths, row)
        if found is None:
            raise errors.NotFound("container", reference or row.id)
        spec = spec_from(decode(connection, containers.config_of(connection, found.id)))
    if found.state not in {"running", "paused"} or found.pid is None or found.pid_started is None:
        raise _not_running(found)
    private = spec.pid == "private"
    crew = Crew(paths, found.id, found.pid, found.pid_started, parent=spec.cgroup_parent, private=private)
    return found, spec, crew


def _not_running(container: Container) -> errors.WrongState:
    return errors.WrongState(
        f"cannot show the processes of {container.name}: it is not running",
        hint=f"start it with: quiltctl start {container.name}",
    )


def _show(container: Container, spec: Spec, crew: Crew, descriptors: list[str], *, as_json: bool) -> None:
    from quiltctl.ui import safe, show, table

    processes = crew.processes()
    seen_by = scene(spec.uid_map, spec.gid_map, _names(container))
    if as_json:
        show.show_json([document(process, seen_by, descriptors) for process in processes], indent=2)
    else:
        headings = [FIELDS[name].heading for name in descriptors]
        safe.write(table.aligned([headings, *(row(process, seen_by, descriptors) for process in processes)]))


def _names(container: Container) -> tuple[dict[int, str], dict[int, str]]:
    """Return the names of users and groups that the container has now; none where its root cannot be seen."""
    import os

    from quiltctl.runtime import process_list, user

    try:
        root_fd = process_list.open_root(container.pid or 0, container.pid_started or 0)
    except OSError:
        return {}, {}
    try:
        return user.names(root_fd)
    finally:
        os.close(root_fd)


def _show_ps(crew: Crew, options: list[str], *, as_json: bool) -> None:
    """Show what ps prints: its lines as they are, or in JSON an object for each, by its headings."""
    from quiltctl.runtime import host_ps
    from quiltctl.ui import safe, show

    heading = ""

    def look(pids: list[int]) -> list[tuple[int, str]]:
        nonlocal heading
        listing = host_ps.run(options, pids)
        heading = listing.heading
        return [*listing.lines]

    lines = crew.each(look)
    if as_json:
        keys = heading.split()
        rows = [line.split(None, len(keys) - 1) for line in lines]
        show.show_json([dict(zip(keys, cells, strict=False)) for cells in rows], indent=2)
    else:
        safe.write("".join(f"{safe.printable(line)}\n" for line in (heading, *lines)))
