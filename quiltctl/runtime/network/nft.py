"""The program `nft`: a script in, one transaction of the kernel, what it lists out."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.runtime import host_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ABSENT = "No such file or directory"


def run(script: str, *options: str) -> str:
    """Have nft read a script, all of which happens or nothing, and return what it prints.

    Raises:
        HostLacks: there is no nft.
        KernelError: it refuses; the sentence ends with the first line that it says.
    """
    return _execute((*options, "-f", "-"), script)


def list_table(family: str, table: str) -> list[dict[str, Any]]:
    """Return what is in a table, as the items of libnftables-json(5), or [] when there is no such table.

    Numbers stand for protocols: their names are in a file that a small host need not have.

    Raises:
        HostLacks: there is no nft.
        KernelError: it refuses.
    """
    from quiltctl.model.document import decode  # only those who look need it

    try:
        text = _execute(("-n", "-j", "list", "table", family, table), "")
    except errors.KernelError as error:
        if str(error).endswith(_ABSENT):
            return []
        raise
    items: list[dict[str, Any]] = decode(text)["nftables"]
    return items


def _execute(arguments: tuple[str, ...], script: str) -> str:
    """Run nft to its end, and return what it prints."""
    program = host_program.find("nft")
    if program is None:
        raise errors.HostLacks(
            "cannot connect a container to the outside: there is no program nft",
            hint="apt install nftables, or use --network none or a network made with --internal",
        )
    environment = {"PATH": ":".join(host_program.FOLDERS), "LC_ALL": "C"}
    ended = host_program.run(program, arguments, environment, script.encode())
    if ended.code:
        lines = ended.complaint.splitlines() or [f"nft ended with code {ended.code}"]
        raise errors.KernelError(f"cannot change the firewall: {lines[0].removeprefix('/dev/stdin:')}")
    return ended.output
