"""The options of `run` and `create` that say what a program may, and the fields of the spec they come to.

What reads the value of a rare option is imported when it is given: the shim is started after this module is loaded.
"""

from __future__ import annotations

from quiltctl.commands import _network_options as network_options
from quiltctl.errors import UsageError
from quiltctl.model import capability
from quiltctl.model.parameters import Flag, Option
from quiltctl.model.spec import DEFAULT_CAPABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.model.device import DeviceRequest
    from quiltctl.model.parameters import Parameter
    from quiltctl.paths import Paths

OPTIONS: tuple[Parameter, ...] = (
    Option(("--cap-add",), "Add a capability to the default ones, or ALL.", multiple=True, metavar="CAPABILITY"),
    Option(("--cap-drop",), "Take a capability away, or ALL.", multiple=True, metavar="CAPABILITY"),
    Flag(("--privileged",), "Give all capabilities and devices, and take the filter and the masks away."),
    Option(
        ("--security-opt",),
        "no-new-privileges=BOOL, seccomp=FILE|unconfined, mask=PATH:PATH, unmask=ALL|PATH:PATH.",
        multiple=True,
        metavar="KEY=VALUE",
    ),
    Flag(("--read-only",), "Mount the root file system read-only."),
    Flag(("--read-only-tmpfs",), "With --read-only, a tmpfs on /run, /tmp and /var/tmp.", default=True),
    Option(
        ("--device",), "Pass a device of the host, or all in a folder.", multiple=True, metavar="HOST[:PLACE][:rwm]"
    ),
    Option(("--device-cgroup-rule",), "Allow devices by number.", multiple=True, metavar="'KIND MAJOR:MINOR ACCESS'"),
    Option(("--ulimit",), "Set a resource limit; `host` keeps the host's.", multiple=True, metavar="NAME=SOFT[:HARD]"),
    Option(("--sysctl",), "Set a kernel parameter of the container's namespaces.", multiple=True, metavar="NAME=VALUE"),
    Option(("--group-add",), "Add a supplementary group, name or number.", multiple=True, metavar="GROUP"),
    Option(("--umask",), "Set the mask of new files, in octal.", default="0022", metavar="MASK"),
)
_MOST_MASK = 0o777


def check(options: dict[str, Any]) -> None:
    """Refuse what cannot be right whatever the image is.

    Raises:
        UsageError: an option's value is not one, or two do not go together.
    """
    _capabilities(options)
    SecurityOptions(options["security_opt"])
    _umask(options["umask"])
    _sysctls(options)
    _device_requests(options)
    _device_rules(options)
    _ulimits(options)
    if "keep-groups" in options["group_add"]:
        raise UsageError("cannot keep the caller's groups", hint="name the groups with --group-add")


