"""Names of capabilities, and what a container holds after `--cap-add` and `--cap-drop`."""

from __future__ import annotations

from quiltctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# capabilities(7): the names, by number.
CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
)
ALL = "ALL"


def resolve(default: Iterable[str], add: Iterable[str], drop: Iterable[str]) -> tuple[str, ...]:
    """Return what is left of ``default``, sorted, after adding and dropping as podman does.

    Names are taken in any case, with or without CAP_. ``ALL`` dropped leaves what is added by name and nothing else;
    ``ALL`` added is every capability but the dropped ones.

    Raises:
        UsageError: no such capability, or one is added and dropped.
    """
    added = {_name(text, "--cap-add") for text in add}
    dropped = {_name(text, "--cap-drop") for text in drop}
    if ALL in added & dropped:
        raise _both(ALL)
    if ALL in dropped:
        return tuple(sorted(added))
    if ALL in added:
        return tuple(sorted({*CAPABILITIES} - dropped))
    for name in sorted(added & dropped):
        raise _both(name)
    return tuple(sorted({*default, *added} - dropped))


def _name(text: str, option: str) -> str:
    word = text.upper().removeprefix("CAP_")
    if word != ALL and word not in CAPABILITIES:
        raise UsageError(
            f'invalid capability "{text}" for {option}', hint="a name from capabilities(7) such as NET_ADMIN, or ALL"
        )
    return word


def _both(name: str) -> UsageError:
    return UsageError(f"cannot both add and drop {name}", hint="leave it out of --cap-add or of --cap-drop")
