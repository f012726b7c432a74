"""Ports of the host, held by real sockets, in a network namespace of each test's own."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import struct
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.runtime.linux.processes import CLONE_NEWNET, leave
from quiltctl.runtime.network import ports
from tests.attach import port

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("root")

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def alone(act: Callable[[], None]) -> None:
    """Act in a child with a network namespace of its own, whose loopback is up; what fails there fails here."""
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            leave(CLONE_NEWNET)
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING))
            act()
        except BaseException:  # noqa: BLE001 (the parent tells it)
            os.write(write_fd, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as report:
        said = report.read()
    os.waitpid(child, 0)
    assert not said, said


def taken(number: int, kind: socket.SocketKind = socket.SOCK_STREAM, family: int = socket.AF_INET) -> bool:
    """Return whether a program that does what servers do cannot have the port."""
    with socket.socket(family, kind) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("", number))
        except OSError:
            return True
    return False


def refused(*wanted: dict[str, Any], ipv6: bool = False) -> errors.QuiltError:
    """Return the error of ports that cannot be held, after which no descriptor is left."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(errors.QuiltError) as caught:
        ports.bind(wanted, ipv6=ipv6)
    assert os.listdir("/proc/self/fd") == before
    return caught.value


def test_port_is_held_as_long_as_a_copy_of_its_descriptor_is() -> None:
    """Nobody else can have it, by any address; nobody can connect either; then it is free at once."""

    def act() -> None:
        fds, found = ports.bind([port(8080, 80)], ipv6=False)
        assert found == (port(8080, 80),)
        assert taken(8080)
        assert not taken(8080, family=socket.AF_INET6)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 8080))
        copy = os.dup(fds[0])
        assert not os.get_inheritable(fds[0])
        os.close(fds[0])
        assert taken(8080)
        os.close(copy)
        assert not taken(8080)

    alone(act)


def test_port_is_held_for_both_versions_of_ip() -> None:
    """Where the container has IPv6 too, and UDP beside TCP."""

    def act() -> None:
        fds, _ = ports.bind([port(53, 53), port(53, 53, "udp")], ipv6=True)
        assert len(fds) == 4
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            assert taken(53, kind)
            assert taken(53, kind, socket.AF_INET6)

    alone(act)


def test_port_of_one_address_leaves_the_others() -> None:
    """What is published on loopback alone can be somebody else's elsewhere."""

    def act() -> None:
        fds, found = ports.bind([port(80, 80, "tcp", "127.0.0.1"), port(80, 80, "tcp", "::1")], ipv6=False)
        assert [one["host_ip"] for one in found] == ["127.0.0.1", "::1"]
        more, _ = ports.bind([port(80, 80, "tcp", "127.0.0.2")], ipv6=False)
        assert len(fds + more) == 3

    alone(act)


@pytest.mark.parametrize("listens", [False, True])
def test_port_that_somebody_has_is_refused(*, listens: bool) -> None:
    """With podman's code, also where the other one's socket would share; and none of the others stays held."""

    def act() -> None:
        with socket.socket() as server:
            if listens:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", 8080))
            if listens:
                server.listen()
            error = refused(port(8081, 81), port(8080, 80))
        assert isinstance(error, errors.AddressInUse)
        assert str(error) == "cannot publish port 8080/tcp: address already in use"
        assert error.exit_code == 126
        assert not taken(8081)

    alone(act)


def test_port_that_another_container_has_is_refused() -> None:
    """By TCP and by UDP, by all addresses and by one."""

    def act() -> None:
        fds, _ = ports.bind([port(80, 80), port(53, 53, "udp", "127.0.0.1")], ipv6=False)
        assert str(refused(port(80, 80, "tcp", "127.0.0.1"))).startswith("cannot publish port 127.0.0.1:80/tcp: addr")
        assert str(refused(port(53, 53, "udp"))) == "cannot publish port 53/udp: address already in use"
        assert len(fds) == 2

    alone(act)


