"""How much has come to a network namespace and left it, by all of its interfaces but loopback."""

from __future__ import annotations

import os

from quiltctl.model.figures import Traffic

_RECEIVED, _SENT = 0, 8
"""proc_pid_net(5), dev: bytes are the first of eight numbers each way."""


def read(folder_fd: int) -> Traffic | None:
    """Return the traffic of the network namespace of a process, whose /proc folder this is; None when it has ended."""
    try:
        with open(os.open("net/dev", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder_fd), "rb", buffering=0) as file:
            lines = file.read().decode("ascii", "replace").splitlines()
    except OSError:  # ENOENT, ESRCH, EINVAL: it ends just now
        return None
    received = sent = 0
    for line in lines[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() != "lo":
            words = numbers.split()
            received += int(words[_RECEIVED])
            sent += int(words[_SENT])
    return Traffic(received, sent)


def is_shared(folder_fd: int) -> bool:
    """Return whether a process is in our own network namespace; True when it has ended as well."""
    try:
        theirs = os.stat("ns/net", dir_fd=folder_fd)
    except OSError:
        return True
    return os.path.samestat(theirs, os.stat("/proc/self/ns/net"))
