"""`wait` over real rows, while real processes live and die in the place of shims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quiltctl import errors
from quiltctl.commands import wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from quiltctl.paths import Paths


def test_wait_prints_codes_in_order(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """It sleeps until each has ended: its code, 0 for what never ran, -1 where the code is unknown."""
    web, db, lost = (box(name, running=True) for name in ("web", "db", "lost"))
    box("idle")
    waiter = run("wait", "web", "idle", "lost", "db")
    waiter.asleep()
    db.end(3)
    lost.kill_shim()
    waiter.asleep()
    web.end(7)
    assert waiter.outcome() == (b"7\n0\n-1\n3\n", b"", 0)


def test_wait_answers_after_removal(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """Removed while somebody waits, or long before, the container still has its code."""
    web = box("web", running=True)
    waiter = run("wait", "web")
    waiter.asleep()
    web.end(9)
    web.remove()
    assert waiter.outcome() == (b"9\n", b"", 0)
    assert run("wait", "web").outcome() == (b"9\n", b"", 0)


def test_wait_is_for_this_run(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """Started anew before the waiter looks, the container's earlier run is what it tells of."""
    web = box("web", running=True)
    waiter = run("wait", "web")
    waiter.asleep()
    waiter.process.send_signal(19)  # SIGSTOP
    web.end(5)
    web.start()
    waiter.process.send_signal(18)  # SIGCONT
    assert waiter.outcome() == (b"5\n", b"", 0)


def test_wait_tells_of_the_missing_and_goes_on(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """A missing container is 125 and does not keep the others from being waited for; with --ignore it is -1."""
    box("idle")
    assert run("wait", "none", "idle").outcome() == (b"0\n", b'Error: no such container: "none"\n', 125)
    assert run("wait", "--ignore", "none", "idle").outcome() == (b"-1\n0\n", b"", 0)


def test_wait_for_a_state_to_come(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """--condition running sleeps until somebody's commit makes it true; what is no end prints -1."""
    web = box("web")
    waiter = run("wait", "--condition", "running", "web")
    waiter.asleep()
    assert waiter.process.poll() is None
    web.start()
    assert waiter.outcome() == (b"-1\n", b"", 0)


def test_wait_for_removal(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """--condition removed is over when the row is gone; who waits for something else then hears that it never comes."""
    web = box("web")
    waiters = [run("wait", "--condition", condition, "web") for condition in ("removed", "running")]
    for waiter in waiters:
        waiter.asleep()
    web.remove()
    assert waiters[0].outcome() == (b"-1\n", b"", 0)
    assert waiters[1].outcome()[2] == 125


def test_wait_gives_json(box: Callable[..., Any], run: Callable[..., Any]) -> None:
    """--json is one array, in the order of the references."""
    idle = box("idle")
    wanted = '[\n  {\n    "Reference": "idle",\n    "Id": "%s",\n    "ExitCode": 0\n  }\n]\n' % idle.id  # noqa: UP031 (braces)
    assert run("wait", "--json", "idle").outcome() == (wanted.encode(), b"", 0)


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("healthy", "cannot wait for healthy: this version has no health checks"),
        ("happy", 'cannot wait for "happy": no container is ever that'),
    ],
)
def test_wait_refuses_what_never_comes(quilt_root: Paths, condition: str, sentence: str) -> None:
    """A condition that nothing can meet is an error before anything is waited for."""
    with pytest.raises(errors.UsageError) as caught:
        wait.command(
            quilt_root,
            condition=["running", condition],
            interval=None,
            ignore=False,
            latest=False,
            json=False,
            containers=["web"],
        )
    assert str(caught.value) == sentence
