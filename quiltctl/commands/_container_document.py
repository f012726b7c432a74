"""What `inspect` shows of a container: the fields that docker and podman users know, with what is true now.

What later versions bring has its zero already, as it has there, so that a template which asks for it does not fail.
"""

from __future__ import annotations

from quiltctl.commands._container_networks import bindings, network_settings
from quiltctl.model.device import parse_device, rule_from
from quiltctl.model.document import Keyed
from quiltctl.model.limits import DEFAULT_PIDS, UNLIMITED, limits_from
from quiltctl.model.spec import DEFAULT_CAPABILITIES
from quiltctl.runtime.cgroup import place
from quiltctl.ui.ago import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.db.containers import Container
    from quiltctl.model.limits import DeviceLimits, Limits
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths

_NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""
_LIVE = ("starting", "running", "paused")


def container_document(
    connection: sqlite3.Connection, paths: Paths, container: Container, spec: Spec
) -> dict[str, Any]:
    """Return the document of a container, which has been observed, and of the spec it was made from."""
    folder = paths.container(container.id)
    capabilities = [f"CAP_{name}" for name in spec.capabilities]
    return {
        "Id": container.id,
        "Created": timestamp(container.created_at),
        "Path": spec.argv[0],
        "Args": list(spec.argv[1:]),
        "State": _state(paths, container, spec),
        "Image": container.image_id or "",
        "ImageName": container.image_name,
        "Pod": "",
        "ResolvConfPath": f"{folder}/resolv.conf" if spec.network != "none" else "",
        "HostnamePath": f"{folder}/hostname",
        "HostsPath": "" if spec.no_hosts else f"{folder}/hosts",
        "StaticDir": folder,
        "LogPath": _log_path(folder, spec),
        "OCIRuntime": "quiltctl",
        "Name": container.name,
        "RestartCount": 0,
        "Driver": "overlay",
        "EffectiveCaps": capabilities,
        "BoundingCaps": capabilities,
        "ExecIDs": [],
        "GraphDriver": {"Name": "overlay", "Data": _overlay(paths, folder, spec)},
        "Mounts": [],
        "Dependencies": [],
        "NetworkSettings": network_settings(connection, container.id, spec, live=container.state in _LIVE),
        "Config": _config(container, spec),
        "HostConfig": _host_config(paths, folder, spec),
    }


def _state(paths: Paths, container: Container, spec: Spec) -> dict[str, Any]:
    live = container.state in _LIVE
    has_cgroup = live and spec.cgroups == "enabled"
    unknown = container.state == "exited" and container.exit_code is None
    return {
        "Status": container.state,
        "Running": container.state == "running",
        "Paused": container.state == "paused",
        "Restarting": False,
        "OOMKilled": bool(container.oom_killed),
        "Dead": False,
        "Pid": (container.pid or 0) if live else 0,
        "ShimPid": (container.shim_pid or 0) if live else 0,
        "ExitCode": -1 if unknown else container.exit_code or 0,
        "ExitReason": container.exit_reason or "",
        "Error": container.error or "",
        "StartedAt": _NEVER if container.started_at is None else timestamp(container.started_at),
        "FinishedAt": _NEVER if container.finished_at is None else timestamp(container.finished_at),
        "Starts": container.generation,
        "Health": {"Status": "", "FailingStreak": 0, "Log": []},
        "CgroupPath": f"/{place.of_container(paths, container.id, spec.cgroup_parent)}" if has_cgroup else "",
    }


def _log_path(folder: str, spec: Spec) -> str:
    return "" if spec.log_driver == "none" else f"{folder}/log"


def _overlay(paths: Paths, folder: str, spec: Spec) -> dict[str, str]:
    """Return the folders of the overlay; the lower ones with the highest first, as mount(8) takes them."""
    return {
        "LowerDir": ":".join(f"{paths.layers}/{digest}" for digest in reversed(spec.layers)),
        "UpperDir": f"{folder}/upper",
        "WorkDir": f"{folder}/work",
    }


def _config(container: Container, spec: Spec) -> dict[str, Any]:
    return {
        "Hostname": spec.hostname,
        "Domainname": "",
        "User": spec.user,
        "ExposedPorts": Keyed({port: {} for port in spec.expose}),
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "OpenStdin": spec.interactive,
        "StdinOnce": False,
        "Env": list(spec.env),
        "Cmd": list(spec.command),
        "Image": container.image_name,
        "Volumes": Keyed(),
        "WorkingDir": spec.workdir,
        "Entrypoint": list(spec.entrypoint),
        "Labels": Keyed(spec.labels),
        "Annotations": Keyed(spec.annotations),
        "StopSignal": spec.stop_signal,
        "StopTimeout": spec.stop_timeout_s,
        "Timeout": spec.timeout_s,
        "CreateCommand": list(spec.create_command),
    }


