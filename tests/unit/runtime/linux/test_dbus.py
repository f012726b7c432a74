"""One call over D-Bus, against what another implementation writes, and against a peer that answers in both orders."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from quiltctl.runtime.linux import dbus

if TYPE_CHECKING:
    from collections.abc import Iterator

MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
START = bytes.fromhex(
    "6c010001f000000001000000b600000001016f00190000002f6f72672f667265656465736b746f702f73797374656d64"
    "310000000000000002017300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e61676572"
    "0000000000000000030173001200000053746172745472616e7369656e74556e69740000000000000601730018000000"
    "6f72672e667265656465736b746f702e73797374656d6431000000000000000008016700107373612873762961287361"
    "28737629290000000b0000007175696c742e73636f706500040000006661696c00000000cb0000000b00000044657363"
    "72697074696f6e000173000016000000436f6e7461696e657273206f66207175696c7463746c00000400000050494473"
    "0002617500000000040000006712000005000000536c696365000173000000000c00000073797374656d2e736c696365"
    "00000000000000000800000044656c6567617465000162000100000000000000080000005461736b734d617800017400"
    "ffffffffffffffff0b000000436f6c6c6563744d6f6465000173000012000000696e6163746976652d6f722d6661696c"
    "6564000000000000"
)
"""The call of the test below, as jeepney 0.9 marshals it."""


def test_call_is_marshalled_as_others_do_it() -> None:
    """Arrays of structures of variants of arrays, with all their padding."""
    properties = [
        ("Description", ("s", "Containers of quiltctl")),
        ("PIDs", ("au", [4711])),
        ("Slice", ("s", "system.slice")),
        ("Delegate", ("b", True)),
        ("TasksMax", ("t", (1 << 64) - 1)),
        ("CollectMode", ("s", "inactive-or-failed")),
    ]
    arguments: tuple[object, ...] = ("quilt.scope", "fail", properties, [])
    call = dbus.method_call(*MANAGER, "StartTransientUnit", "org.freedesktop.systemd1", "ssa(sv)a(sa(sv))", arguments)
    assert call == START


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give our end and that of the service."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


def answer(kind: int, *, serial: int = 1, error: str = "", order: str = "<", body: bytes = b"") -> bytes:
    """Return a message of the service, with the fields that an answer has."""
    fields = struct.pack(f"{order}B3sI", 5, b"\1u\0", serial)
    if error:
        fields += struct.pack(f"{order}B3sI", 4, b"\1s\0", len(error)) + error.encode() + b"\0"
        fields += b"\0" * (-len(fields) % 8)
    fields += b"\x08\1g\0" + b"\1s\0"
    head = struct.pack(f"{order}cBBBIII", b"l" if order == "<" else b"B", kind, 0, 1, len(body), 7, len(fields))
    return head + fields + b"\0" * (-len(fields) % 8) + body


@pytest.mark.parametrize("order", ["<", ">"])
def test_answer_is_told_from_what_else_comes(ends: tuple[socket.socket, socket.socket], order: str) -> None:
    """Signals and answers to others are passed over, whatever they carry and in whatever order of bytes."""
    ours, theirs = ends
    theirs.sendall(answer(4, body=b"12345", order=order) + answer(2, serial=9, order=order) + answer(2, order=order))
    assert dbus.ask(ours, b"call") == ""


@pytest.mark.parametrize("order", ["<", ">"])
def test_error_is_told_by_its_name(ends: tuple[socket.socket, socket.socket], order: str) -> None:
    """The caller knows what to make of it."""
    ours, theirs = ends
    theirs.sendall(answer(3, error="org.freedesktop.systemd1.UnitExists", order=order))
    assert dbus.ask(ours, b"call") == "org.freedesktop.systemd1.UnitExists"


def test_service_that_goes_away_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    """In the middle of an answer too."""
    ours, theirs = ends
    theirs.sendall(answer(2)[:9])
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        dbus.ask(ours, b"call")


@pytest.mark.parametrize("accepted", [True, False])
def test_credentials_are_offered(ends: tuple[socket.socket, socket.socket], *, accepted: bool) -> None:
    """By the mechanism EXTERNAL, as sd-bus does it."""
    ours, theirs = ends
    heard: list[bytes] = []

    def serve() -> None:
        heard.append(theirs.recv(100))
        theirs.sendall(b"DATA\r\n" + (b"OK 12ab\r\n" if accepted else b"REJECTED EXTERNAL\r\n"))

    thread = threading.Thread(target=serve)
    thread.start()
    if accepted:
        dbus.authenticate(ours)
        assert theirs.recv(100) == b"BEGIN\r\n"
    else:
        with pytest.raises(PermissionError):
            dbus.authenticate(ours)
    thread.join()
    assert heard == [b"\0AUTH EXTERNAL\r\nDATA\r\n"]
