"""One question to a service on D-Bus, as far as systemd has to be asked one: the D-Bus specification, by hand.

Where systemd owns the tree of cgroups this is on the way of each start that finds no other container. `systemd-run`
takes two to three starts of an interpreter for it, this takes a part of one.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable, Sequence
    from typing import Any

HELLO = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "org.freedesktop.DBus", "", ())
"""What a bus wants to hear first, as the arguments of ``method_call``."""
_CALL, _RETURN, _ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_SERIAL = 1
_FIXED_BYTES = 16
_ALIGNMENTS = {"y": 1, "g": 1, "v": 1, "b": 4, "u": 4, "s": 4, "o": 4, "a": 4, "t": 8, "(": 8}
_NUMBERS = {"y": "<B", "b": "<I", "u": "<I", "t": "<Q"}


def method_call(
    path: str, interface: str, member: str, destination: str, signature: str, arguments: Sequence[object]
) -> bytes:
    """Return the message of a call. ``arguments`` are as ``signature`` says; a variant is its signature and value."""
    body = bytearray()
    for kind, value in zip(_kinds(signature), arguments, strict=True):
        _put(body, kind, value)
    fields = [
        (_PATH, ("o", path)),
        (_INTERFACE, ("s", interface)),
        (_MEMBER, ("s", member)),
        (_DESTINATION, ("s", destination)),
        *([(_SIGNATURE, ("g", signature))] if signature else []),
    ]
    message = bytearray(struct.pack("<cBBBII", b"l", _CALL, 0, 1, len(body), _SERIAL))
    _put(message, "a(yv)", fields)
    _align(message, 8)
    return bytes(message + body)


def authenticate(socket: _socket.socket) -> None:
    """Say who we are, by the credentials of the socket ("Authentication Protocol", EXTERNAL).

    Raises:
        OSError: it is not accepted.
    """
    socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\n")
    told = b""
    while told.count(b"\r\n") < 2:  # noqa: PLR2004 (an answer to each line)
        told += _receive(socket, 1)
    if not told.split(b"\r\n")[1].startswith(b"OK"):
        raise PermissionError(1, "not accepted", "D-Bus")
    socket.sendall(b"BEGIN\r\n")


def ask(socket: _socket.socket, call: bytes) -> str:
    """Send a call and wait for the answer to it. Returns the name of the error, or "" when there is none.

    Raises:
        OSError: the other end goes away, or says nothing for too long.
    """
    socket.sendall(call)
    while True:
        kind, fields = _receive_message(socket)
        if fields.get(_REPLY_SERIAL) == _SERIAL and kind in {_RETURN, _ERROR}:
            return str(fields.get(_ERROR_NAME, "unknown")) if kind == _ERROR else ""


def _receive_message(socket: _socket.socket) -> tuple[int, dict[int, object]]:
    """Return the kind of the next message and the fields of its header that are texts or numbers."""
    fixed = _receive(socket, _FIXED_BYTES)
    order = "<" if fixed[:1] == b"l" else ">"
    kind = fixed[1]
    body_bytes, _, fields_bytes = struct.unpack(f"{order}III", fixed[4:])
    rest = _receive(socket, -(-fields_bytes // 8) * 8 + body_bytes)
    return kind, _fields(rest[:fields_bytes], order)


def _fields(data: bytes, order: str) -> dict[int, object]:
    found: dict[int, object] = {}
    at = 0
    while at < len(data):
        at = -(-at // 8) * 8
        code, length = data[at], data[at + 1]
        kind = data[at + 2 : at + 2 + length].decode()
        at += 3 + length
        if kind == "g":
            at += 2 + data[at]
            continue
        at = -(-at // 4) * 4
        (number,) = struct.unpack_from(f"{order}I", data, at)
        at += 4
        if kind == "u":
            found[code] = number
        else:
            found[code] = data[at : at + number].decode(errors="replace")
            at += number + 1
    return found


def _receive(socket: _socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = socket.recv(count - len(data))
        if not part:
            raise ConnectionResetError(104, "the other end has gone", "D-Bus")
        data += part
    return data


def _kinds(signature: str) -> Iterable[str]:
    """Cut a signature into its complete types."""
    while signature:
        end = 1
        if signature[0] == "a":
            end += len(next(iter(_kinds(signature[1:]))))
        elif signature[0] == "(":
            depth = 1
            while depth:
                depth += {"(": 1, ")": -1}.get(signature[end], 0)
                end += 1
        yield signature[:end]
        signature = signature[end:]


def _put(data: bytearray, kind: str, value: Any) -> None:
    """Append a value as its type is marshalled, little-endian."""
    _align(data, _ALIGNMENTS[kind[0]])
    if kind in _NUMBERS:
        data += struct.pack(_NUMBERS[kind], value)
    elif kind == "g":
        data += struct.pack("<B", len(value)) + value.encode() + b"\0"
    elif kind in {"s", "o"}:
        text = value.encode("utf-8", "surrogateescape")
        data += struct.pack("<I", len(text)) + text + b"\0"
    elif kind == "v":
        _put(data, "g", value[0])
        _put(data, value[0], value[1])
    elif kind[0] == "(":
        for inner, item in zip(_kinds(kind[1:-1]), value, strict=True):
            _put(data, inner, item)
    else:
        _put_array(data, kind[1:], value)


def _put_array(data: bytearray, kind: str, items: Sequence[object]) -> None:
    at = len(data)
    data += b"\0\0\0\0"
    _align(data, _ALIGNMENTS[kind[0]])  # not counted in the length
    begin = len(data)
    for item in items:
        _put(data, kind, item)
    struct.pack_into("<I", data, at, len(data) - begin)


def _align(data: bytearray, boundary: int) -> None:
    data += b"\0" * (-len(data) % boundary)