def _host_config(paths: Paths, folder: str, spec: Spec) -> dict[str, Any]:
    log_bytes = spec.log_bytes * spec.log_files
    limits = limits_from(spec.limits)
    return {
        "Binds": [],
        "CgroupManager": "systemd" if place.is_delegated() else "cgroupfs",
        "CgroupParent": f"/{place.base(paths, spec.cgroup_parent)}",
        "Cgroups": spec.cgroups,
        "ContainerIDFile": spec.cidfile,
        "LogConfig": {"Type": spec.log_driver, "Config": {}, "Path": _log_path(folder, spec), "Size": f"{log_bytes}B"},
        "NetworkMode": spec.network,
        "PortBindings": bindings(spec.ports),
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": spec.auto_remove,
        "Init": spec.init,
        "CapAdd": [f"CAP_{name}" for name in spec.capabilities if name not in DEFAULT_CAPABILITIES],
        "CapDrop": [f"CAP_{name}" for name in DEFAULT_CAPABILITIES if name not in spec.capabilities],
        "Dns": list(spec.dns),
        "DnsOptions": list(spec.dns_options),
        "DnsSearch": list(spec.dns_search),
        "ExtraHosts": list(spec.extra_hosts),
        "PublishAllPorts": spec.publish_all,
        "Egress": None if spec.egress is None else list(spec.egress),
        "Tmpfs": Keyed(),
        "ShmSize": spec.shm_bytes,
        "Runtime": "quiltctl",
        "OomScoreAdj": spec.oom_score_adj,
        "OomKillDisable": bool(limits.oom_kill_disable),
        "PidsLimit": _most_processes(spec, limits),
        **_sandbox(spec),
        **_limits(limits),
    }


def _sandbox(spec: Spec) -> dict[str, Any]:
    """Return what shapes the sandbox. ``UsernsMode`` is empty with the host's, as in docker."""
    requests = map(parse_device, spec.device_requests)
    limits = ((f"RLIMIT_{name.upper()}", soft, hard) for name, soft, hard in spec.ulimits)
    return {
        "CgroupMode": spec.cgroupns,
        "GroupAdd": list(spec.groups),
        "IpcMode": spec.ipc,
        "PidMode": spec.pid,
        "UTSMode": spec.uts,
        "UsernsMode": "" if spec.userns == "host" else spec.userns,
        "UsernsFallback": spec.fallback,
        "IDMappings": {"UidMap": list(spec.uid_map), "GidMap": list(spec.gid_map)},
        "Privileged": spec.privileged,
        "ReadonlyRootfs": spec.read_only,
        "SecurityOpt": list(spec.security_opt),
        "Seccomp": spec.seccomp,
        "NoNewPrivileges": spec.no_new_privileges,
        "Umask": f"{spec.umask:04o}",
        "Sysctls": Keyed(spec.sysctls),
        "Ulimits": [{"Name": name, "Soft": soft, "Hard": hard} for name, soft, hard in limits],
        "Devices": [
            {"PathOnHost": asked.host_path, "PathInContainer": asked.container_path, "CgroupPermissions": asked.access}
            for asked in requests
        ],
        "DeviceCgroupRules": [str(rule_from(entry)) for entry in spec.device_rules],
    }


def _most_processes(spec: Spec, limits: Limits) -> int:
    """Return the limit of processes, 0 for none."""
    if spec.cgroups == "disabled":
        return 0
    return DEFAULT_PIDS if limits.pids is None else limits.pids


def _limits(limits: Limits) -> dict[str, Any]:
    """Return the limits in the units of docker: bytes, microseconds, and billionths of a processor; 0 is none."""
    swap = limits.swap_bytes
    both = swap if swap in {None, UNLIMITED} else (swap or 0) + (limits.memory_bytes or 0)
    return {
        "Memory": limits.memory_bytes or 0,
        "MemoryReservation": limits.memory_reservation_bytes or 0,
        "MemorySwap": both or 0,
        "MemorySwappiness": -1 if limits.memory_swappiness is None else limits.memory_swappiness,
        "NanoCpus": limits.nano_cpus or 0,
        "CpuShares": limits.cpu_shares or 0,
        "CpuPeriod": limits.cpu_period_us or 0,
        "CpuQuota": limits.cpu_quota_us or 0,
        "CpusetCpus": limits.cpuset_cpus or "",
        "CpusetMems": limits.cpuset_mems or "",
        "BlkioWeight": limits.blkio_weight or 0,
        "BlkioWeightDevice": _devices(limits.blkio_weight_devices, "Weight"),
        "BlkioDeviceReadBps": _devices(limits.device_read_bps, "Rate"),
        "BlkioDeviceWriteBps": _devices(limits.device_write_bps, "Rate"),
        "BlkioDeviceReadIOps": _devices(limits.device_read_iops, "Rate"),
        "BlkioDeviceWriteIOps": _devices(limits.device_write_iops, "Rate"),
    }


def _devices(given: DeviceLimits | None, key: str) -> list[dict[str, Any]]:
    return [{"Path": path, key: value} for path, _, _, value in given or ()]
