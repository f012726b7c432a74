"""What a container keeps on disk below the root directory, from its first start to its removal."""

from __future__ import annotations

import os

from quiltctl.runtime.network import hosts
from quiltctl.runtime.rootfs import outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec


def prepare(container_dir: str, spec: Spec, log_dir: str, layer: str, endpoints: tuple[Endpoint, ...] = ()) -> None:
    """Make it, as far as it is not there yet: a second start finds its files again.

    What the container itself can write belongs to its own ids, and to nobody else's. ``layer`` is the uppermost one,
    whose root directory tells who owns / and with what mode. ``endpoints`` are its addresses; its neighbours in
    /etc/hosts are filled in once it runs.

    Raises:
        UsageError: an ``--add-host`` cannot be honoured.
        OSError: no room, or a folder that somebody else has put there.
    """
    for folder in (os.path.dirname(container_dir), container_dir):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    if not os.path.isdir(f"{container_dir}/work"):
        os.mkdir(f"{container_dir}/work", 0o700)
    if not os.path.isdir(f"{container_dir}/upper"):
        _make_upper(f"{container_dir}/upper", spec, layer)
    os.makedirs(log_dir, mode=0o700, exist_ok=True)
    if not os.path.exists(f"{container_dir}/control"):
        os.mkfifo(f"{container_dir}/control", 0o600)
    _write_files(container_dir, spec, endpoints)
    # The exit record gets its blocks now: a disk that is full at the end cannot lose the exit code.
    record_fd = os.open(f"{container_dir}/exit.tmp", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.posix_fallocate(record_fd, 0, 512)
    os.close(record_fd)


def _make_upper(upper: str, spec: Spec, layer: str) -> None:
    """Make the folder that the container writes to. It is what shows as /, so it is as the image has its own."""
    facts = os.stat(layer)
    unfinished = f"{upper}.new"
    if not os.path.isdir(unfinished):
        os.mkdir(unfinished, 0o700)
    outside.give(unfinished, spec, facts.st_uid, facts.st_gid)
    os.chmod(unfinished, facts.st_mode & 0o7777)
    # Renamed when it is right: a start that was killed between the two would leave a / that belongs to the host.
    os.rename(unfinished, upper)


def _write_files(container_dir: str, spec: Spec, endpoints: tuple[Endpoint, ...]) -> None:
    """Write hosts, hostname and resolv.conf, which the container sees and its root may change."""
    for name in outside.files_of(spec):
        if name == "hosts":
            text = hosts.text_of(spec, endpoints)
        elif name == "hostname":
            text = f"{spec.hostname}\n"
        else:
            text = _resolv_conf(spec, endpoints)
        _write(f"{container_dir}/{name}", text)
        outside.give(f"{container_dir}/{name}", spec)


def _resolv_conf(spec: Spec, endpoints: tuple[Endpoint, ...]) -> str:
    """Return what resolv.conf is to be: that of whose network it is, and what was asked for."""
    from quiltctl.runtime.network import resolv

    if spec.network == "host":
        return resolv.render(resolv.read(), spec, same=True)
    if spec.network == "none":
        return resolv.render("", spec)
    return resolv.render(resolv.of_host(), spec, ipv6=any(endpoint.ip6 for endpoint in endpoints))


def _write(path: str, text: str) -> None:
    """Write a small file that containers see: readable for every user inside, setuid for none."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    os.fchmod(fd, 0o644)
    os.write(fd, text.encode("utf-8", "surrogateescape"))
    os.close(fd)
