"""Where things live below the root directory."""

from __future__ import annotations

import os

from quiltctl.model.value import Value

DEFAULT_ROOT = "/var/lib/quilt"


class Paths(Value):
    """The places below one root. Making the value touches nothing on disk."""

    root: str

    @property
    def database(self) -> str:
        """Return the path of quilt.db."""
        return f"{self.root}/quilt.db"

    @property
    def layers(self) -> str:
        """Return the folder of unpacked layers, each named by the hex of its digest."""
        return f"{self.root}/layers"

    @property
    def images(self) -> str:
        """Return the folder where imports are staged."""
        return f"{self.root}/images"

    @property
    def containers(self) -> str:
        """Return the folder that holds one folder per container."""
        return f"{self.root}/containers"

    @property
    def seccomp(self) -> str:
        """Return the folder of profiles of system calls, and of what they were compiled to."""
        return f"{self.root}/seccomp"

    def container(self, container_id: str) -> str:
        """Return the folder of one container."""
        return f"{self.root}/containers/{container_id}"

    @property
    def tag(self) -> str:
        """Return what tells this root's kernel objects from another root's: empty for the default root."""
        if self.root == DEFAULT_ROOT:
            return ""
        from binascii import crc32

        return f"{crc32(self.root.encode('utf-8', 'surrogateescape')):08x}"

    @property
    def cgroup(self) -> str:
        """Return the cgroup, in every hierarchy, below which this root keeps its own."""
        return f"quilt-{self.tag}" if self.tag else "quilt"

    @property
    def link_prefix(self) -> str:
        """Return what the names of this root's network interfaces begin with; nobody else's may."""
        return f"q{self.tag}" if self.tag else "quilt"

    def bridge(self, number: int) -> str:
        """Return the name of a network's bridge: quilt0, quilt1, ..."""
        return f"{self.link_prefix}b{number}" if self.tag else f"{self.link_prefix}{number}"

    def host_interface(self, lease_id: int) -> str:
        """Return the name of the host's end of a lease's veth; an interface has 15 characters.

        No two leases have the same: sixty million come and go before a name comes again, where the root has a tag.
        """
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"
        text, rest = "", lease_id
        while rest or not text:
            rest, digit = divmod(rest, len(digits))
            text = digits[digit] + text
        room = 14 - len(self.link_prefix)
        return f"{self.link_prefix}-{text[-room:]}"

    @property
    def nft_table(self) -> str:
        """Return the name of this root's tables of nftables."""
        return f"quilt_{self.tag}" if self.tag else "quilt"


def find_paths(root: str | None) -> Paths:
    """Return the places below ``root``, else below ``$QUILT_ROOT``, else below the default.

    The root is made absolute and free of symbolic links, so that two spellings are one root.
    """
    return Paths(os.path.realpath(root or os.environ.get("QUILT_ROOT") or DEFAULT_ROOT))
