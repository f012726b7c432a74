"""The engines that are compared: the same work, in the words of each. All keep to a scratch folder of their own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.agent import Agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.agent import Argv

SLEEP = ["sleep", "100000"]
_LIMITS = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"]
NAME = "NAME"
"""Stands in a command line for the name of a container."""
_CGROUP = "quilt-bench"
# crun refuses hybrid cgroups whose v2 tree has controllers; in a mount namespace without that tree it sees v1 alone.
# What podman keeps of networks outside its own root lies below /run and /var/lib: there it sees memory.
_ALONE = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
[ -z "$(cat /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null)" ] || umount /sys/fs/cgroup/unified
exec "$@"
"""


@dataclass(frozen=True)
class Engine:
    """An engine that has an image, as command lines. None is what it cannot do."""

    name: str
    agent: Agent
    run: Argv
    """Run `true` to its end, and leave nothing."""
    start: Argv
    """Start a container that sleeps."""
    run_limited: Argv | None
    """Run `true` within limits of memory, processors and processes."""
    run_wired: Argv | None
    start_wired: Argv | None
    """The same two with an address in the engine's default network, and a way out."""
    execute: Argv
    """Run `true` in a running container."""
    remove: Callable[[list[str]], Argv]
    """Kill and remove containers in one command."""
    list_running: Argv | None
    inspect: Argv | None
    stats: Argv | None
    """Tell once what the running containers use, as JSON."""
    monitors: Callable[[list[str]], list[int]]
    """Return the pids of the processes that stay beside containers."""
    close: Callable[[], None]
    """Remove everything."""


def named(argv: Argv, name: str) -> Argv:
    """Return a command line with a name in it."""
    return [name if word == NAME else word for word in argv]


def quiltctl(command: str, scratch: Path, tar: Path) -> Engine:
    """Return the installed command."""
    base = [command, "--root", str(scratch / "quilt")]
    alone = ["--network", "none"]
    agent = Agent.start()
    agent.say([*base, "image", "import", str(tar), "bench"])

    def monitors(names: list[str]) -> list[int]:
        listed = json.loads(agent.say([*base, "monitor", "ls", "--json"]))
        return [monitor["Pid"] for monitor in listed if monitor["Name"] in names]

    def close() -> None:
        agent.say([*base, "rm", "-f", "-a"])
        agent.say([*base, "network", "prune", "-f"])
        agent.say([*base, "gc"])
        agent.stop()

    return Engine(
        name="quiltctl",
        agent=agent,
        run=[*base, "run", "--rm", *alone, "bench", "true"],
        start=[*base, "run", "-d", *alone, "--name", NAME, "bench", *SLEEP],
        run_limited=[*base, "run", "--rm", *alone, *_LIMITS, "bench", "true"],
        run_wired=[*base, "run", "--rm", "bench", "true"],
        start_wired=[*base, "run", "-d", "--name", NAME, "bench", *SLEEP],
        execute=[*base, "exec", NAME, "true"],
        remove=lambda names: [*base, "rm", "-f", *names],
        list_running=[*base, "ps"],
        inspect=[*base, "inspect", NAME],
        stats=[*base, "stats", "--no-stream", "--format", "json"],
        monitors=monitors,
        close=close,
    )


def podman(scratch: Path, tar: Path) -> Engine:
    """Return podman, as root, with storage of its own; what of it needs systemd is switched off."""
    agent = _peer_agent()
    base = ["podman", "--root", str(scratch / "podman"), "--runroot", str(scratch / "podman-run")]
    base += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    # Its own defaults for limits cannot be set where the host's hard limits are lower.
    usual = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
    usual += ["--log-driver", "k8s-file", "--cgroup-parent", f"/{_CGROUP}"]
    alone = ["--network", "none", *usual]
    agent.say([*base, "import", "--quiet", str(tar), "bench"])

    def monitors(names: list[str]) -> list[int]:
        return [int(pid) for pid in agent.say([*base, "inspect", "--format", "{{.State.ConmonPid}}", *names]).split()]

    def close() -> None:
        agent.say([*base, "rm", "-f", "-t", "0", "--all"])
        agent.say([*base, "rmi", "-f", "--all"])
        agent.stop()
        _remove_cgroups(_CGROUP)

    return Engine(
        name="podman",
        agent=agent,
        run=[*base, "run", "--rm", *alone, "bench", "true"],
        start=[*base, "run", "-d", *alone, "--name", NAME, "bench", *SLEEP],
        run_limited=[*base, "run", "--rm", *alone, *_LIMITS, "bench", "true"],
        run_wired=[*base, "run", "--rm", *usual, "bench", "true"],
        start_wired=[*base, "run", "-d", *usual, "--name", NAME, "bench", *SLEEP],
        execute=[*base, "exec", NAME, "true"],
        remove=lambda names: [*base, "rm", "-f", "-t", "0", *names],
        list_running=[*base, "ps"],
        inspect=[*base, "inspect", NAME],
        stats=[*base, "stats", "--no-stream", "--format", "json"],
        monitors=monitors,
        close=close,
    )


def crun(scratch: Path, tar: Path) -> Engine:
    """Return crun alone, on one unpacked root filesystem: what no engine around it can go below."""
    agent = _peer_agent()
    base = ["crun", "--root", str(scratch / "crun-run")]
    rootfs = scratch / "crun" / "rootfs"
    rootfs.mkdir(parents=True)
    agent.say(["tar", "-C", str(rootfs), "-xf", str(tar)])

    def bundle(name: str, argv: Argv) -> str:
        folder = scratch / "crun" / name
        folder.mkdir()
        agent.say(["crun", "spec", "--bundle", str(folder)])
        config = json.loads((folder / "config.json").read_text())
        config["process"].update(args=argv, terminal=False)
        config["root"]["path"] = str(rootfs)
        (folder / "config.json").write_text(json.dumps(config))
        return str(folder)

    def close() -> None:
        agent.say([*base, "delete", "--force", "--regex", "."])
        agent.stop()

    return Engine(
        name="crun",
        agent=agent,
        run=[*base, "run", "--bundle", bundle("true", ["true"]), "bench-run"],
        start=[*base, "run", "--detach", "--bundle", bundle("sleep", SLEEP), NAME],
        run_limited=None,
        run_wired=None,
        start_wired=None,
        execute=[*base, "exec", NAME, "true"],
        remove=lambda names: [*base, "delete", "--force", "--regex", f"^({'|'.join(names)})$"],
        list_running=None,
        inspect=None,
        stats=None,
        monitors=lambda _: [],
        close=close,
    )


def _peer_agent() -> Agent:
    """Start an agent among whose mounts the peers work on this machine's cgroups."""
    return Agent.start(through=["unshare", "--mount", "sh", "-c", _ALONE, "sh"])


def _remove_cgroups(name: str) -> None:
    """Remove what an engine leaves of its cgroup, in every hierarchy."""
    for hierarchy in os.scandir("/sys/fs/cgroup"):
        for folder, _, _ in os.walk(f"{hierarchy.path}/{name}", topdown=False):
            os.rmdir(folder)
