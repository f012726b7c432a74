"""What a container holds after adding and dropping."""

from __future__ import annotations

from pathlib import Path

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.capability import CAPABILITIES, resolve
from quiltctl.model.spec import DEFAULT_CAPABILITIES

EVERY = tuple(sorted(CAPABILITIES))


@pytest.mark.parametrize(
    ("add", "drop", "left"),
    [
        ([], [], ("CHOWN", "KILL")),
        (["NET_ADMIN"], [], ("CHOWN", "KILL", "NET_ADMIN")),
        (["cap_net_admin", "CAP_KILL"], ["chown"], ("KILL", "NET_ADMIN")),
        ([], ["ALL"], ()),
        (["SYS_TIME", "KILL"], ["all"], ("KILL", "SYS_TIME")),
        (["KILL"], ["ALL", "KILL"], ("KILL",)),
        (["ALL"], [], EVERY),
        (["All"], ["SYS_ADMIN"], tuple(name for name in EVERY if name != "SYS_ADMIN")),
        (["ALL", "KILL"], ["KILL"], tuple(name for name in EVERY if name != "KILL")),
        ([], ["SYS_TIME"], ("CHOWN", "KILL")),
    ],
)
def test_capabilities_are_added_and_dropped(add: list[str], drop: list[str], left: tuple[str, ...]) -> None:
    """In any case, with or without CAP_; ALL first, names after it."""
    assert resolve(("CHOWN", "KILL"), add, drop) == left


@pytest.mark.parametrize(("add", "drop"), [(["KILL"], ["cap_kill"]), (["ALL"], ["ALL"]), (["ALL", "KILL"], ["ALL"])])
def test_capability_both_added_and_dropped_is_refused(add: list[str], drop: list[str]) -> None:
    """Neither can be meant."""
    with pytest.raises(UsageError, match="cannot both add and drop"):
        resolve(DEFAULT_CAPABILITIES, add, drop)


@pytest.mark.parametrize("text", ["", "CAP_", "ROOT", "CAP_CAP_KILL", "KILL,CHOWN", "CAP_ALL_"])
@pytest.mark.parametrize("option", ["--cap-add", "--cap-drop"])
def test_capability_that_is_none_is_refused(text: str, option: str) -> None:
    """The message names the option, the hint where names are found."""
    with pytest.raises(UsageError, match=option) as caught:
        resolve((), *(([text], []) if option == "--cap-add" else ([], [text])))
    assert "capabilities(7)" in str(caught.value.hint)


def test_default_capabilities_stay_as_they_are() -> None:
    """Known by name, and sorted as the spec stores them."""
    assert resolve(DEFAULT_CAPABILITIES, (), ()) == DEFAULT_CAPABILITIES


def test_capability_names_reach_as_far_as_this_kernel() -> None:
    """None of the kernel's is without a name."""
    assert int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii")) < len(CAPABILITIES)
