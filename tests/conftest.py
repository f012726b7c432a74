"""What many tests stand on: a root of their own, a root filesystem, and the gate for what a host may lack."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.db.connection import kept, open_to_write
from quiltctl.paths import Paths
from quiltctl.runtime.cgroup import place
from quiltctl.runtime.linux import netlink, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


def _has_user_namespaces() -> bool:
    try:
        return int(Path("/proc/sys/user/max_user_namespaces").read_text(encoding="ascii")) > 0
    except OSError:
        return False


def _has_overlay() -> bool:
    return os.geteuid() == 0 and "overlay" in Path("/proc/filesystems").read_text(encoding="ascii")


def _has_libseccomp() -> bool:
    try:
        importlib.import_module("pyseccomp")
    except (ImportError, RuntimeError, OSError):
        return False
    return True


FEATURES: dict[str, Callable[[], bool]] = {
    "root": lambda: os.geteuid() == 0,
    "busybox": lambda: Path("/usr/bin/busybox").exists(),
    "overlay": _has_overlay,
    "userns": _has_user_namespaces,
    "debootstrap": lambda: os.geteuid() == 0 and shutil.which("debootstrap") is not None,
    "nft": lambda: shutil.which("nft") is not None,
    "ip": lambda: shutil.which("ip") is not None and shutil.which("nsenter") is not None,
    "br_netfilter": lambda: Path("/proc/sys/net/bridge").exists(),
    "skopeo": lambda: shutil.which("skopeo") is not None,
    "libseccomp": _has_libseccomp,
    "hybrid": lambda: all(Path(f"/sys/fs/cgroup/{name}").is_dir() for name in ("unified", "memory")),
    "own_cgroups": lambda: not place.is_delegated(),
    "systemd_cgroups": place.is_delegated,
    "disk": lambda: any(Path(f"/dev/{name}").is_block_device() for name in os.listdir("/sys/block")),
    "cgroup1": lambda: Path("/sys/fs/cgroup/devices/devices.allow").exists(),
    # arch/x86/entry/vdso: only a kernel that runs 32-bit programs has it.
    "ia32": lambda: os.uname().machine == "x86_64" and Path("/proc/sys/abi/vsyscall32").exists(),
    "gcc": lambda: shutil.which("gcc") is not None,
    "xz": lambda: shutil.which("xz") is not None,
    "zstd": lambda: shutil.which("zstd") is not None,
}
"""What a test may need of the host, and how to see whether it is there."""


def require(*features: str) -> None:
    """Skip the test when the host lacks a feature; fail it where QUILT_REQUIRE names that feature, or says all."""
    required = os.environ.get("QUILT_REQUIRE", "").replace(",", " ").split()
    for feature in features:
        if FEATURES[feature]():
            continue
        if feature in required or "all" in required:
            pytest.fail(f"this host lacks {feature}, which QUILT_REQUIRE names")
        pytest.skip(f"this host lacks {feature}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that says what a test needs: ``@pytest.mark.needs("root", "overlay")``."""
    config.addinivalue_line("markers", "needs(*features): skip, or fail by QUILT_REQUIRE, where the host lacks one")


@pytest.fixture(autouse=True)
def _needs_of_the_mark(request: pytest.FixtureRequest) -> None:
    for mark in request.node.iter_markers("needs"):
        require(*mark.args)


@pytest.fixture(autouse=True)
def _connections_end_with_the_test() -> Iterator[None]:
    """Close what the test has opened: a command leaves its connections to the end of its process, and we go on."""
    before = len(kept)
    yield
    while len(kept) > before:
        with contextlib.suppress(sqlite3.ProgrammingError):  # opened by a thread, which has ended
            kept.pop().close()


@pytest.fixture
def own_network() -> Iterator[None]:
    """Put the test, and whatever it starts, into a network namespace of its own, with loopback alone."""
    require("root")
    before_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    processes.leave(processes.CLONE_NEWNET)
    socket = netlink.open_socket()
    netlink.ask(socket, (netlink.raise_link(netlink.index_of(socket, "lo")),))
    socket.close()
    yield
    processes.join(before_fd, processes.CLONE_NEWNET)
    os.close(before_fd)


@pytest.fixture(scope="session", autouse=True)
def _the_machine_keeps_its_network() -> Iterator[None]:
    """Fail the session when the machine's own interfaces, routes, firewall or forwarding are not as they were."""
    before = _network_of_the_machine()
    yield
    assert _network_of_the_machine() == before


def _network_of_the_machine() -> dict[str, str]:
    commands = ("ip -o link", "ip -o addr", "ip route show table all", "ip -6 route show table all", "nft list ruleset")
    found = {}
    for command in commands:
        if shutil.which(command.split()[0]) is None:
            continue
        text = subprocess.run(command.split(), capture_output=True, text=True, check=False).stdout
        # Addresses from DHCP and router advertisements say how long they still last.
        found[command] = re.sub(r"(valid_lft|preferred_lft|expires) \w+", "", text)
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        path = Path("/proc/sys/net") / name
        found[name] = path.read_text(encoding="ascii") if path.exists() else ""
    return found


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """Return ``require``: ``needs("root", "nft")`` skips or fails where the host lacks one of them."""
    return require


@pytest.fixture
def quilt_root() -> Iterator[Paths]:
    """Give a fresh root directory that does not exist yet, and remove it afterwards, whatever is in it.

    Not pytest's tmp_path: that keeps the last three, and a root holds a whole root filesystem.
    """
    folder = tempfile.mkdtemp(prefix="quilt-test-")
    yield Paths(os.path.realpath(f"{folder}/root"))
    shutil.rmtree(folder)


@pytest.fixture
def database(quilt_root: Paths) -> Iterator[sqlite3.Connection]:
    """Give a connection that may write to the database of ``quilt_root``, made for this test."""
    connection = open_to_write(quilt_root)
    yield connection
    connection.close()


def _load(stem: str) -> ModuleType:
    """Return the module of a file beside this one, loaded once."""
    name = f"quilt_tests_{stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{stem}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def rootfs() -> ModuleType:
    """Return the module rootfs.py, which builds root filesystems."""
    return _load("rootfs")


@pytest.fixture(scope="session")
def netns() -> ModuleType:
    """Return the module netns.py, which builds networks in namespaces of their own."""
    return _load("netns")


@pytest.fixture(scope="session")
def rootfs_tar(rootfs: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the busybox root filesystem as an uncompressed archive, made once for the session."""
    require("busybox")
    path: Path = rootfs.busybox_tar(tmp_path_factory.mktemp("rootfs") / "busybox.tar")
    return path
