"""The options that `run` and `create` share, and what they come to: the spec of a container."""

from __future__ import annotations

import os
import sys

from quiltctl.commands import _environment
from quiltctl.commands import _limit_options as limit_options
from quiltctl.commands import _namespace_options as namespace_options
from quiltctl.commands import _network_options as network_options
from quiltctl.commands import _security_options as security_options
from quiltctl.commands._refused import REFUSED
from quiltctl.errors import UsageError
from quiltctl.model import spec as model
from quiltctl.model.name import check_name
from quiltctl.model.parameters import Argument, Flag, Option
from quiltctl.model.signals import parse_signal
from quiltctl.model.units import parse_bytes, parse_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.model.image import Image
    from quiltctl.model.membership import Wanted
    from quiltctl.model.parameters import Parameter
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.start import Run

OPTIONS: tuple[Parameter, ...] = (
    Option(("--name",), "Give the container a name; without, it gets a random one.", metavar="NAME"),
    Flag(("--replace",), "Remove the container that has the name, also one that runs."),
    Flag(("--interactive", "-i"), "Keep standard input open and pass it on."),
    Flag(("--rm",), "Remove the container, its files and its log, when it ends."),
    Flag(("--init",), "Run an init as PID 1 that forwards signals and reaps processes."),
    Option(("--env", "-e"), "Set a variable; without =VALUE, as it is here.", multiple=True, metavar="NAME[=VALUE]"),
    Option(("--env-file",), "Read variables from a file.", multiple=True, metavar="FILE", completes="file"),
    Option(("--unsetenv",), "Take a variable of the image away.", multiple=True, metavar="NAME"),
    Option(("--workdir", "-w"), "Start in this directory of the container; it must exist.", metavar="DIR"),
    Option(("--user", "-u"), "Run as this user, name or number.", metavar="USER[:GROUP]"),
    Option(("--hostname", "-h"), "Set the host name; without, it is the short id.", metavar="NAME"),
    Option(("--entrypoint",), "Replace the image's entrypoint: a program, or a JSON array.", metavar="PROGRAM"),
    Option(("--label", "-l"), "Set a label.", multiple=True, metavar="KEY=VALUE"),
    Option(("--label-file",), "Read labels from a file.", multiple=True, metavar="FILE", completes="file"),
    Option(("--annotation",), "Set an annotation.", multiple=True, metavar="KEY=VALUE"),
    Option(("--stop-signal",), "The signal that `stop` sends.", metavar="SIGNAL", completes="signal"),
    Option(
        ("--stop-timeout",),
        "Seconds that `stop` waits before it kills; -1 is for ever.",
        kind=int,
        default=model.DEFAULT_STOP_TIMEOUT_S,
        metavar="SECONDS",
    ),
    Option(("--timeout",), "Kill the container after so many seconds.", kind=int, default=0, metavar="SECONDS"),
    Option(
        ("--log-driver",),
        "Where output is kept: k8s-file, or none.",
        choices=("k8s-file", "json-file", "none"),
        default="k8s-file",
        metavar="DRIVER",
    ),
    Option(("--log-opt",), "max-size=BYTES of a log file, max-file=COUNT kept.", multiple=True, metavar="KEY=VALUE"),
    Option(("--shm-size",), "The size of /dev/shm.", default="64m", metavar="BYTES"),
    Option(("--cidfile",), "Write the id to a file, removed with the container.", metavar="FILE", completes="file"),
    Option(
        ("--pull",),
        "Whether to fetch the image: missing and never are the same in this version.",
        choices=("missing", "never", "always", "newer"),
        default="missing",
        metavar="POLICY",
    ),
    Flag(("--quiet", "-q"), "Show no progress of an import."),
    *network_options.OPTIONS,
    *namespace_options.OPTIONS,
    *security_options.OPTIONS,
    *limit_options.OPTIONS,
    *REFUSED,
    Argument("image", "A name, an id, or the path of a root filesystem: an archive or a folder.", completes="image"),
    Argument("command", "The program and its arguments; without, those of the image.", required=False, multiple=True),
)

_HOSTNAME_BYTES = 64
_LEAST_LOG_BYTES = 4096
_MOST_LOG_FILES = 500
"""A reader holds all of them open."""


def check(options: dict[str, Any]) -> None:
    """Refuse what cannot be right whatever the image is, before anything has been begun.

    Raises:
        UsageError: an option's value is not one.
    """
    network_options.check(options)
    namespace_options.check(options)
    security_options.check(options)
    limit_options.check(options)
    if options["name"]:
        check_name(options["name"])
    if options["pull"] in {"always", "newer"}:
        raise UsageError(f"cannot pull: --pull {options['pull']} is not part of this version", hint="import an archive")
    if options["workdir"] and not options["workdir"].startswith("/"):
        raise UsageError(f'invalid working directory "{options["workdir"]}": it is not an absolute path')
    if options["stop_signal"]:
        parse_signal(options["stop_signal"])
    if options["stop_timeout"] < -1 or options["timeout"] < 0:
        raise UsageError("a timeout cannot be negative")
    parse_bytes(options["shm_size"], "--shm-size")
    _log_limits(options["log_opt"])


