"""The steps to a container's root, as a list that can be read."""

from __future__ import annotations

from typing import Any

from quiltctl.model.spec import Spec
from quiltctl.runtime.rootfs.outside import Made
from quiltctl.runtime.rootfs.plan import plan

USUAL = [
    "mount proc on /proc",
    "mount sysfs on /sys",
    "mount cgroup2 on /sys/fs/cgroup",
    "attach /dev",
    "fill /dev",
    "mount devpts on /dev/pts",
    "mount tmpfs on /dev/shm",
    "mount mqueue on /dev/mqueue",
    "attach /etc/hosts",
    "attach /etc/hostname",
    "make /proc/asound read-only",
    "make /proc/bus read-only",
    "make /proc/fs read-only",
    "make /proc/irq read-only",
    "make /proc/sys read-only",
    "make /proc/sysrq-trigger read-only",
]
MADE = Made(dev_fd=3, shm_fd=-1, files={"hosts": 4, "hostname": 5}, trees={})


def described(made: Made = MADE, *, cgroup2: bool = True, **fields: Any) -> list[str]:
    """Return the plan for a container with these options, in words."""
    spec = Spec(
        id="1" * 64,
        name="c",
        image="box",
        image_id="2" * 64,
        layers=("3" * 64,),
        entrypoint=(),
        command=("true",),
        env=(),
        **fields,
    )
    return [step.describe() for step in plan(spec, made, cgroup2=cgroup2)]


def test_plan_is_in_the_order_that_security_needs() -> None:
    """proc, sys and dev first, then what is laid over them; masks last, when what they hide is there."""
    *steps, masks = described()
    assert (steps, masks.startswith("mask /proc/acpi, /proc/interrupts, /proc/kcore")) == (USUAL, True)


def test_plan_without_cgroup2_has_no_such_step() -> None:
    """A host on v1 alone."""
    assert not [step for step in described(cgroup2=False) if "cgroup" in step]


def test_plan_attaches_what_shows_the_hosts_namespaces() -> None:
    """What the container has no rights over was mounted outside; its place in the order is the same."""
    made = Made(dev_fd=3, shm_fd=6, files={}, trees={"proc": 7, "sysfs": 8, "mqueue": 9, "cgroup2": 10})
    steps = described(made, pid="host", ipc="host", network="host", cgroupns="host")
    assert steps[:8] == [
        "attach /proc",
        "attach /sys",
        "attach /sys/fs/cgroup",
        "attach /dev",
        "fill /dev",
        "mount devpts on /dev/pts",
        "attach /dev/shm",
        "attach /dev/mqueue",
    ]


def test_plan_sets_parameters_before_they_are_read_only() -> None:
    """A sysctl is written through the container's /proc/sys, which is closed afterwards."""
    steps = described(sysctls={"net.ipv4.ip_forward": "1"})
    assert steps.index("set net.ipv4.ip_forward = 1") < steps.index("make /proc/sys read-only")


def test_plan_of_a_read_only_root_seals_it_last() -> None:
    """The folders that stay writable, and the working directory that only the image names, come before."""
    steps = described(read_only=True, workdir="/srv/app")
    assert steps[-5:] == [
        "mount tmpfs on /run",
        "mount tmpfs on /tmp",
        "mount tmpfs on /var/tmp",
        "make the directory /srv/app",
        "make / read-only",
    ]


def test_unmask_bares_what_it_names_and_mask_hides_more() -> None:
    """A path, wildcards, or ALL; --privileged hides nothing but what is asked for."""
    bare = described(unmask=("/proc/sys", "/proc/a*"), mask=("/srv/secret",))
    assert "make /proc/sys read-only" not in bare
    assert "make /proc/asound read-only" not in bare
    assert ("/proc/acpi" in bare[-1], "/proc/kcore" in bare[-1], bare[-1].endswith("/srv/secret")) == (
        False,
        True,
        True,
    )
    assert described(unmask=("ALL",)) == USUAL[:10]
    assert described(privileged=True) == USUAL[:10]
