"""Facts about the machine, against what other sources say of it."""

from __future__ import annotations

import os

import pytest

from quiltctl.runtime import host
from quiltctl.runtime.host import Mount

MOUNTS = [
    Mount("/", "ext4", ("rw",)),
    Mount("/var", "xfs", ("rw",)),
    Mount("/var/lib/quilt", "overlay", ("rw",)),
    Mount("/var/lib/quilt", "tmpfs", ("rw",)),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/varnish", "ext4"),
        ("/var", "xfs"),
        ("/var/lib", "xfs"),
        ("/var/lib/quilt", "tmpfs"),
        ("/var/lib/quilt/layers", "tmpfs"),
    ],
)
def test_mount_of_a_path_is_the_nearest_and_the_last(path: str, kind: str) -> None:
    """A path lies on the deepest mount above it, and of two on one place on the later."""
    mount = host.mount_of(path, MOUNTS)
    assert mount is not None
    assert mount.kind == kind


def test_mounts_agree_with_the_kernel_about_the_root() -> None:
    """The list ends with what is really mounted: the device of / is found, and blanks in names are read."""
    assert host.mount_of("/", host.mounts()) is not None
    assert host._unescape(r"/a\040b\134c") == "/a b\\c"  # noqa: SLF001 (no mount here has such a name)


def test_memory_is_in_bytes() -> None:
    """What there is agrees with what sysconf says, and what is available is a part of it."""
    memory = host.memory()
    assert memory.total_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory.available_bytes <= memory.total_bytes


def test_distribution_has_the_keys_of_os_release() -> None:
    """Values come without their quotes, and comments are no keys."""
    known = host.distribution()
    assert known["ID"]
    assert not any(value[:1] in {'"', "'"} for value in known.values())
    assert not any(key.startswith("#") for key in known)
