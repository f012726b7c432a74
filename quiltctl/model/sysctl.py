"""Kernel parameters that belong to a namespace, and so may be set for one container."""

from __future__ import annotations

from quiltctl.errors import UsageError

# ipc_namespaces(7), network_namespaces(7), uts_namespaces(7): the rest of /proc/sys is one for the whole host.
_IPC = (
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
)
DOMAIN_NAME = "kernel.domainname"
"""The file can be written by root of the host alone; setdomainname(2) does the same for root of the namespace."""
_UTS = (DOMAIN_NAME,)
_HINT = f"only net.*, fs.mqueue.*, {', '.join(_IPC + _UTS)}"
_FORM = "NAME=VALUE, such as net.ipv4.ip_forward=1"
_SWAP = str.maketrans("./", "/.")
_MOST_BYTES = 4096
"""proc(5): a longer value would not be written at once."""


def parse_sysctl(text: str) -> tuple[str, str]:
    """Return name and value of ``net.ipv4.ip_forward=1``, the name with dots.

    As in sysctl(8), the separator that comes first separates, and the other one stands for a dot within a name:
    ``net.ipv4.conf.eth0/1.mtu`` and ``net/ipv4/conf/eth0.1/mtu`` are the same.

    Raises:
        UsageError: it is something else, or a parameter of the whole host.
    """
    name, equals, value = text.partition("=")
    if not equals or not value.strip() or not value.replace("\t", " ").isprintable() or len(value) > _MOST_BYTES:
        raise UsageError(f'invalid sysctl "{text}"', hint=_FORM)
    separator = next((letter for letter in name if letter in "./"), ".")
    dotted = name if separator == "." else name.translate(_SWAP)
    if not all(map(_is_part, path_of(dotted).split("/"))):
        raise UsageError(f'invalid sysctl "{text}"', hint=_FORM)
    if dotted == "kernel.hostname":
        raise UsageError(f'cannot set "{name}" as a sysctl', hint="use --hostname")
    if namespace_of(dotted) is None:
        raise UsageError(f'cannot set "{name}": it would change the whole host', hint=_HINT)
    return dotted, value.strip()


def namespace_of(name: str) -> str | None:
    """Return which namespace a parameter belongs to, "ipc", "net" or "uts", or None: then it is the whole host's."""
    if name.startswith("net."):
        return "net"
    if name in _IPC or name.startswith("fs.mqueue."):
        return "ipc"
    return "uts" if name in _UTS else None


def path_of(name: str) -> str:
    """Return where below /proc/sys the parameter with this dotted name is."""
    return name.translate(_SWAP)


def _is_part(part: str) -> bool:
    """Return whether this can be one name of a path: letters and digits, with the marks that interfaces have."""
    bare = part.translate({ord(mark): None for mark in "_-.:@"})
    return bare.isascii() and bare.isalnum()
