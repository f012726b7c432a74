"""Kernel parameters for one container."""

from __future__ import annotations

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.sysctl import namespace_of, parse_sysctl, path_of


@pytest.mark.parametrize(
    ("text", "name", "value", "namespace"),
    [
        ("net.ipv4.ip_forward=1", "net.ipv4.ip_forward", "1", "net"),
        ("net/ipv4/ip_forward=1", "net.ipv4.ip_forward", "1", "net"),
        ("net.ipv4.conf.eth0/1.mtu=9", "net.ipv4.conf.eth0/1.mtu", "9", "net"),
        ("net/ipv4/conf/eth0.1/mtu=9", "net.ipv4.conf.eth0/1.mtu", "9", "net"),
        ("net.ipv4.ping_group_range=0 1", "net.ipv4.ping_group_range", "0 1", "net"),
        ("kernel.sem=250\t32000 100 128 ", "kernel.sem", "250\t32000 100 128", "ipc"),
        ("kernel.shm_rmid_forced=1", "kernel.shm_rmid_forced", "1", "ipc"),
        ("fs.mqueue.msg_max=20", "fs.mqueue.msg_max", "20", "ipc"),
        ("kernel.domainname=a=b", "kernel.domainname", "a=b", "uts"),
    ],
)
def test_sysctl_of_a_namespace_is_read(text: str, name: str, value: str, namespace: str) -> None:
    """The separator that comes first separates; the name comes back with dots."""
    assert parse_sysctl(text) == (name, value)
    assert namespace_of(name) == namespace


@pytest.mark.parametrize(
    "text",
    [
        "vm.swappiness=1",
        "kernel.panic=1",
        "kernel.core_pattern=|/x",
        "kernel/core_pattern=|/x",
        "kernel.shmmax2=1",
        "fs.mqueue=1",
        "fs.file-max=1",
        "network.x=1",
        "net=1",
        "user.max_user_namespaces=1",
    ],
)
def test_sysctl_of_the_host_is_refused(text: str) -> None:
    """What has no namespace would change every container and the host."""
    with pytest.raises(UsageError, match="it would change the whole host") as caught:
        parse_sysctl(text)
    assert str(caught.value.hint).startswith("only net.*, fs.mqueue.*, kernel.msgmax")


def test_sysctl_for_the_host_name_has_an_option_of_its_own() -> None:
    """The hint names it."""
    with pytest.raises(UsageError) as caught:
        parse_sysctl("kernel.hostname=web")
    assert caught.value.hint == "use --hostname"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=1",
        "net.x",
        "net.x=",
        "net.x= ",
        "net.x=1\n2",
        "net.x=1\0",
        "net.x=" + "9" * 5000,
        "net..x=1",
        ".net.x=1",
        "net.x.=1",
        "/net/x=1",
        "net/../kernel/core_pattern=1",
        "net.//.kernel.core_pattern=1",
        "net.x y=1",
        " net.x=1",
        "net.x\n=1",
        "net.\u00fc=1",
        "net.*.x=1",
    ],
)
def test_sysctl_that_is_none_is_refused(text: str) -> None:
    """A name that could lead elsewhere, and a value that could not be written at once."""
    with pytest.raises(UsageError, match="invalid sysctl") as caught:
        parse_sysctl(text)
    assert caught.value.hint == "NAME=VALUE, such as net.ipv4.ip_forward=1"


def test_sysctl_path_is_below_proc_sys() -> None:
    """A dot within a name stays one."""
    assert path_of("net.ipv4.conf.eth0/1.mtu") == "net/ipv4/conf/eth0.1/mtu"
