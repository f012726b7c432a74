"""User namespaces: root inside is one of 65,536 ids on the host that nobody else has (user_namespaces(7))."""

from __future__ import annotations

import os

from quiltctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec

POOL = (2000224256, 147128320)
"""First id and size of what ranges are leased from: 2,245 of them.

Above what sssd gives to the users of a directory (200000 to 2000200000) and systemd-nspawn to its containers (524288
to 1879048191), below systemd's foreign ids (2147352576) and the half that does not fit a signed number.
"""
_HIGHEST = (1 << 32) - 1


def find_pool() -> tuple[int, int]:
    """Return first id and size of the pool: ``$QUILT_ID_POOL``, which is FIRST:SIZE, else the default one.

    Raises:
        UsageError: the variable holds something else.
    """
    text = os.environ.get("QUILT_ID_POOL")
    if not text:
        return POOL
    first, _, size = text.partition(":")
    if not (first.isascii() and first.isdigit() and size.isascii() and size.isdigit()):
        raise UsageError(f'invalid QUILT_ID_POOL "{text}"', hint="it is FIRST:SIZE, for example 2000224256:147128320")
    if not 0 < int(first) <= _HIGHEST or int(first) + int(size) > _HIGHEST:
        raise UsageError(f'invalid QUILT_ID_POOL "{text}": it leaves the range of ids')
    return int(first), int(size)


def write_maps(host_pid: int, spec: Spec) -> None:
    """Map the ids of a process that was born in a new user namespace. Real root writes both, whatever they map.

    Raises:
        OSError: the kernel refuses a map; the filename says which.
    """
    for name, mappings in (("uid_map", spec.uid_map), ("gid_map", spec.gid_map)):
        text = "".join(f"{mapping.replace(':', ' ')}\n" for mapping in mappings)
        fd = os.open(f"/proc/{host_pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())  # at once: a second write is refused
        except OSError as error:
            raise OSError(error.errno, error.strerror, name) from error
        finally:
            os.close(fd)


def open_of(host_pid: int) -> int:
    """Return a descriptor for the user namespace of a process."""
    return os.open(f"/proc/{host_pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
