"""The options of `run` and `create` for namespaces, and the fields of the spec they come to."""

from __future__ import annotations

import os

from quiltctl import errors
from quiltctl.commands import _network_options as network_options
from quiltctl.errors import UsageError
from quiltctl.model import id_map
from quiltctl.model.parameters import Option
from quiltctl.runtime.user_namespace import find_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.model.id_map import UserNamespace
    from quiltctl.model.parameters import Parameter
    from quiltctl.model.spec import Spec

OPTIONS: tuple[Parameter, ...] = (
    Option(("--userns",), "User namespace: auto, host, keep-id, container:X.", metavar="MODE"),
    Option(("--uidmap",), "Map user ids by hand.", multiple=True, metavar="CONTAINER:HOST:SIZE"),
    Option(("--gidmap",), "Map group ids by hand; without, as --uidmap.", multiple=True, metavar="CONTAINER:HOST:SIZE"),
    Option(("--pid",), "PID namespace: private, host, container:X.", default="private", metavar="MODE"),
    Option(("--ipc",), "IPC namespace and /dev/shm: private, host, container:X.", default="private", metavar="MODE"),
    Option(("--uts",), "Host name's namespace: private, host, container:X.", default="private", metavar="MODE"),
    Option(("--cgroupns",), "Cgroup namespace: private, host, container:X.", default="private", metavar="MODE"),
)
_NAMESPACES = ("pid", "ipc", "uts", "cgroupns")


def check(options: dict[str, Any]) -> None:
    """Refuse what cannot be right whatever the image is.

    Raises:
        UsageError: an option's value is not one, or two do not go together.
    """
    user_namespace(options)
    for name in _NAMESPACES:
        _mode(options, name)
    if options["uts"] != "private" and options["hostname"] is not None:
        raise UsageError("cannot set --hostname in a UTS namespace that is shared", hint="leave one of the two out")


def is_nested(options: dict[str, Any]) -> bool:
    """Return whether the container has a PID namespace of its own: its shim is made accordingly, before all else."""
    return _mode(options, "pid") == "private"


def fields(connection: sqlite3.Connection, options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the spec that these options come to; what is joined, by its full id.

    Raises:
        UsageError: what is joined does not go together.
        NotFound: the container whose namespaces shall be joined.
        Conflict: it has another user namespace than the one asked for.
    """
    modes = {name: _mode(options, name) for name in _NAMESPACES}
    network = network_options.mode_of(options)
    modes |= {"network": network} if network.startswith("container:") else {}
    wanted = user_namespace(options)
    words = [mode.partition(":")[2] for mode in modes.values() if mode.startswith("container:")]
    words += [wanted.container] if wanted.mode == "container" else []
    if words:
        return _joined(connection, modes, words, wanted if options["userns"] else None)
    return {**modes, **_own_ids(wanted, options), "userns_given": bool(options["userns"]) or wanted.mode == "map"}


def _own_ids(wanted: UserNamespace, options: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"userns": wanted.mode, "userns_size": wanted.size}
    if wanted.mode == "map":
        found["uid_map"], found["gid_map"] = _maps(options)
    if wanted.mode == "keep-id":
        outside = [_caller("SUDO_UID"), _caller("SUDO_GID")]
        inside = [own if asked < 0 else asked for own, asked in zip(outside, (wanted.uid, wanted.gid), strict=True)]
        if max(inside) >= wanted.size:
            raise UsageError(f"cannot keep id {max(inside)}: a container has {wanted.size} ids", hint="give uid=, gid=")
        found["kept_uid"], found["kept_gid"] = zip(inside, outside, strict=True)
        if options["user"] is None:
            found["user"] = f"{inside[0]}:{inside[1]}"
    return found


def _caller(variable: str) -> int:
    """Return the id of the user behind sudo."""
    text = os.environ.get(variable, "")
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise UsageError(
            "cannot keep the caller's id: the caller is root, and root inside must not be root outside",
            hint="run it through sudo as the user whose files it works on, or say --userns host",
        )
    return int(text)


def _joined(
    connection: sqlite3.Connection, modes: dict[str, str], words: list[str], wanted: UserNamespace | None
) -> dict[str, Any]:
    """Return the modes with the joined container's id. Who joins a namespace shares the user namespace over it."""
    from quiltctl.db import configs, containers
    from quiltctl.db.document import decode
    from quiltctl.model.spec import spec_from

    owners = {word: containers.find(connection, word) for word in words}
    if len({owner.id for owner in owners.values()}) > 1:
        raise UsageError("cannot join the namespaces of several containers", hint="name the same one everywhere")
    owner = owners[words[0]]
    spec: Spec = spec_from(decode(connection, configs.config_of(connection, owner.id)))
    if wanted is not None and wanted.mode not in {"container", "host" if not spec.uid_map else ""}:
        raise errors.Conflict(
            f"cannot join the namespaces of {owner.name} with --userns {wanted.mode}: its user namespace rules them",
            hint="leave --userns out",
        )
    name = f"container:{owner.id}"
    # What that container itself shares with the host is the host's here as well.
    joined = {
        field: mode if not mode.startswith("container:") else "host" if getattr(spec, field) == "host" else name
        for field, mode in modes.items()
    }
    ids = {"uid_map": spec.uid_map, "gid_map": spec.gid_map, "userns": name if spec.uid_map else "host"}
    return {**joined, **ids, "userns_given": True}


def user_namespace(options: dict[str, Any]) -> UserNamespace:
    """Return what is asked for, by --userns or by maps; without either, auto.

    Raises:
        UsageError: it is none of the modes, or both are given.
    """
    wanted = id_map.parse_user_namespace(options["userns"] or "auto")
    if not options["uidmap"] and not options["gidmap"]:
        return wanted
    if options["userns"] and options["userns"] != "private":
        raise UsageError("--userns and --uidmap or --gidmap cannot be given together", hint="leave one of them out")
    _maps(options)
    return id_map.UserNamespace("map")


def _mode(options: dict[str, Any], name: str) -> str:
    mode: str = options[name]
    if mode in {"private", "shareable", ""}:  # podman knows both words; any container's can be joined here
        return "private"
    if mode == "host" or mode.startswith("container:"):
        return mode
    raise UsageError(f'invalid --{name} "{mode}"', hint="it is private, host, or container:NAME")


def _maps(options: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return both maps; where only one is given, the other is the same."""
    found = []
    for given, other in (("uidmap", "gidmap"), ("gidmap", "uidmap")):
        texts = options[given] or options[other]
        mappings = tuple(id_map.parse_mapping(text, f"--{given}") for text in texts)
        found.append(id_map.check_map(mappings, f"--{given}"))
        if id_map.overlaps(mappings, find_pool()):
            raise UsageError(
                f"invalid --{given}: it maps ids that are leased to containers",
                hint=f"leave out {find_pool()[0]} to {sum(find_pool()) - 1}, or set QUILT_ID_POOL",
            )
    return found[0], found[1]
