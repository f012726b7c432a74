"""Try to type into every terminal that can be reached, by all calls that put characters into one's input."""

from __future__ import annotations

import fcntl
import os
import sys
import termios

TIOCLINUX = 0x541C
TIOCSCTTY_STEAL = 1

fds = [0, 1, 2]
for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/pts/0", "/dev/pts/1", "/dev/stdin"):
    try:
        fds.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError:
        continue
done = [f"{fd} is a terminal" for fd in fds if os.isatty(fd)]
for fd in fds:
    for name, request, argument in (
        ("TIOCSCTTY", termios.TIOCSCTTY, TIOCSCTTY_STEAL),
        ("TIOCSTI", termios.TIOCSTI, b"#"),
        # ioctl_console(2): paste, and set the selection to be pasted.
        ("TIOCLINUX paste", TIOCLINUX, b"\x03"),
        ("TIOCLINUX select", TIOCLINUX, bytes([2, *bytes(10)])),
        ("TIOCCONS", termios.TIOCCONS, 0),
    ):
        try:
            fcntl.ioctl(fd, request, argument)
        except OSError:
            continue
        done.append(f"{name} on {fd}")
sys.stdout.write(", ".join(done) or "nothing was typed")
