"""What limits say together, and what becomes of them when some are changed."""

from __future__ import annotations

from typing import Any

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.document import decode, encode
from quiltctl.model.limits import Limits, changed, check, limits_from

MIB = 1 << 20


@pytest.mark.parametrize(
    ("said", "swap"),
    [
        ({}, None),
        ({"memory_bytes": 64}, 64),
        ({"memory_bytes": 64, "memory_swap_bytes": 64}, 0),
        ({"memory_bytes": 64, "memory_swap_bytes": 100}, 36),
        ({"memory_bytes": 64, "memory_swap_bytes": -1}, -1),
        ({"memory_bytes": 64, "memory_swap_bytes": 0}, -1),
        ({"memory_swap_bytes": -1}, -1),
        ({"memory_bytes": 0}, -1),
    ],
)
def test_swap_is_what_is_left_of_both(said: dict[str, Any], swap: int | None) -> None:
    """Docker's and podman's --memory-swap counts memory too; without it, swap is as much as memory."""
    assert Limits(**said).swap_bytes == swap


@pytest.mark.parametrize(
    ("said", "bandwidth"),
    [
        ({}, None),
        ({"nano_cpus": 1_500_000_000}, (150_000, 100_000)),
        ({"nano_cpus": 0}, (-1, 100_000)),
        ({"cpu_quota_us": 5000}, (5000, 100_000)),
        ({"cpu_period_us": 5000}, (-1, 5000)),
        ({"cpu_quota_us": -1, "cpu_period_us": 5000}, (-1, 5000)),
    ],
)
def test_processors_become_quota_and_period(said: dict[str, Any], bandwidth: tuple[int, int] | None) -> None:
    """Half a processor is half of each tenth of a second."""
    assert Limits(**said).cpu_bandwidth_us == bandwidth


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"memory_swap_bytes": MIB}, "--memory-swap needs --memory"),
        ({"memory_bytes": 2, "memory_swap_bytes": 1}, "--memory-swap is below --memory"),
        ({"memory_bytes": 1, "memory_reservation_bytes": 2}, "--memory-reservation is above --memory"),
        ({"oom_kill_disable": True}, "--oom-kill-disable needs --memory"),
        ({"nano_cpus": 1, "cpu_quota_us": 1}, "--cpus cannot be given with"),
        ({"nano_cpus": 1, "cpu_period_us": 1}, "--cpus cannot be given with"),
    ],
)
def test_contradiction_is_refused(said: dict[str, Any], sentence: str) -> None:
    """On any host, whatever its kernel would make of it."""
    with pytest.raises(UsageError, match=sentence):
        check(Limits(**said))


def test_change_leaves_what_is_not_given() -> None:
    """Only what was given; the default of swap goes with the memory."""
    after = changed(Limits(memory_bytes=64, pids=2048, nano_cpus=5), Limits(memory_bytes=128))
    assert after.given() == {"memory_bytes": 128, "pids": 2048, "nano_cpus": 5}
    assert after.swap_bytes == 128


def test_processors_said_in_one_way_replace_the_other() -> None:
    """Both at once would be refused, and nobody could go from one to the other."""
    quota = Limits(cpu_quota_us=5000, cpu_period_us=20_000)
    assert changed(quota, Limits(nano_cpus=7)).given() == {"nano_cpus": 7}
    assert changed(Limits(nano_cpus=7), Limits(cpu_quota_us=5000)).given() == {"cpu_quota_us": 5000}


def test_change_that_contradicts_what_stays_is_refused() -> None:
    """A swap that was said before does not follow the memory."""
    with pytest.raises(UsageError, match="--memory-swap is below"):
        changed(Limits(memory_bytes=64, memory_swap_bytes=100), Limits(memory_bytes=128))


def test_limits_are_what_they_were_after_json() -> None:
    """The config of a container is JSON; fields of a later version are left out."""
    limits = Limits(memory_bytes=1, device_read_bps=(("/dev/a", 8, 0, 5),), oom_kill_disable=True)
    assert limits_from({**decode(encode(limits.given())), "colour": 1}) == limits


def test_limits_of_other_devices_stay() -> None:
    """A device that is named again has its new limit; the number tells which device it is, whatever its name."""
    a, b, again, c = ("/dev/a", 8, 0, 1), ("/dev/b", 8, 16, 2), ("/dev/disk/b", 8, 16, 4), ("/dev/c", 8, 32, 5)

    after = changed(Limits(device_read_bps=(a, b), device_write_bps=(a,)), Limits(device_read_bps=(again, c)))

    assert after == Limits(device_read_bps=(a, again, c), device_write_bps=(a,))
