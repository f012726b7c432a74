"""What `inspect` shows of a container: the fields that docker and podman users know, with what is true now.

What later versions bring has its zero already, as it has there, so that a template which asks for it does not fail.
"""

from __future__ import annotations

from quiltctl.commands._container_networks import bindings, network_settings
from quiltctl.model.device import parse_device, rule_from
from quiltctl.model.document import Keyed
from quiltctl.model.spec import DEFAULT_CAPABILITIES
from quiltctl.ui.ago import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.db.containers import Container
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
        "State": _state(paths, container),
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


def _state(paths: Paths, container: Container) -> dict[str, Any]:
    live = container.state in _LIVE
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
        "CgroupPath": f"/{paths.cgroup}/{container.id}" if live else "",
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
    return {
        "Binds": [],
        "CgroupManager": "cgroupfs",
        "CgroupParent": f"/{paths.cgroup}",
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
        "OomScoreAdj": 0,
        "OomKillDisable": False,
        "PidsLimit": spec.pids_limit,
        **_sandbox(spec),
        **_limits(),
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


def _limits() -> dict[str, Any]:
    """Return the limits of a container that has none."""
    return {
        "Memory": 0,
        "MemoryReservation": 0,
        "MemorySwap": 0,
        "MemorySwappiness": 0,
        "NanoCpus": 0,
        "CpuShares": 0,
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpusetCpus": "",
        "CpusetMems": "",
        "BlkioWeight": 0,
    }
