"""Processes held by descriptor."""

from __future__ import annotations

import os
import subprocess

import pytest

from quiltctl.runtime import liveness
from quiltctl.runtime.linux import pidfd


def test_pidfd_is_of_the_process_that_was_meant() -> None:
    """Another start time is another process; a dead one is none; the descriptors of the dead are told."""
    living, dying = (subprocess.Popen(["sleep", "1000"]) for _ in range(2))
    try:
        started = liveness.start_time(living.pid)
        dying_started = liveness.start_time(dying.pid)
        assert started is not None
        assert dying_started is not None
        living_fd = pidfd.open_verified(living.pid, started)
        dying_fd = pidfd.open_verified(dying.pid, dying_started)
        assert living_fd is not None
        assert dying_fd is not None
        assert pidfd.open_verified(living.pid, started + 1) is None
        assert pidfd.wait_all([living_fd, dying_fd], 0) == set()
        assert pidfd.send_signal(dying_fd, 9)
        assert pidfd.wait_all([dying_fd], None) == {dying_fd}
        assert pidfd.wait_all([living_fd, dying_fd], 0.05) == {dying_fd}  # a zombie still, and dead
        assert pidfd.open_verified(dying.pid, dying_started) is None
        dying.wait()
        assert not pidfd.send_signal(dying_fd, 9)
        with pytest.raises(ProcessLookupError):
            pidfd.pidfd_open(dying.pid)
    finally:
        for process in (living, dying):
            process.kill()
            process.wait()
    os.close(living_fd)
    os.close(dying_fd)
