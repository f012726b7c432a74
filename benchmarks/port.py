"""How long a client outside of the host takes to download from a published port."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.engines import NAME, Engine, named

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTES = 500
_HOST, _OUTSIDE = "192.0.2.1", "192.0.2.2"
_NAME = "bench-port"


def measure(engines: list[Engine], repeat: int) -> Iterator[tuple[str, int]]:
    """Yield the name of an engine and how many nanoseconds a download took, one engine after the other."""
    with ExitStack() as undo:
        outside = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        undo.callback(outside.wait)
        undo.callback(outside.kill)
        _join_by_wire(outside.pid)
        for number, engine in enumerate(engines):
            engine.agent.say(_served(engine, 8000 + number))
            undo.callback(engine.agent.say, engine.remove([_NAME]))
            fill = f"dd if=/dev/zero of=/tmp/data bs=1M count={MEGABYTES} 2>/dev/null"
            engine.agent.say([*named(engine.execute, _NAME)[:-1], "sh", "-c", fill])
        for _ in range(repeat):
            for number, engine in enumerate(engines):
                yield engine.name, _download(outside.pid, 8000 + number)


def _served(engine: Engine, port: int) -> list[str]:
    """Return the command that starts a server of files on port 80, with a port of the host that leads to it."""
    words = engine.start_wired or []
    place = words.index("--name")
    options = ["-p", f"{port}:80", "--name", _NAME]
    image = words[words.index(NAME) + 1]
    return [*words[:place], *options, image, "httpd", "-f", "-p", "80", "-h", "/tmp"]


def _join_by_wire(pid: int) -> None:
    """Join this network namespace and that of a process by a wire."""
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    inside = ["nsenter", f"--net=/proc/{pid}/ns/net"]
    for command in (
        ["ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench0", "netns", str(pid)],
        ["ip", "addr", "add", f"{_HOST}/24", "dev", "bench0"],
        ["ip", "link", "set", "bench0", "up"],
        [*inside, "ip", "addr", "add", f"{_OUTSIDE}/24", "dev", "bench0"],
        [*inside, "ip", "link", "set", "bench0", "up"],
    ):
        subprocess.run(command, check=True)


def _download(pid: int, port: int) -> int:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", "busybox", "wget", "-q", "-O", "/dev/null"]
    begin = time.perf_counter_ns()
    subprocess.run([*command, f"http://{_HOST}:{port}/data"], check=True)
    return time.perf_counter_ns() - begin
