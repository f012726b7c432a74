"""`exec`: run another program in a container that runs."""

from __future__ import annotations

import os
import sys

from quiltctl import errors
from quiltctl.commands import _environment
from quiltctl.model.parameters import Argument, Flag, Option, Refused, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.db.containers import Container
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Run a command in a running container.",
    description=(
        "The program gets the container's namespaces, limits, user and environment, and is confined as its first "
        "process is. Its exit code is this command's; 125, 126 and 127 are those of `quiltctl run`."
    ),
    parameters=(
        Flag(("--detach", "-d"), "Let it run in the background and print the id of the session."),
        Flag(("--interactive", "-i"), "Pass standard input on."),
        Option(
            ("--env", "-e"), "Set a variable; without =VALUE, as it is here.", multiple=True, metavar="NAME[=VALUE]"
        ),
        Option(("--env-file",), "Read variables from a file.", multiple=True, metavar="FILE", completes="file"),
        Option(("--user", "-u"), "Run as this user, name or number.", metavar="USER[:GROUP]"),
        Option(("--workdir", "-w"), "Start in this directory of the container.", metavar="DIR"),
        Refused(("--tty", "-t"), "this version allocates no terminal", takes_value=False),
        Refused(("--detach-keys",), "this version allocates no terminal"),
        Flag(("--privileged",), "Give the program every capability there is in the container's namespaces."),
        Refused(("--preserve-fds",), "this version passes no descriptors on"),
        Argument("container", "Name, id, or the beginning of an id.", completes="running"),
        Argument("program", "The program and its arguments.", multiple=True),
    ),
    examples=(
        ("quiltctl exec web ps", "look around"),
        ("quiltctl exec -u tester -w /tmp web id", "as another user, elsewhere"),
        ("quiltctl exec -i web sh -c 'cat > /etc/motd' < motd", "with standard input"),
    ),
    words_end_options=True,
)


def command(
    paths: Paths,
    *,
    detach: bool,
    interactive: bool,
    env: list[str],
    env_file: list[str],
    user: str | None,
    workdir: str | None,
    privileged: bool,
    container: str,
    program: list[str],
) -> int:
    """Run the program in the container and return its exit code."""
    if os.geteuid() != 0:
        raise errors.HostLacks("cannot enter containers without being root", hint="run it through sudo")
    from quiltctl.db import configs, containers
    from quiltctl.db.connection import open_to_read
    from quiltctl.db.document import decode
    from quiltctl.model.spec import spec_from
    from quiltctl.runtime.lifecycle.execute import Session, execute
    from quiltctl.runtime.lifecycle.observe import observe

    connection = open_to_read(paths)
    found = _running(observe(connection, paths, containers.find(connection, container)), container)
    spec = spec_from(decode(connection, configs.config_of(connection, found.id)))
    variables = _environment.environment(spec.env, env_file, env)
    session = Session(
        argv=tuple(program),
        env=tuple(f"{name}={value}" for name, value in variables.items()),
        user=spec.user if user is None else user,
        workdir=workdir or spec.workdir,
        privileged=privileged,
        interactive=interactive and not detach,
        detach=detach,
    )
    code = execute(paths, found, spec, session)
    if detach:
        sys.stdout.write(f"{os.urandom(32).hex()}\n")
    return code


def _running(container: Container | None, word: str) -> Container:
    if container is None:
        raise errors.NotFound("container", word)
    if container.state == "paused":
        raise errors.WrongState(f"cannot exec in {container.name}: it is paused")
    if container.state != "running":
        raise errors.WrongState(
            f"cannot exec in {container.name}: it is not running",
            hint=f"start it with: quiltctl start {container.name}",
        )
    return container
