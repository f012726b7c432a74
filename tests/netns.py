"""Network namespaces to test in: a host, what is outside of it, and containers, joined by veths and bridges.

The process of the tests stays in its own namespace, and so do the machine's interfaces and firewall: what happens in
another happens in children. A namespace lives as long as the descriptor that is kept of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import signal
import socket
import subprocess
import traceback
from typing import TYPE_CHECKING, TypeVar

from quiltctl.runtime.linux import processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

Result = TypeVar("Result")
HOST, OUTSIDE = "192.0.2.1", "192.0.2.2"
HOST_OTHER = "192.0.2.9"
"""A second address of the host."""
HOST6, OUTSIDE6 = "2001:db8::1", "2001:db8::2"
_MAC, _OUTSIDE_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
"""Known to both from the start: a neighbour that is not there yet when IPv6 first asks for it costs a second."""
_SLOW_S = 1.0
_ERRORS = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EHOSTUNREACH: "unreachable"}


class Namespace:
    """A network namespace with its loopback up."""

    def __init__(self) -> None:
        self._children: list[int] = []
        ready, done = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                processes.leave(processes.CLONE_NEWNET)
                os.write(ready[1], b".")
                os.close(done[1])
                os.read(done[0], 1)
            finally:
                os._exit(0)
        assert os.read(ready[0], 1) == b"."
        self.fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        for fd in (*ready, *done):
            os.close(fd)
        os.waitpid(pid, 0)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        """A path by which programs find it: ``nsenter --net=``, ``ip link set ... netns``."""
        self.ip("link set lo up")
        for place in ("all", "default"):  # or the first seconds of IPv6 go to looking for doubles
            self.write(f"/proc/sys/net/ipv6/conf/{place}/accept_dad", "0")

    def run(self, *command: str, check: bool = True, text: str | None = None) -> str:
        """Run a command here, ``text`` its input, and return what it prints."""
        done = subprocess.run(self.command(*command), input=text, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a command here; the options are those of subprocess.Popen."""
        return subprocess.Popen(self.command(*command), **options)

    def command(self, *command: str) -> list[str]:
        """Return the words by which a command is run here."""
        return ["nsenter", f"--net={self.path}", *command]

    def ip(self, *lines: str) -> None:
        """Run lines of `ip`, as one batch."""
        self.run("ip", "-batch", "-", text="".join(f"{line}\n" for line in lines))

    def call(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns here, in a child; what it raises is raised."""
        read_fd, write_fd = os.pipe()
        pid = self._fork(lambda: _answer(write_fd, function))
        os.close(write_fd)
        with open(read_fd, "rb") as file:
            data = file.read()
        os.waitpid(pid, 0)
        assert data, "the child died"
        is_well, value = pickle.loads(data)  # noqa: S301 (our own child's)
        if not is_well:
            raise value
        result: Result = value
        return result

    def write(self, path: str, text: str) -> None:
        """Write a file, such as one below /proc/sys/net, which shows who writes what is here."""
        self.run("sh", "-c", f"echo {text} > {path}")

    def serve(self, port: int, answer: str = "", *, address: str = "", kind: str = "tcp") -> None:
        """Answer at a port, of any address or of one, until the namespace is closed: ``answer``, and who has asked."""
        family = socket.AF_INET if "." in address else socket.AF_INET6
        type_ = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        ready, told = os.pipe()
        pid = self._fork(lambda: _serve(family, type_, (address or "::", port), answer, told))
        self._children.append(pid)
        os.close(told)
        with open(ready, "rb") as file:
            assert file.read() == b".", f"nobody serves {address} {port}"

    def fetch(self, address: str, port: int, *, kind: str = "tcp", source: str = "") -> str:
        """Return what is answered at a port, or refused, reset, unreachable, timeout: why nothing is."""
        return self.call(lambda: fetch(address, port, kind=kind, source=source))

    def socket(self, family: int, kind: int) -> socket.socket:
        """Return a socket of this namespace, for the process of the tests to use."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            pid = self._fork(lambda: _pass(theirs, family, kind))
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            os.waitpid(pid, 0)
        made = socket.socket(family, kind, fileno=fds[0])
        made.settimeout(_SLOW_S)
        return made

    def close(self) -> None:
        """End what was started here, and let the namespace go."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(self.fd)

    def _fork(self, act: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                processes.join(self.fd, processes.CLONE_NEWNET)
                act()
            except BaseException:  # noqa: BLE001 (nothing may return into the tests of the parent)
                traceback.print_exc()
            finally:
                os._exit(0)
        return pid


class Inside(Namespace):
    """The network namespace that a process is in."""

    def __init__(self, pid: int) -> None:
        self._children = []
        self.fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"


class World:
    """A host, with one veth to what is outside of it. Used in a ``with``, at whose end all of it goes."""

    def __init__(self) -> None:
        self.host, self.outside = Namespace(), Namespace()
        self._spaces = [self.host, self.outside]
        self.host.ip(
            f"link add uplink address {_MAC} type veth peer uplink address {_OUTSIDE_MAC} netns {self.outside.path}",
            f"addr add {HOST}/24 dev uplink",
            f"addr add {HOST_OTHER}/24 dev uplink",
            f"addr add {HOST6}/64 dev uplink nodad",
            "link set uplink up",
            f"neigh add {OUTSIDE6} lladdr {_OUTSIDE_MAC} dev uplink nud permanent",
        )
        self.outside.ip(
            f"addr add {OUTSIDE}/24 dev uplink",
            f"addr add {OUTSIDE6}/64 dev uplink nodad",
            "link set uplink up",
            f"neigh add {HOST6} lladdr {_MAC} dev uplink nud permanent",
        )
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.host.write(f"/proc/sys/net/{path}", "1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for space in reversed(self._spaces):
            space.close()

    def bridge(self, name: str, *addresses: str) -> None:
        """Give the host a bridge with addresses, each ``ADDRESS/PREFIX``."""
        self.host.ip(
            f"link add {name} type bridge",
            *(f"addr add {address} dev {name}{' nodad' if ':' in address else ''}" for address in addresses),
            f"link set {name} up",
        )

    def container(self, bridge: str, interface: str, mac: str, *addresses: str, via: tuple[str, ...] = ()) -> Namespace:
        """Return a namespace whose eth0 is at a bridge by the host's ``interface``, with default routes ``via``."""
        space = Namespace()
        self._spaces.append(space)
        self.host.ip(
            f"link add {interface} type veth peer name eth0 address {mac} netns {space.path}",
            f"link set {interface} master {bridge} up",
        )
        space.ip(
            *(f"addr add {address} dev eth0{' nodad' if ':' in address else ''}" for address in addresses),
            "link set eth0 up",
            *(f"route add default via {gateway}" for gateway in via),
        )
        return space


def fetch(address: str, port: int, *, kind: str = "tcp", source: str = "") -> str:
    """Return what is answered at a port, asked from where the process is; see ``Namespace.fetch``."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as client:
        client.settimeout(_SLOW_S)
        try:
            if source:
                client.bind((source, 0))
            client.connect(socket.getaddrinfo(address, port, family)[0][4])  # which knows %eth0
            if kind == "udp":
                client.send(b"?")
            return client.recv(1000).decode()
        except TimeoutError:
            return "timeout"
        except OSError as error:
            return _ERRORS.get(error.errno or 0, str(error))


def _pass(channel: socket.socket, family: int, kind: int) -> None:
    with socket.socket(family, kind) as made:
        socket.send_fds(channel, [b"."], [made.fileno()])


def _serve(family: int, kind: int, address: tuple[str, int], answer: str, told_fd: int) -> None:
    with socket.socket(family, kind) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen()
        os.write(told_fd, b".")
        os.close(told_fd)
        while True:
            with contextlib.suppress(OSError):
                if kind == socket.SOCK_STREAM:
                    client, peer = server.accept()
                    with client:
                        client.send(_said(answer, peer))
                else:
                    _, peer = server.recvfrom(1000)
                    server.sendto(_said(answer, peer), peer)


def _said(answer: str, peer: tuple[Any, ...]) -> bytes:
    return f"{answer} {peer[0].removeprefix('::ffff:')}".strip().encode()


def _answer(fd: int, function: Callable[[], object]) -> None:
    try:
        outcome: tuple[bool, object] = (True, function())
    except Exception as error:  # noqa: BLE001 (raised again in the parent)
        outcome = (False, error)
    try:
        data = pickle.dumps(outcome)
    except Exception as error:  # noqa: BLE001 (the same)
        data = pickle.dumps((False, RuntimeError(str(error))))
    with open(fd, "wb") as file:
        file.write(data)
