"""The steps to a container's root, as a list that can be read."""

from __future__ import annotations

from quiltctl.runtime import rootfs


def test_plan_is_in_the_order_that_security_needs() -> None:
    """proc, sys and dev first, then what is laid over them; masks last, when what they hide is there."""
    steps = rootfs.plan(container_dir="/c", shm_bytes=1 << 20, cgroup2=True, resolv_conf=True)
    described = [step.describe() for step in steps]
    assert described[:-1] == [
        "mount proc on /proc",
        "mount sysfs on /sys",
        "mount cgroup2 on /sys/fs/cgroup",
        "mount tmpfs on /dev",
        "fill /dev",
        "mount devpts on /dev/pts",
        "mount tmpfs on /dev/shm",
        "mount mqueue on /dev/mqueue",
        "bind /c/hosts on /etc/hosts",
        "bind /c/hostname on /etc/hostname",
        "bind /c/resolv.conf on /etc/resolv.conf",
        "make /proc/asound read-only",
        "make /proc/bus read-only",
        "make /proc/fs read-only",
        "make /proc/irq read-only",
        "make /proc/sys read-only",
        "make /proc/sysrq-trigger read-only",
    ]
    assert described[-1].startswith("mask /proc/acpi, /proc/interrupts, /proc/kcore")


def test_plan_without_cgroup2_and_resolv_conf_has_no_such_steps() -> None:
    """A host on v1 alone, and a container without a network."""
    steps = rootfs.plan(container_dir="/c", shm_bytes=1, cgroup2=False, resolv_conf=False)
    assert not [step for step in steps if "cgroup" in step.describe() or "resolv" in step.describe()]
