"""What `inspect` says of a container."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.db.connection import open_to_read
from quiltctl.db.container_views import listed
from quiltctl.ui.ago import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths

    Make = Callable[..., str]
    Call = Callable[..., int]
    Capture = pytest.CaptureFixture[str]

WEB = "1".ljust(64, "0")


def documents(capsys: Capture) -> Any:
    """Return what was printed, read as JSON."""
    return json.loads(capsys.readouterr().out)


def test_inspect_tells_who_a_container_is(call: Call, capsys: Capture, quilt_root: Paths, make: Make) -> None:
    """Names, paths and the program, under the keys docker and podman use."""
    make("web", "running", entrypoint=("/init",), command=("a", "b"), network="host")
    created_at = listed(open_to_read(quilt_root))[0].created_at

    call("inspect", "web")

    [document] = documents(capsys)
    folder = f"{quilt_root.root}/containers/{WEB}"
    lower = f"{quilt_root.root}/layers/{'b' * 64}:{quilt_root.root}/layers/{'a' * 64}"
    kept = (
        "Id",
        "Name",
        "Created",
        "Path",
        "Args",
        "Image",
        "ImageName",
        "RestartCount",
        "Driver",
        "Mounts",
        "LogPath",
    )
    assert {key: document[key] for key in (*kept, "HostsPath", "HostnamePath", "ResolvConfPath", "GraphDriver")} == {
        "Id": WEB,
        "Name": "web",
        "Created": timestamp(created_at),
        "Path": "/init",
        "Args": ["a", "b"],
        "Image": "",
        "ImageName": "debian",
        "RestartCount": 0,
        "Driver": "overlay",
        "Mounts": [],
        "LogPath": f"{folder}/log",
        "HostsPath": f"{folder}/hosts",
        "HostnamePath": f"{folder}/hostname",
        "ResolvConfPath": f"{folder}/resolv.conf",
        "GraphDriver": {
            "Name": "overlay",
            "Data": {"LowerDir": lower, "UpperDir": f"{folder}/upper", "WorkDir": f"{folder}/work"},
        },
    }


STATES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"state": "created"}, {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z", "Starts": 0}),
    (
        {"state": "running"},
        {"Status": "running", "Running": True, "Pid": 4242, "ShimPid": os.getpid(), "CgroupPath": "CGROUP"},
    ),
    (
        {"state": "paused"},
        {"Status": "paused", "Paused": True, "Pid": 4242, "ShimPid": os.getpid(), "CgroupPath": "CGROUP"},
    ),
    (
        {"state": "exited", "facts": {"exit_code": 137, "exit_reason": "oom", "oom_killed": 1}},
        {
            "Status": "exited",
            "ExitCode": 137,
            "ExitReason": "oom",
            "OOMKilled": True,
            "FinishedAt": "2023-11-14T22:14:20Z",
        },
    ),
    ({"state": "running", "lost": True}, {"Status": "exited", "ExitCode": -1, "ExitReason": "supervisor-lost"}),
    (
        {"state": "error"},
        {
            "Status": "error",
            "Error": "no such file",
            "ExitReason": "start-failed",
            "StartedAt": "0001-01-01T00:00:00Z",
        },
    ),
]


@pytest.mark.parametrize(("given", "said"), STATES)
def test_inspect_tells_the_state(
    call: Call, capsys: Capture, quilt_root: Paths, make: Make, given: dict[str, Any], said: dict[str, Any]
) -> None:
    """The state is what is true now; what is not known is -1 and what never was is Go's zero time."""
    make("web", **given)
    if "CgroupPath" in said:
        said = {**said, "CgroupPath": f"/{quilt_root.cgroup}/{WEB}"}

    call("inspect", "web")

    plain = {
        "Status": "",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 0,
        "ShimPid": 0,
        "ExitCode": 0,
        "ExitReason": "",
        "Error": "",
        "StartedAt": "2023-11-14T22:13:20Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Starts": 1,
        "Health": {"Status": "", "FailingStreak": 0, "Log": []},
        "CgroupPath": "",
    }
    assert documents(capsys)[0]["State"] == {**plain, **said}


def test_inspect_tells_the_configuration(call: Call, capsys: Capture, make: Make) -> None:
    """What `run` was told is found where docker and podman have it."""
    given = {
        "user": "web", "workdir": "/srv", "hostname": "h", "labels": {"l": "v"}, "annotations": {"n": "w"},
        "limits": {"pids": 6, "memory_bytes": 64 << 20, "nano_cpus": 10**9, "device_read_bps": (("/dev/x", 8, 0, 9),)},
        "interactive": True, "stop_signal": 2, "stop_timeout_s": 3, "timeout_s": 4,
        "create_command": ("quiltctl", "run"),
        "entrypoint": ("/init",), "command": ("x",), "init": True, "auto_remove": True, "log_driver": "none",
        "shm_bytes": 5, "oom_score_adj": 7, "capabilities": ("CHOWN", "NET_RAW"), "network": "host", "cidfile": "/c",
    }  # fmt: skip
    make("web", **given)

    call("inspect", "web")

    [document] = documents(capsys)
    config, host = document["Config"], document["HostConfig"]
    assert config == {
        "Hostname": "h", "Domainname": "", "User": "web", "ExposedPorts": {},
        "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
        "Tty": False, "OpenStdin": True, "StdinOnce": False, "Env": ["A=b"], "Cmd": ["x"],
        "Image": "debian", "Volumes": {}, "WorkingDir": "/srv", "Entrypoint": ["/init"], "Labels": {"l": "v"},
        "Annotations": {"n": "w"}, "StopSignal": 2, "StopTimeout": 3, "Timeout": 4,
        "CreateCommand": ["quiltctl", "run"],
    }  # fmt: skip
    told = (
        "NetworkMode",
        "AutoRemove",
        "Init",
        "ShmSize",
        "PidsLimit",
        "CapAdd",
        "ContainerIDFile",
        "Memory",
        "MemorySwap",
        "MemorySwappiness",
        "NanoCpus",
        "CpusetCpus",
        "OomScoreAdj",
        "BlkioDeviceReadBps",
        "BlkioDeviceWriteBps",
    )
    assert {key: host[key] for key in told} == {
        "NetworkMode": "host", "AutoRemove": True, "Init": True, "ShmSize": 5, "PidsLimit": 6,
        "CapAdd": ["CAP_NET_RAW"], "ContainerIDFile": "/c",
        "Memory": 64 << 20, "MemorySwap": 128 << 20, "MemorySwappiness": -1, "NanoCpus": 10**9, "CpusetCpus": "",
        "OomScoreAdj": 7, "BlkioDeviceReadBps": [{"Path": "/dev/x", "Rate": 9}], "BlkioDeviceWriteBps": [],
    }  # fmt: skip
    assert "CAP_KILL" in host["CapDrop"]
    assert "CAP_CHOWN" not in host["CapDrop"]
    assert (host["LogConfig"]["Type"], host["LogConfig"]["Path"], document["LogPath"]) == ("none", "", "")
    assert document["EffectiveCaps"] == ["CAP_CHOWN", "CAP_NET_RAW"]