def test_port_on_which_connections_ended_is_free_and_held_alone() -> None:
    """What the kernel remembers of them for a minute is in nobody's way; and the next one finds the port taken."""

    def act() -> None:
        server = socket.create_server(("127.0.0.1", 8080))
        client = socket.create_connection(("127.0.0.1", 8080))
        accepted, _ = server.accept()
        accepted.close()  # who closes first waits
        assert client.recv(1) == b""
        client.close()
        server.close()
        with socket.socket() as plain, pytest.raises(OSError, match="in use"):
            plain.bind(("0.0.0.0", 8080))  # noqa: S104 (in a namespace of its own)
        fds, _ = ports.bind([port(8080, 80)], ipv6=False)
        assert taken(8080)
        assert isinstance(refused(port(8080, 80)), errors.AddressInUse)
        os.close(fds[0])

    alone(act)


def test_port_that_somebody_has_by_ipv6_alone_is_refused() -> None:
    """And that of IPv4 is given back."""

    def act() -> None:
        with socket.create_server(("::1", 8080), family=socket.AF_INET6):
            assert isinstance(refused(port(8080, 80), ipv6=True), errors.AddressInUse)
            assert not taken(8080)

    alone(act)


def test_port_of_an_address_that_is_not_here_is_refused() -> None:
    """With podman's code and words."""

    def act() -> None:
        for host_ip, shown in (("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "[2001:db8::7]")):
            error = refused(port(8080, 80, "tcp", host_ip))
            assert str(error) == f"cannot publish port {shown}:8080/tcp: cannot assign requested address"
            assert error.exit_code == 126

    alone(act)


def test_any_port_is_one_that_is_free_for_both_versions() -> None:
    """Of those that the kernel gives out, another each time, the same for IPv4 and IPv6."""

    def act() -> None:
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
            file.write("40000 40009")
        six = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for number, one in enumerate(six):
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(("::", 40001 + number * 2))  # odd ones: those the kernel tries first
        for _ in range(8):
            fds, [found] = ports.bind([port(0, 80)], ipv6=True)
            assert found == {**port(0, 80), "host_port": found["host_port"]}
            assert found["host_port"] in {40000, 40002, 40004, 40006, 40008, 40009}
            assert [socket.socket(fileno=fd).getsockname()[1] for fd in map(os.dup, fds)] == [found["host_port"]] * 2
            for fd in fds:
                os.close(fd)

    alone(act)


def test_port_by_number_is_not_given_to_chance() -> None:
    """Those asked for by number are taken first, whatever the order; the answer keeps the order."""

    def act() -> None:
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
            file.write("40000 40001")
        fds, found = ports.bind([port(0, 81), port(40001, 80)], ipv6=False)
        assert found == (port(40000, 81), port(40001, 80))
        assert [socket.socket(fileno=os.dup(fd)).getsockname()[1] for fd in fds] == [40000, 40001]

    alone(act)


def test_any_port_where_none_is_left_is_refused() -> None:
    """It is not looked for without end."""

    def act() -> None:
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
            file.write("40000 40000")
        ports.bind([port(40000, 80)], ipv6=False)
        error = refused(port(0, 81))
        assert str(error) == "cannot publish port 81/tcp on any port of the host: address already in use"

    alone(act)


def test_large_range_raises_the_limit_of_open_files() -> None:
    """As far as it may be; beyond that the error says how many are possible."""

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1000))
        wanted = [port(10000 + number, 1 + number) for number in range(900)]
        fds, _ = ports.bind(wanted[:500], ipv6=False)
        assert len(fds) == 500
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (1000, 1000)
        for fd in fds:
            os.close(fd)
        error = refused(*wanted, port(1, 1), *(port(20000 + number, 1 + number) for number in range(100)))
        assert isinstance(error, errors.UsageError)
        assert "they take 1001 sockets, and " in str(error)

    alone(act)


def test_no_port_is_nothing() -> None:
    """Then nothing is opened."""
    assert ports.bind((), ipv6=True) == ([], ())
