"""`top`: what it is asked for, and what it says no to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.errors import NotFound, UsageError, WrongState

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., str]
    Call = Callable[..., int]


@pytest.mark.parametrize("state", ["created", "exited", "error", "starting"])
def test_top_needs_a_container_that_runs(call: Call, make: Make, state: str) -> None:
    """Every other state is told from a wrong name, with the way out."""
    make("web", state)

    with pytest.raises(WrongState) as raised:
        call("top", "web")

    assert str(raised.value) == "cannot show the processes of web: it is not running"
    assert raised.value.hint == "start it with: quiltctl start web"


def test_top_believes_no_row(call: Call, make: Make) -> None:
    """A container whose shim is dead does not run, nor one whose first process is somebody else by now."""
    make("lost", "running", lost=True)
    make("late", "running", facts={"pid": 1, "pid_started": 999_999_999})

    for name in ("lost", "late"):
        with pytest.raises(WrongState, match=f"cannot show the processes of {name}: it is not running"):
            call("top", name)


@pytest.mark.parametrize(
    ("words", "unknown"), [(("pid", "usr"), "usr"), (("pid,xyz",), "xyz"), (("%p", "%q"), "%q"), (("a,b",), "a")]
)
def test_top_names_the_descriptors_there_are(call: Call, make: Make, words: tuple[str, ...], unknown: str) -> None:
    """An unknown one is named, and the hint lists the known ones."""
    make("web", "running")

    with pytest.raises(UsageError, match=f'unknown descriptor "{unknown}"') as raised:
        call("top", "web", *words)

    assert "args, capamb, capbnd" in (raised.value.hint or "")


def test_top_needs_a_name_or_latest(call: Call) -> None:
    """Neither is an error of usage; the latest of none is not found."""
    with pytest.raises(UsageError, match="top needs a container"):
        call("top")
    with pytest.raises(NotFound):
        call("top", "-l")
