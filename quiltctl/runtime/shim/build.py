"""The first helper of the shim: it makes the container, reports, and ends.

It lives in the PID namespace of the watch, beside it, and is forked before the order is there, so that what it needs
(ctypes, prctl) is imported while quiltctl still writes to the database. Then it prepares the folder and the cgroup,
makes the overlay, clones the container's first process, and waits for the exec. A program that runs is written to the
database and told to quiltctl; whatever fails is undone, written and told instead.
"""

from __future__ import annotations

import marshal
import os

from quiltctl.model.spec import Spec
from quiltctl.model.value import Value
from quiltctl.paths import Paths
from quiltctl.runtime import cgroups, liveness, program, rootfs, sandbox
from quiltctl.runtime.lifecycle import settle
from quiltctl.runtime.lifecycle.failure import explain
from quiltctl.runtime.linux import privileges, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_SIGKILL = 9


class Born(Value):
    """The first process: its pid here and on the host, its start time, and the pipe that tells a failure."""

    pid: int
    host_pid: int
    started: int
    failure_fd: int


def main(order_fd: int, answer_fd: int, ready_fd: int, *stdio_fds: int) -> NoReturn:
    """Make the container that the order describes; tell the watch its pid, and quiltctl how it went."""
    try:
        with open(order_fd, "rb") as file:
            order: dict[str, Any] = marshal.load(file)
    except (EOFError, ValueError):
        os._exit(0)  # quiltctl has changed its mind
    try:
        answer = _build(order, ready_fd, stdio_fds)
    except Exception as error:  # noqa: BLE001 (the last one that can tell)
        answer = ("failed", "failed", f"the shim failed: {type(error).__name__}: {error}", "")
    try:
        os.write(answer_fd, marshal.dumps(answer))
    finally:
        os._exit(0)


def _build(order: dict[str, Any], ready_fd: int, stdio_fds: tuple[int, ...]) -> tuple[str, ...]:
    """Make the container and return the answer: running, or failed with code and sentence."""
    paths = Paths(order["root"])
    spec = Spec(**order["spec"])
    try:
        born = _launch(paths, spec, order, stdio_fds)
    except OSError as error:
        failure = program.Failure("prepare", "kernel", error.errno or 0, str(error.filename or ""))
        return _give_up(paths, spec, order["generation"], failure)
    failed = _wait_for_exec(born)
    if failed is None:
        if settle.note_running(paths, spec.id, order["generation"], pid=born.host_pid, started=born.started):
            os.write(ready_fd, f"{os.getpid()} {born.pid}".encode())
            return ("running", str(born.host_pid), str(born.started))
        failed = program.Failure("running", "kernel", 0, "", "the container was removed while it started")
        os.kill(born.pid, _SIGKILL)
    return _give_up(paths, spec, order["generation"], failed)


def _give_up(paths: Paths, spec: Spec, generation: int, failure: program.Failure) -> tuple[str, ...]:
    """Undo and write what did not come to run, and return the answer."""
    refusal = explain(spec, failure)
    settle.note_failure(paths, spec, generation, refusal)
    return ("failed", refusal.code, str(refusal), refusal.hint or "")


def _launch(paths: Paths, spec: Spec, order: dict[str, Any], stdio_fds: tuple[int, ...]) -> Born:
    """Make everything ready and clone the first process.

    Raises:
        OSError: something could not be made.
    """
    container_dir = paths.container(spec.id)
    prepare_folder(container_dir, spec, order["log_dir"])
    joinable = cgroups.create(paths.cgroup, spec.id, pids_limit=spec.pids_limit)
    steps = rootfs.plan(
        container_dir=container_dir,
        shm_bytes=spec.shm_bytes,
        cgroup2=joinable.unified_fd is not None,
        resolv_conf=spec.network == "host",
    )
    overlay_fd = sandbox.open_overlay(
        layers=tuple(f"{paths.layers}/{digest}" for digest in spec.layers),
        upper=f"{container_dir}/upper",
        work=f"{container_dir}/work",
    )
    failure_r, failure_w = os.pipe2(os.O_CLOEXEC)
    cell = sandbox.Cell(
        spec=spec,
        overlay_fd=overlay_fd,
        root_dir=f"{container_dir}/root",
        steps=steps,
        joinable=joinable,
        stdio_fds=(stdio_fds[0] if spec.interactive else -1, stdio_fds[1], stdio_fds[2]),
        failure_fd=failure_w,
        last_capability=privileges.read_last_capability(),
    )
    pid = processes.clone(sandbox.namespaces_of(spec), cgroup_fd=joinable.unified_fd)
    if pid == 0:
        sandbox.contain(cell)
    os.close(failure_w)
    host_pid = _host_pid(pid)
    return Born(pid, host_pid, liveness.start_time(host_pid) or 0, failure_r)


def _wait_for_exec(born: Born) -> program.Failure | None:
    """Wait until the first process has become the program, and return why it has not, if so."""
    with open(born.failure_fd, "rb") as file:
        told = file.read()
    return program.Failure(*marshal.loads(told)) if told else None


def prepare_folder(container_dir: str, spec: Spec, log_dir: str) -> None:
    """Make what a container keeps on disk, as far as it is not there yet: a second start finds its files again.

    Raises:
        OSError: no room, or a folder that somebody else has put there.
    """
    for folder in (os.path.dirname(container_dir), container_dir):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in ("upper", "work", "root"):
        if not os.path.isdir(f"{container_dir}/{name}"):
            os.mkdir(f"{container_dir}/{name}", 0o755 if name == "upper" else 0o700)
    os.makedirs(log_dir, mode=0o700, exist_ok=True)
    if not os.path.exists(f"{container_dir}/control"):
        os.mkfifo(f"{container_dir}/control", 0o600)
    _write(f"{container_dir}/hostname", f"{spec.hostname}\n")
    _write(
        f"{container_dir}/hosts",
        f"127.0.0.1\tlocalhost {spec.hostname} {spec.name}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    )
    if spec.network == "host":
        _write(f"{container_dir}/resolv.conf", _resolv_conf())
    # The exit record gets its blocks now: a disk that is full at the end cannot lose the exit code.
    record_fd = os.open(f"{container_dir}/exit.tmp", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.posix_fallocate(record_fd, 0, 512)
    os.close(record_fd)


def _resolv_conf() -> str:
    """Return the host's resolv.conf, empty where it has none."""
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    """Write a small file that containers see: readable for every user inside."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.fchmod(fd, 0o644)
    os.write(fd, text.encode("utf-8", "surrogateescape"))
    os.close(fd)


def _host_pid(pid: int) -> int:
    """Return the pid by which the host knows one of our namespace: /proc is the host's, and so is what it says."""
    pidfd = os.pidfd_open(pid)
    try:
        with open(f"/proc/self/fdinfo/{pidfd}", "rb", buffering=0) as file:
            return next(int(line.split()[1]) for line in file.read().splitlines() if line.startswith(b"Pid:"))
    finally:
        os.close(pidfd)
