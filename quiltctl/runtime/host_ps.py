"""The host's program `ps`, run for the processes of a container alone."""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.model.value import Value
from quiltctl.runtime import host_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = frozenset(("COMMAND", "CMD"))
_HINT = "give options with which ps(1) of the host prints the column PID, such as -ef or -o pid,comm"


class Listing(Value):
    """What ps printed: its heading, and the lines of the processes asked for, each with its number on the host."""

    heading: str
    lines: tuple[tuple[int, str], ...]


def run(options: Sequence[str], pids: Sequence[int]) -> Listing:
    """Run ps with these options and return what it prints of these processes.

    ``-o pid`` is added where columns are chosen and it is not among them, or after a name, which may hold blanks.

    Raises:
        HostLacks: there is no ps.
        QuiltError: it refuses the options, or prints no numbers.
    """
    program = host_program.find("ps")
    if program is None:
        raise errors.HostLacks(
            "cannot list processes with options of ps: there is no program ps on the host",
            hint="apt install procps, or name descriptors: quiltctl top --help",
        )
    text = _ask(program, options, pids)
    if _column(text) is None:
        try:
            # The first column, so that nothing that a program writes into its name comes before it.
            text = _ask(program, ("-o", "pid", *options), pids)
        except errors.QuiltError:
            text = ""
    column = _column(text)
    if column is None:
        raise errors.QuiltError(
            f"cannot tell the container's processes from what `ps {' '.join(options)}` prints", hint=_HINT
        )
    heading, *lines = text.rstrip("\n").split("\n")
    wanted = {str(pid) for pid in pids}
    found = [(words[column], line) for line in lines if len(words := line.split()) > column]
    return Listing(heading, tuple((int(word), line) for word, line in found if word in wanted))


def _column(text: str) -> int | None:
    """Return the place of PID among the headings, or None where it is not there, or after what programs write."""
    headings = text.partition("\n")[0].split()
    column = headings.index("PID") if "PID" in headings else None
    return None if _NAMES.intersection(headings[:column]) else column


def _ask(program: str, options: Sequence[str], pids: Sequence[int]) -> str:
    """Return what ps prints, of these processes alone where it can.

    Raises:
        QuiltError: it refuses.
    """
    # ps cuts its lines at this width, though it writes to no terminal.
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    ended = host_program.run(program, (*options, "-q", ",".join(map(str, pids))), environment)
    if ended.code:
        # procps takes no -q beside another choice of processes, nor with a tree; others do not have it.
        ended = host_program.run(program, options, environment)
    if ended.code:
        lines = [line for line in ended.complaint.splitlines() if line.strip()] or [f"it ended with code {ended.code}"]
        raise errors.QuiltError(
            f"cannot run `ps {' '.join(options)}` on the host: {lines[0].removeprefix('error: ')}", hint=_HINT
        )
    return ended.output