def fields(paths: Paths, options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the spec that these options come to.

    Raises:
        UsageError: a device or a profile is not there, or cannot be used.
    """
    security = SecurityOptions(options["security_opt"])
    privileged = options["privileged"]
    return {
        "privileged": privileged,
        "cap_add": _words(options["cap_add"]),
        "cap_drop": _words(options["cap_drop"]),
        "capabilities": _capabilities(options),
        "no_new_privileges": not privileged if security.no_new_privileges is None else security.no_new_privileges,
        "seccomp": security.keep_profile(paths, privileged=privileged),
        "security_opt": tuple(options["security_opt"]),
        "mask": security.mask,
        "unmask": security.unmask,
        "read_only": options["read_only"],
        "read_only_tmpfs": options["read_only_tmpfs"],
        "devices": _devices(options),
        "device_requests": tuple(options["device"]),
        "device_rules": _device_rules(options),
        "ulimits": _ulimits(options),
        "sysctls": _sysctls(options),
        "groups": tuple(options["group_add"]),
        "umask": _umask(options["umask"]),
    }


def _sysctls(options: dict[str, Any]) -> dict[str, str]:
    """Return the kernel parameters by name, none of the whole host's, or of a namespace that is shared."""
    if not options["sysctl"]:
        return {}
    from quiltctl.model import sysctl

    found = dict(map(sysctl.parse_sysctl, options["sysctl"]))
    for name in found:
        kind = sysctl.namespace_of(name)
        network = kind == "net"
        option, mode = ("network", network_options.mode_of(options)) if network else (kind, options[kind or "uts"])
        if mode == "host" or mode.startswith("container:"):
            raise UsageError(
                f"cannot set {name} with --{option} {mode}: it would change what is not the container's own",
                hint=f"leave --{option} out",
            )
    return found


class SecurityOptions:
    """What the values of ``--security-opt`` say together; the last of a repeated key wins, paths add up."""

    def __init__(self, words: list[str]) -> None:
        """Read the values.

        Raises:
            UsageError: one is unknown, or asks for what this host or this program does not do.
        """
        self.no_new_privileges: bool | None = None
        self.seccomp = ""
        self.mask: tuple[str, ...] = ()
        self.unmask: tuple[str, ...] = ()
        for word in words:
            # docker once wrote a colon, and its users still do.
            key, _, value = word.replace(":", "=", 1).partition("=") if "=" not in word else word.partition("=")
            self._take(key, value, word)

    def _take(self, key: str, value: str, word: str) -> None:
        if key == "no-new-privileges" and value in {"", "true", "false"}:
            self.no_new_privileges = value != "false"
        elif key == "seccomp" and value:
            self.seccomp = value
        elif key == "mask" and value.startswith("/"):
            self.mask += _absolute(value, word)
        elif key == "unmask" and value:
            self.unmask += ("ALL",) if value == "ALL" else _absolute(value, word)
        elif (key, value) == ("systempaths", "unconfined"):
            self.unmask += ("ALL",)
        elif (key, value) not in {("label", "disable"), ("apparmor", "unconfined")}:  # that is how it is anyway
            raise UsageError(
                f'cannot honour --security-opt "{word}"',
                hint="there is no-new-privileges=BOOL, seccomp=FILE|unconfined, mask=PATHS, unmask=ALL|PATHS",
            )

    def keep_profile(self, paths: Paths, *, privileged: bool) -> str:
        """Return the name of the profile of system calls; one from a file is checked, compiled and kept.

        Raises:
            UsageError: the file cannot be read, or is no profile.
        """
        if not self.seccomp:
            return "unconfined" if privileged else "default"
        if self.seccomp == "unconfined":
            return "unconfined"
        from quiltctl.runtime.seccomp import cache

        try:
            with open(self.seccomp, "rb") as file:
                return cache.keep(paths.seccomp, file.read().decode())
        except OSError as error:
            raise UsageError(f"cannot read the seccomp profile {self.seccomp}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"invalid seccomp profile {self.seccomp}: it is not text") from error


def _absolute(value: str, word: str) -> tuple[str, ...]:
    found = tuple(path for path in value.split(":") if path)
    if not all(path.startswith("/") and path.strip("/") and ".." not in path.split("/") for path in found):
        raise UsageError(f'invalid --security-opt "{word}"', hint="paths are absolute, with a colon between them")
    return found


def _words(given: list[str]) -> tuple[str, ...]:
    return tuple(word for entry in given for word in entry.split(","))


def _capabilities(options: dict[str, Any]) -> tuple[str, ...]:
    add, drop = _words(options["cap_add"]), _words(options["cap_drop"])
    return capability.resolve(capability.CAPABILITIES if options["privileged"] else DEFAULT_CAPABILITIES, add, drop)


def _umask(text: str) -> int:
    if not text or text.strip("01234567") or int(text, 8) > _MOST_MASK:
        raise UsageError(f'invalid --umask "{text}"', hint="an octal number up to 0777")
    return int(text, 8)


def _ulimits(options: dict[str, Any]) -> tuple[tuple[str, int, int], ...]:
    if not options["ulimit"]:
        return ()
    from quiltctl.model.ulimit import parse_ulimit

    return tuple((limit.name, limit.soft, limit.hard) for limit in map(parse_ulimit, options["ulimit"]))


def _device_rules(options: dict[str, Any]) -> tuple[list[Any], ...]:
    if not options["device_cgroup_rule"]:
        return ()
    from quiltctl.model.device import parse_rule

    return tuple(parse_rule(text).to_list() for text in options["device_cgroup_rule"])


def _device_requests(options: dict[str, Any]) -> tuple[DeviceRequest, ...]:
    if not options["device"]:
        return ()
    from quiltctl.model.device import parse_device

    return tuple(map(parse_device, options["device"]))


def _devices(options: dict[str, Any]) -> tuple[list[Any], ...]:
    requests = _device_requests(options)
    if not requests:
        return ()
    from quiltctl.runtime import devices

    return tuple(node.to_list() for node in devices.nodes(requests))
