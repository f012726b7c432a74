"""`run`: create a container and start it."""

from __future__ import annotations

import sys

from quiltctl.commands import _container_options as container_options
from quiltctl.commands import _lifetime_options as lifetime_options
from quiltctl.commands import _namespace_options as namespace_options
from quiltctl.commands._import_progress import image_with_progress
from quiltctl.db.connection import open_to_write
from quiltctl.model.parameters import Flag, Option, Verb
from quiltctl.runtime import relay
from quiltctl.runtime.lifecycle import spawn, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Create a container and start it.",
    description=(
        "In the foreground, the program's output comes out here, signals are passed on, and its exit code is this "
        "command's: 125 when quiltctl failed, 126 when the program cannot be executed, 127 when there is none. "
        "With --detach the id is printed once the program runs."
    ),
    parameters=(
        Flag(("--detach", "-d"), "Let it run in the background and print its id."),
        Flag(("--sig-proxy",), "Pass signals on to the program.", default=True),
        Option(
            ("--attach", "-a"),
            "Attach only to these streams; without, to all.",
            multiple=True,
            choices=("stdin", "stdout", "stderr"),
            metavar="STREAM",
        ),
        *lifetime_options.OPTIONS,
        *container_options.OPTIONS,
    ),
    examples=(
        ("quiltctl run --rm debian cat /etc/os-release", "run a program, see its output, keep nothing"),
        ("quiltctl run -d --name web debian sleep infinity", "in the background, under a name"),
        ("quiltctl run --rm ./rootfs.tar.gz sh -c 'exit 7'", "straight from a root filesystem archive"),
        ("quiltctl run -d -p 8080:80 debian python3 -m http.server 80", "reached by port 8080 of the host"),
        ("quiltctl run -d --memory 4g --cpus 2 --pids-limit 500 debian ./agent", "may use so much and no more"),
        ("quiltctl run --rm --egress allow=10.0.0.0/8:443 debian ./agent", "may speak to nothing else"),
        ("quiltctl run -d --rm --name job --die-with $$ debian make", "gone with this shell, however that ends"),
        ("tar c src | quiltctl run -i --rm debian tar t", "with standard input"),
        (
            "quiltctl run --rm --read-only --cap-drop ALL -u nobody debian ./untrusted",
            "with few rights",
        ),
        (
            "quiltctl run --rm --pid container:web --cap-add SYS_PTRACE debian strace -p 1",
            "look into another",
        ),
    ),
    words_end_options=True,
)


def command(paths: Paths, *, detach: bool, sig_proxy: bool, attach: list[str], **options: Any) -> int:
    """Create a container and start it; in the foreground return its program's exit code."""
    container_options.check(options)
    bound = lifetime_options.hold(options, detach=detach)
    nested, wired = namespace_options.is_nested(options), container_options.is_wired(options)
    cgroup = container_options.shim_cgroup(paths, options)
    shim = None
    if not options["publish"] and not options["publish_all"]:
        # Before anything that takes time, so that its interpreter comes up while this one works.
        shim = spawn.spawn(cgroup=cgroup, attached=not detach, nested=nested, wired=wired, held=bound)
    connection = open_to_write(paths)
    image = image_with_progress(paths, connection, options["image"], quiet=options["quiet"])
    spec = container_options.spec_of(paths, connection, image, options)
    if options["replace"]:
        from quiltctl.runtime.lifecycle.replace import make_way

        make_way(paths, connection, spec.name)
    networking = start.Networking(container_options.members_of(options), bound=len(bound))
    if shim is None:
        from quiltctl.runtime.lifecycle import hold_ports

        held, ports = hold_ports.hold(connection, spec, (wanted.network for wanted in networking.wanted))
        networking = start.Networking(networking.wanted, ports, len(held), len(bound))
        shim = spawn.spawn(cgroup=cgroup, attached=not detach, nested=nested, wired=wired, held=[*held, *bound])
    container_options.write_cidfile(spec)
    # Before there is anything to end: a Ctrl-C from here on is the program's.
    signals_fd = relay.catch_signals() if sig_proxy and not detach else -1
    streams = None if detach else attach or ("stdin", "stdout", "stderr")
    begun = start.start(paths, connection, spec, shim, streams, networking, new=True)
    if detach:
        run = begun.wait()
        container_options.warn(run)
        sys.stdout.write(f"{run.container_id}\n")
        return 0
    # Imported while the container is being built, so for nothing.
    from quiltctl.runtime.lifecycle.attend import attend

    run = begun.wait(signals_fd)
    container_options.warn(run)
    return attend(begun, run, signals_fd=signals_fd)