def spec_of(paths: Paths, connection: sqlite3.Connection, image: Image, options: dict[str, Any]) -> Spec:
    """Return the spec that the options and the image come to, with a new id.

    Raises:
        UsageError: an option's value is not one, or there is no program to run.
    """
    container_id = os.urandom(32).hex()
    hostname = _hostname(options, container_id)
    entrypoint, command = _program(connection, image, options)
    log_bytes, log_files = _log_limits(options["log_opt"])
    user = options["user"] if options["user"] is not None else image.config.user
    sandbox = {
        **network_options.fields(connection, options, image),
        **security_options.fields(paths, options),
        **namespace_options.fields(connection, options),
        **limit_options.fields(options),
    }
    standard = {"PATH": model.DEFAULT_PATH, "container": "quilt", "HOSTNAME": hostname}
    variables = standard | _environment.environment(
        image.config.env, options["env_file"], options["env"], options["unsetenv"]
    )
    return model.Spec(
        id=container_id,
        name=options["name"] or "",
        image=options["image"].encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        image_id=image.id,
        layers=image.layers,
        entrypoint=entrypoint,
        command=command,
        env=tuple(f"{name}={value}" for name, value in variables.items() if name not in options["unsetenv"]),
        workdir=options["workdir"] or image.config.workdir or "/",
        workdir_given=bool(options["workdir"]),
        hostname=hostname,
        labels={**image.config.labels, **_environment.pairs(options["label_file"], options["label"], "label")},
        annotations=_environment.pairs((), options["annotation"], "annotation"),
        init=options["init"],
        interactive=options["interactive"],
        auto_remove=options["rm"],
        stop_signal=parse_signal(options["stop_signal"] or image.config.stop_signal or "TERM"),
        stop_timeout_s=options["stop_timeout"],
        timeout_s=options["timeout"],
        log_driver="none" if options["log_driver"] == "none" else "k8s-file",
        log_bytes=log_bytes,
        log_files=log_files,
        shm_bytes=parse_bytes(options["shm_size"], "--shm-size"),
        cidfile=os.path.abspath(options["cidfile"]) if options["cidfile"] else "",
        create_command=("quiltctl", *sys.argv[1:]),
        **{"user": user, **sandbox},
    )


def shim_cgroup(paths: Paths, options: dict[str, Any]) -> str:
    """Return the cgroup in which the container's shim shall live, "" for that of the caller."""
    from quiltctl.runtime.cgroup import place

    return place.of_shim(paths, limit_options.parent(options)) if options["cgroups"] == "enabled" else ""


def is_wired(options: dict[str, Any]) -> bool:
    """Return whether the container gets interfaces in networks: what makes them is loaded early then."""
    return network_options.mode_of(options) == "bridge"


def members_of(options: dict[str, Any]) -> tuple[Wanted, ...]:
    """Return the networks that the container shall be in, in their order, whether they exist or not.

    Raises:
        UsageError: something cannot be asked of a network.
    """
    return network_options.members(options)


def warn(run: Run) -> None:
    """Say in a line each that a container runs without the user namespace it should have had, and what else is so."""
    if run.fallback:
        sys.stderr.write(f"Warning: root in this container is root of the host: {run.fallback}\n")
    if run.warning:
        sys.stderr.write(f"Warning: {run.warning}\n")


def write_cidfile(spec: Spec) -> None:
    """Write the id where --cidfile says.

    Raises:
        UsageError: it cannot be written.
    """
    if not spec.cidfile:
        return
    try:
        with open(spec.cidfile, "w", encoding="ascii") as file:
            file.write(spec.id)
    except OSError as error:
        raise UsageError(f"cannot write the id to {spec.cidfile}: {error.strerror}") from error


def _hostname(options: dict[str, Any], container_id: str) -> str:
    if options["hostname"] is None:
        return (
            os.uname().nodename if "host" in {network_options.mode_of(options), options["uts"]} else container_id[:12]
        )
    name: str = _environment.check_text(options["hostname"], "host name")
    if not 0 < len(name.encode()) <= _HOSTNAME_BYTES or not name.replace("-", "a").replace(".", "a").isalnum():
        raise UsageError(
            f'invalid host name "{name}"', hint=f"letters, digits, '-' and '.', at most {_HOSTNAME_BYTES} of them"
        )
    return name


def _program(
    connection: sqlite3.Connection, image: Image, options: dict[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return entrypoint and command. An entrypoint that is given takes the image's command away with its own."""
    command = tuple(options["command"])
    if options["entrypoint"] is None:
        entrypoint = image.config.entrypoint
        command = command or image.config.cmd
    else:
        entrypoint = _entrypoint(connection, options["entrypoint"])
    if not (entrypoint + command) or not (entrypoint + command)[0]:
        raise UsageError(
            f'no program to run: the image "{options["image"]}" names none', hint="give one after the image"
        )
    return entrypoint, command


def _entrypoint(connection: sqlite3.Connection, text: str) -> tuple[str, ...]:
    if not text.startswith("["):
        return (text,) if text else ()
    from sqlite3 import OperationalError

    from quiltctl.db.document import decode

    try:
        words = decode(connection, text)
    except OperationalError as error:
        raise UsageError(f"invalid --entrypoint {text}: it is not JSON") from error
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"invalid --entrypoint {text}: it is not an array of strings")
    return tuple(words)


def _log_limits(given: list[str]) -> tuple[int, int]:
    limits = {"max-size": model.DEFAULT_LOG_BYTES, "max-file": model.DEFAULT_LOG_FILES}
    for entry in given:
        key, _, value = entry.partition("=")
        if key == "max-size":
            limits[key] = parse_bytes(value, "--log-opt max-size")
        elif key == "max-file":
            limits[key] = parse_whole(value, "--log-opt max-file")
        else:
            raise UsageError(f'unknown log option "{key}"', hint="there are max-size and max-file")
    if limits["max-size"] < _LEAST_LOG_BYTES or not 1 <= limits["max-file"] <= _MOST_LOG_FILES:
        raise UsageError(f"a log needs max-size of 4k or more, and max-file from 1 to {_MOST_LOG_FILES}")
    return limits["max-size"], limits["max-file"]
