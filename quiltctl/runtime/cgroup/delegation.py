"""Cgroups from systemd: where it owns the v2 tree, a scope that is delegated to quiltctl is the only honest place.

Beside its units controllers come and go with what it needs itself; below a unit with ``Delegate=`` it touches nothing
("Control Group APIs and Delegation" of systemd). A scope lives as long as a process is in it, and systemd removes it
then, with all that lies below. So the first shim brings it about, and nobody has to remove it.
"""

from __future__ import annotations

import _socket
import errno
import os
import time

from quiltctl.runtime.cgroup import place, tree
from quiltctl.runtime.cgroup.layout import find_layout
from quiltctl.runtime.linux import dbus

_SERVICE = "org.freedesktop.systemd1"
_SOCKETS = (("/run/systemd/private", False), ("/run/dbus/system_bus_socket", True))
"""Where systemd listens itself, for root alone; and the system's bus, to which one has to say hello first."""
_ANSWER_S = 10.0
_WAIT_S = 5.0
_STEP_S = 0.002
_UNLIMITED = (1 << 64) - 1


def ensure_scope(path: str) -> None:
    """Have systemd make the scope in which a cgroup is to lie, unless it is there, with others in it.

    This process is the first one in a new scope, in the cgroup of shims below it.

    Raises:
        OSError: systemd does not make it.
    """
    before, _, _ = path.partition(".scope/")
    scope = f"{before}.scope"
    deadline = time.monotonic() + _WAIT_S
    while not _is_ready(scope):
        if not os.path.isdir(f"{find_layout().unified}/{scope}") and _ask_for(scope):
            _settle_in(scope, deadline)
            return
        # Somebody else has asked for it just now, or the one before it is not quite gone.
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, "systemd does not make this scope", scope)
        time.sleep(_STEP_S)


def _is_ready(scope: str) -> bool:
    """Return whether there are processes below a scope, and none in itself: such a one passes no controllers on."""
    directory = f"{find_layout().unified}/{scope}"
    try:
        with open(f"{directory}/cgroup.events", encoding="utf-8") as file:
            populated = "populated 1\n" in file.read()
        with open(f"{directory}/cgroup.procs", encoding="utf-8") as file:
            return populated and not file.read(1)
    except OSError:  # ENOENT, ENODEV: it is not there
        return False


def _settle_in(scope: str, deadline: float) -> None:
    """Wait until systemd has brought this process into the new scope, and move on to the cgroup of shims in it."""
    while not _is_in(scope):
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, "systemd brings nothing into this scope", scope)
        time.sleep(_STEP_S)
    shims_fd = tree.make(find_layout().unified, f"{scope}/{place.SHIMS}")
    tree.write("cgroup.procs", "0", dir_fd=shims_fd)
    os.close(shims_fd)


def _is_in(scope: str) -> bool:
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        return any(line.rstrip("\n") == f"0::/{scope}" for line in file)


def _ask_for(scope: str) -> bool:
    """Ask systemd for a scope with this process in it. Returns False where it has one of that name already.

    See StartTransientUnit of org.freedesktop.systemd1(5).

    Raises:
        OSError: nobody answers, or the answer is no.
    """
    with open("/proc/1/comm", encoding="utf-8", errors="replace") as file:
        if file.read().strip() != "systemd":
            # Seen from another PID namespace, our number is somebody else's.
            raise OSError(errno.EPERM, "systemd is not the first process here", scope)
    slice_name, unit = scope.split("/")[-2:]
    properties = [
        ("Description", ("s", "Containers of quiltctl")),
        ("PIDs", ("au", [os.getpid()])),
        ("Slice", ("s", slice_name)),
        ("Delegate", ("b", True)),
        ("TasksMax", ("t", _UNLIMITED)),
        ("CollectMode", ("s", "inactive-or-failed")),
    ]
    call = dbus.method_call(
        f"/{_SERVICE.replace('.', '/')}", f"{_SERVICE}.Manager", "StartTransientUnit", _SERVICE,
        "ssa(sv)a(sa(sv))", (unit, "fail", properties, []),
    )  # fmt: skip
    socket = _connect()
    try:
        error = dbus.ask(socket, call)
    finally:
        socket.close()
    if error == f"{_SERVICE}.UnitExists":
        return False
    if error:
        raise OSError(errno.EPERM, f"systemd refuses it: {error}", scope)
    return True


def _connect() -> _socket.socket:
    for path, on_bus in _SOCKETS:
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        socket.settimeout(_ANSWER_S)
        try:
            socket.connect(path)
            dbus.authenticate(socket)
            if on_bus:
                dbus.ask(socket, dbus.method_call(*dbus.HELLO))
        except OSError:
            socket.close()
            continue
        return socket
    raise OSError(errno.ENOENT, "systemd cannot be asked for a cgroup", _SOCKETS[0][0])
