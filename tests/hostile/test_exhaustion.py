"""Programs that take all they can get: the host and other containers go on, and stop and rm still end them in time."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hostile.probes import NONE, NOTHING, compiled, spoilt_image

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

PATIENCE_S = 8
STUBBORN = "trap '' TERM INT HUP QUIT USR1 USR2 PIPE;"
HOGS = {
    "ignores every signal": f"{STUBBORN} echo ready; while :; do sleep 1000; done",
    "fork bomb": "b() { b | b & }; echo ready; exec 2>/dev/null; b; exec sleep 1000",
    "zombies": "echo 'while :; do sh -c \"sleep 0 & exec sleep 1000\" & sleep 0.01; done' > /z; echo ready; exec sh /z",
    "daemons": f"{STUBBORN} for i in $(seq 40); do setsid sh -c '{STUBBORN} sleep 1000 & sleep 1000' & done;"
    " echo ready; exec sleep 1000",
    "stopped": "for i in $(seq 20); do sleep 1000 & kill -STOP $!; done; echo ready; kill -STOP -1; exec sleep 1000",
    "log flood": "echo ready; yes 'a line that is repeated without an end'",
    "flood without lines": "echo ready; cat /dev/zero",
    "flood on both": "echo ready; yes & yes >&2",
}


@pytest.mark.parametrize("hog", HOGS)
def test_hog_is_ended_and_others_go_on(quilt: Quilt, hog: str) -> None:
    """It is listed, stopped, started again and removed, and meanwhile another container runs as ever.

    Seen red with a log that does not turn over, and with SIGTERM again in the place of SIGKILL.
    """
    run = ("run", "-d", "--name", "c", "--stop-timeout", "1", "--log-opt", "max-size=100k", *NONE)
    quilt.ok("run", "-d", "--name", "other", *NONE, "box", "sleep", "1000")
    quilt.ok(*run, "box", "sh", "-c", HOGS[hog])
    quilt.eventually(lambda: "ready" in quilt("logs", "c").stdout or "flood" in hog)
    time.sleep(0.3)
    assert quilt.ok("ps", "--format", "{{.Names}}").split() == ["other", "c"]
    assert quilt.ok("exec", "other", "echo", "alive") == "alive"
    assert quilt.ok("run", "--rm", *NONE, "box", "echo", "alive") == "alive"
    begun = time.monotonic()
    assert quilt("stop", *(() if "signal" in hog else ("-t", "0")), "c").returncode == 0
    assert time.monotonic() - begun < PATIENCE_S
    log = quilt.root / "containers" / str(quilt.inspect("c")["Id"]) / "log"
    assert sum(entry.stat().st_size for entry in log.iterdir()) < 5 * 102_400
    begun = time.monotonic()
    quilt.ok("start", "c")
    quilt.ok("rm", "-f", "-a")
    assert time.monotonic() - begun < PATIENCE_S
    assert quilt.traces() == NOTHING


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("what", ["inotify", "descriptors", "queues", "signals"])
def test_what_one_takes_others_still_have(quilt: Quilt, what: str) -> None:
    """What the kernel counts for each user is counted for this container alone: the host and others have theirs.

    Seen red with the user namespace made as root.
    """
    image = spoilt_image(quilt, {"name": "bin/hog", "mode": 0o755, "content": compiled("hog")})
    quilt.ok("run", "-d", "--name", "c", *NONE, image, "hog", what)
    quilt.eventually(lambda: "had enough" in quilt("logs", "c").stdout)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    os.close(fd)
    assert quilt.ok("run", "--rm", *NONE, image, "hog", what, "some") == "had some"
    quilt.ok("rm", "-f", "c")
    assert quilt.traces() == NOTHING


@pytest.mark.needs("gcc")
def test_mounts_and_namespaces_without_end(quilt: Quilt) -> None:
    """With CAP_SYS_ADMIN it makes as many as it is let; the host has none of them, and rm is not slower for it.

    Seen red with mounts that are shared with the host's.
    """
    image = spoilt_image(quilt, {"name": "bin/hog", "mode": 0o755, "content": compiled("hog")})
    before = Path("/proc/self/mountinfo").read_text()
    quilt.ok("run", "-d", "--name", "c", *NONE, "--cap-add", "SYS_ADMIN", image, "hog", "mounts")
    quilt.eventually(lambda: "had enough" in quilt("logs", "c").stdout, 30)
    assert Path("/proc/self/mountinfo").read_text() == before
    begun = time.monotonic()
    quilt.ok("rm", "-f", "c")
    assert time.monotonic() - begun < PATIENCE_S
    assert quilt.traces() == NOTHING


TREES = {
    "names": (
        "printf x > \"$(printf 'a\\nb')\"; mkdir -- -rf ' ' '*' \"$(printf '\\377\\001')\"; printf x > ./--;"
        " mkdir $(printf 'n%.0s' $(seq 255))"
    ),
    "closed": "mkdir -p a/b/c; echo x > a/b/c/d; chmod 000 a/b/c/d a/b/c a/b a",
    "others": "mkdir a; echo x > a/b; chown -R 1234:4321 a; chmod 1700 a; mkfifo f; ln -s / l; ln f g",
    "sparse": "truncate -s 4T huge; ln huge again",
    "many": "mkdir m; cd m; i=0; while [ $i -lt 20000 ]; do : > $i; i=$((i+1)); done",
}


@pytest.mark.parametrize("tree", TREES)
def test_whatever_it_leaves_behind_is_removed(quilt: Quilt, tree: str) -> None:
    """Names that no shell could pass on, closed to everybody, of any owner, larger than the disk: all go.

    Seen red with the folder not removed.
    """
    said = quilt("run", "--name", "c", *NONE, "box", "sh", "-c", f"mkdir /w; cd /w; {TREES[tree]}; echo done")
    assert said.stdout == "done\n", said
    begun = time.monotonic()
    assert quilt.ok("rm", "c") == "c"
    assert time.monotonic() - begun < PATIENCE_S
    assert quilt.traces() == NOTHING


@pytest.mark.needs("gcc")
def test_ten_thousand_folders_in_one_another_are_removed(quilt: Quilt) -> None:
    """Deeper than any path, and than any recursion, reaches.

    Seen red with shutil.rmtree.
    """
    image = spoilt_image(quilt, {"name": "bin/hog", "mode": 0o755, "content": compiled("hog")})
    assert quilt.ok("run", "--name", "c", *NONE, image, "hog", "folders") == "had enough: 10000"
    begun = time.monotonic()
    assert quilt.ok("rm", "c") == "c"
    assert time.monotonic() - begun < PATIENCE_S
    assert quilt.traces() == NOTHING


def test_output_that_nobody_takes_does_not_hold_stop(quilt: Quilt) -> None:
    """Where the foreground is stuck with a reader that does not read, the container is stopped all the same.

    Seen red with a stop that waits for nothing but the end of the shim.
    """
    process = quilt.popen("run", "--name", "c", *NONE, "box", "yes", stdout=subprocess.PIPE)
    quilt.eventually(lambda: quilt("ps", "-q").stdout != "")
    time.sleep(0.3)
    quilt.ok("stop", "-t", "0", "c", timeout=PATIENCE_S)
    assert quilt.inspect("c")["State"]["ExitCode"] == 137
    process.kill()
    process.communicate()
