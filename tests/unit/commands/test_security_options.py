"""The options that shape the sandbox: what they come to, and what is refused before anything was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.cli import fast
from quiltctl.commands import _container_options as container_options
from quiltctl.commands import _namespace_options as namespace_options
from quiltctl.commands import _security_options as security_options
from quiltctl.commands import create as create_verb
from quiltctl.db.connection import open_to_write
from quiltctl.model.parameters import Flag, Option, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths


def options_of(*words: str) -> dict[str, Any]:
    """Return the options as the command line reads them."""
    values = fast.read(create_verb.VERB, [*words, "box"])
    assert values is not None, words
    return values


def fields(paths: Paths, *words: str) -> dict[str, Any]:
    """Return the fields of the spec that a command line comes to, after its check."""
    options = options_of(*words)
    namespace_options.check(options)
    security_options.check(options)
    return {**security_options.fields(paths, options), **namespace_options.fields(open_to_write(paths), options)}


def test_default_is_confined(quilt_root: Paths) -> None:
    """Without an option: a user namespace, the default filter, no new rights, eleven capabilities, all private."""
    found = fields(quilt_root)
    expected = {
        "userns": "auto",
        "userns_given": False,
        "seccomp": "default",
        "no_new_privileges": True,
        "privileged": False,
        "pid": "private",
        "ipc": "private",
        "uts": "private",
        "cgroupns": "private",
        "umask": 0o022,
    }
    assert ({name: found[name] for name in expected}, len(found["capabilities"])) == (expected, 11)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cap-drop", "all", "--cap-add", "cap_net_raw,SYS_TIME"), {"capabilities": ("NET_RAW", "SYS_TIME")}),
        (("--privileged",), {"seccomp": "unconfined", "no_new_privileges": False, "privileged": True}),
        (("--privileged", "--security-opt", "no-new-privileges"), {"no_new_privileges": True}),
        (("--security-opt", "no-new-privileges:false"), {"no_new_privileges": False}),
        (("--security-opt", "seccomp=unconfined"), {"seccomp": "unconfined"}),
        (("--security-opt", "mask=/a:/b", "--security-opt", "mask=/c"), {"mask": ("/a", "/b", "/c")}),
        (("--security-opt", "systempaths=unconfined"), {"unmask": ("ALL",)}),
        (("--security-opt", "unmask=/proc/sys"), {"unmask": ("/proc/sys",)}),
        (("--security-opt", "label=disable", "--security-opt", "apparmor=unconfined"), {"seccomp": "default"}),
        (("--userns", "host"), {"userns": "host", "userns_given": True}),
        (("--userns", "auto:size=7"), {"userns": "auto", "userns_size": 7}),
        (("--uidmap", "0:7000:10"), {"userns": "map", "uid_map": ("0:7000:10",), "gid_map": ("0:7000:10",)}),
        (("--uidmap", "0:1:1", "--gidmap", "0:2:1"), {"uid_map": ("0:1:1",), "gid_map": ("0:2:1",)}),
        (("--ulimit", "nofile=7:8", "--ulimit", "core=-1"), {"ulimits": (("nofile", 7, 8), ("core", -1, -1))}),
        (("--sysctl", "net.core.somaxconn=7"), {"sysctls": {"net.core.somaxconn": "7"}}),
        (("--umask", "077", "--group-add", "7"), {"umask": 0o077, "groups": ("7",)}),
        (("--ipc", "shareable", "--pid", "host"), {"ipc": "private", "pid": "host"}),
    ],
)
def test_options_come_to_fields(quilt_root: Paths, words: tuple[str, ...], said: dict[str, Any]) -> None:
    """Each in the spelling that users of docker and podman have in their scripts."""
    found = fields(quilt_root, *words)
    assert {name: found[name] for name in said} == said


@pytest.mark.parametrize(
    "words",
    [
        ("--cap-add", "FLY"),
        ("--cap-add", "KILL", "--cap-drop", "KILL"),
        ("--security-opt", "seccomp"),
        ("--security-opt", "no-new-privileges=maybe"),
        ("--security-opt", "mask=relative"),
        ("--security-opt", "mask=/proc/../x"),
        ("--security-opt", "label=type:x"),
        ("--security-opt", "apparmor=mine"),
        ("--userns", "ns:/proc/1/ns/user"),
        ("--userns", "host", "--uidmap", "0:1:1"),
        ("--uidmap", "1:1:1"),
        ("--device", "/dev/null:/etc/x"),
        ("--device-cgroup-rule", "x"),
        ("--ulimit", "nofile"),
        ("--sysctl", "kernel.panic=1"),
        ("--sysctl", "net.core.somaxconn=7", "--network", "host"),
        ("--sysctl", "kernel.shmmax=7", "--ipc", "host"),
        ("--sysctl", "kernel.domainname=x", "--uts", "host"),
        ("--umask", "9"),
        ("--umask", "7777"),
        ("--pid", "ns:/x"),
        ("--ipc", "none"),
        ("--uts", "host", "--hostname", "x"),
        ("--group-add", "keep-groups"),
    ],
)
def test_what_cannot_be_honoured_is_refused(words: tuple[str, ...]) -> None:
    """A sentence, before a shim is started or a row is written."""
    options = options_of(*words)
    with pytest.raises(errors.UsageError):
        container_options.check(options)


def test_profile_that_is_missing_is_named(quilt_root: Paths) -> None:
    """The file that --security-opt seccomp= names must be there."""
    with pytest.raises(errors.UsageError, match=r"cannot read the seccomp profile /no/such: No such file"):
        fields(quilt_root, "--security-opt", "seccomp=/no/such")


def test_kept_id_is_that_of_the_user_behind_sudo(quilt_root: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """keep-id maps the caller to itself or to what is asked for, and the program runs as it; root is refused."""
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setenv("SUDO_GID", "1001")
    found = fields(quilt_root, "--userns", "keep-id")
    assert (found["kept_uid"], found["kept_gid"], found["user"]) == ((1000, 1000), (1001, 1001), "1000:1001")
    found = fields(quilt_root, "--userns", "keep-id:uid=5,gid=6", "--user", "0")
    assert (found["kept_uid"], found["kept_gid"], "user" in found) == ((5, 1000), (6, 1001), False)
    monkeypatch.setenv("SUDO_UID", "0")
    with pytest.raises(errors.UsageError, match="the caller is root"):
        fields(quilt_root, "--userns", "keep-id")


def test_joined_container_lends_its_user_namespace(quilt_root: Paths, make: Callable[..., str]) -> None:
    """Who joins a namespace gets the ids that rule it; another user namespace beside it is refused."""
    ids = {"userns": "auto", "uid_map": ("0:7000:10",), "gid_map": ("0:8000:10",)}
    owner = make("web", "running", **ids)
    found = fields(quilt_root, "--pid", "container:web", "--ipc", f"container:{owner[:12]}")
    expected = {"pid": f"container:{owner}", "ipc": f"container:{owner}", "userns": f"container:{owner}", **ids}
    assert {name: found[name] for name in expected} == {**expected, "userns": f"container:{owner}"}
    with pytest.raises(errors.Conflict, match="its user namespace rules them"):
        fields(quilt_root, "--pid", "container:web", "--userns", "host")


def test_only_one_container_can_be_joined(quilt_root: Paths, make: Callable[..., str]) -> None:
    """Two user namespaces cannot rule one container; a container that is not there cannot be joined."""
    make("a", "running")
    make("b", "running")
    with pytest.raises(errors.UsageError, match="several containers"):
        fields(quilt_root, "--pid", "container:a", "--ipc", "container:b")
    with pytest.raises(errors.NotFound):
        fields(quilt_root, "--pid", "container:nobody")


def test_every_option_reaches_the_spec() -> None:
    """No declared option of the sandbox is read and then forgotten."""
    for module, end in ((security_options, "_MOST_MASK"), (namespace_options, "_NAMESPACES")):
        text = Path(str(module.__file__)).read_text(encoding="utf-8").partition(end)[2]
        keys = [key_of(option) for option in module.OPTIONS if isinstance(option, Flag | Option)]
        assert [key for key in keys if f'"{key}"' not in text] == []
