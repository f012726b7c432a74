"""Interfaces and policies as `ip` and `nft` show them, and what makes a kernel refuse."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from quiltctl.runtime.linux import pidfd, processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quiltctl.paths import Paths

_CAP_NET_ADMIN = 12
_VERSION_3 = 0x20080522


class Program:
    """A process in a network namespace of its own: what a container that runs is to its host."""

    def __init__(self) -> None:
        own_fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        processes.leave(processes.CLONE_NEWNET)
        try:
            self._process = subprocess.Popen(["sleep", "infinity"])
        finally:
            processes.join(own_fd, processes.CLONE_NEWNET)
            os.close(own_fd)
        self.pid = self._process.pid
        self.started = pidfd.start_time(self.pid) or 0

    def end(self) -> int:
        """Kill it, if it lives. Returns its code."""
        self._process.kill()
        return self._process.wait()

    def addresses(self) -> dict[str, list[str]]:
        """Return its interfaces that are up, with their addresses."""
        return addresses(*self._inside())

    def way_out(self) -> list[str]:
        """Return the gateways of its default routes."""
        return [route["gateway"] for route in _ask(*self._inside(), "ip", "-j", "route", "show", "default")]

    def mac(self, interface: str) -> str:
        """Return the hardware address of one of its interfaces."""
        return str(_ask(*self._inside(), "ip", "-j", "link", "show", interface)[0]["address"])

    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net")


def addresses(*prefix: str) -> dict[str, list[str]]:
    """Return the interfaces that are up, but for loopback, with their addresses, but for those of the link alone."""
    return {
        link["ifname"]: [one["local"] for one in link["addr_info"] if one["scope"] != "link"]
        for link in _ask(*prefix, "ip", "-j", "addr", "show", "up")
        if link.get("ifname", "lo") != "lo"  # those that are down are shown as {}
    }


def kinds() -> dict[str, str]:
    """Return the interfaces of this namespace, but for loopback, each with its kind."""
    links = _ask("ip", "-j", "-d", "link")
    return {link["ifname"]: link["linkinfo"]["info_kind"] for link in links if link["ifname"] != "lo"}


def ports_of(bridge: str) -> list[str]:
    """Return the interfaces that are ports of a bridge."""
    return sorted(link["ifname"] for link in _ask("ip", "-j", "link", "show", "master", bridge))


def ip(*lines: str) -> None:
    """Run lines of `ip` in this namespace."""
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True)


def nft(*lines: str) -> str:
    """Run lines of `nft` in this namespace, and return what they print."""
    return "".join(
        subprocess.run(["nft", *line.split()], check=True, capture_output=True, text=True).stdout for line in lines
    )


def policies(paths: Paths) -> dict[str, list[str]]:
    """Return the addresses that are held to a policy in this namespace, each with the rules that it is held to."""
    items = _ask("nft", "-j", "list", "table", "inet", paths.nft_table)["nftables"]
    chains = {
        str(key): verdict["goto"]["target"]
        for item in items
        if item.get("map", {}).get("name") in {"policies4", "policies6"}
        for key, verdict in item["map"].get("elem", ())
    }
    return {address: _rules(paths, chain) for address, chain in chains.items()}


def _rules(paths: Paths, chain: str) -> list[str]:
    lines = nft(f"list chain inet {paths.nft_table} {chain}").splitlines()
    return [line.strip().partition(" comment ")[0] for line in lines if line.startswith("\t\t")]


def _ask(*command: str) -> Any:
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text or "[]")


@contextlib.contextmanager
def no_right_to_networks() -> Iterator[None]:
    """Take CAP_NET_ADMIN from this thread, so that the kernel refuses whatever it asks for: EPERM (capset(2)).

    A program that it runs, such as nft, has it again: that is what root is (capabilities(7)).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    before = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    without = (ctypes.c_uint32 * 6)(*before)
    without[0] &= ~(1 << _CAP_NET_ADMIN)
    assert libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
