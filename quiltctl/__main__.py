"""The command: from the words of the command line to an exit code, which nobody else picks.

    find the verb -> read its line, fast or by Typer -> call it -> flush -> os._exit

Ending by ``os._exit`` leaves the connections to the database open, and with them ``-wal`` and ``-shm`` in their
place: a last writer that closes deletes them, and then a read-only connection cannot open the file on a full disk.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from quiltctl.cli.line import Line
    from quiltctl.model.parameters import Verb

INTERRUPTED = 130
"""128 + SIGINT."""
BROKEN_PIPE = 141
"""128 + SIGPIPE, which ends docker and podman here: a shell with pipefail sees the same."""


def main() -> NoReturn:
    """Run the command line of this process and end the process."""
    argv = sys.argv[1:]
    try:
        _prepare_streams()
        code = run(argv)
        sys.stdout.flush()  # os._exit would lose it, and a full disk must not pass for success
    except BaseException as error:  # noqa: BLE001 (the last one to see it)
        code = _report(error, argv)
    os._exit(code)


def _prepare_streams() -> None:
    """Open /dev/null where standard input, output or error came closed.

    The next file to be opened, perhaps the database, would get the number, and messages would be written into it.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (kept to the end)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (kept to the end)
    # Names that are not UTF-8 go out with the bytes they came with.
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]


def run(argv: Sequence[str]) -> int:
    """Find the verb, read its line, call it, and return its exit code."""
    from quiltctl.cli import fast, table
    from quiltctl.cli.line import find

    line = find(argv)
    if line.asks_version:
        from quiltctl import __version__

        sys.stdout.write(f"quiltctl version {__version__}\n")
        return 0
    if line.verb is None:
        return _help(line, None)
    module = table.load(line.verb)
    values = fast.read(module.VERB, line.rest)
    if values is None:
        from quiltctl.cli import app

        values = app.read(line.path, module.VERB, line.rest)
    if values is None:
        return _help(line, module.VERB)
    from quiltctl.paths import find_paths

    paths = find_paths(values.pop("root"))
    del values["log_level"]  # read where an error is reported
    return module.command(paths, **values)


def _help(line: Line, verb: Verb | None) -> int:
    from quiltctl.cli.pages import show

    show(line.path, verb)
    return 0


def _report(error: BaseException, argv: Sequence[str]) -> int:
    """Say what went wrong, in the form the line asked for, and return the exit code for it."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 125
    if isinstance(error, BrokenPipeError) and _nobody_reads():
        return BROKEN_PIPE
    try:
        return _told(error, argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # noqa: BLE001 (no descriptor is left to import with, or standard error is gone as well)
        return _told_plainly(error)


def _told_plainly(error: BaseException) -> int:
    """Say what went wrong without importing or opening anything, and return the exit code."""
    try:
        os.write(2, f"Error: {error}\n".encode(errors="backslashreplace"))
    except OSError:
        return 125
    return getattr(error, "exit_code", 125)


def _told(error: BaseException, argv: Sequence[str]) -> int:
    from quiltctl.cli.wishes import wishes_of
    from quiltctl.commands._explain import explain
    from quiltctl.ui.failure import tell

    wishes = wishes_of(argv)
    if wishes.debug:
        import traceback

        traceback.print_exception(error)
    explained = explain(error) if isinstance(error, Exception) else explain(RuntimeError(repr(error)))
    tell(explained, as_json=wishes.json)
    return explained.exit_code


def _nobody_reads() -> bool:
    """Return whether standard output or error is a pipe that nobody reads any more.

    Any other broken pipe is not the reader's choice, and is told.
    """
    import select

    poll = select.poll()
    for fd in (1, 2):
        poll.register(fd, 0)  # POLLERR, POLLHUP and POLLNVAL are always reported (poll(2))
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


if __name__ == "__main__":
    main()
