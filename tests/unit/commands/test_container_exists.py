"""`container exists`: the answer is the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl.errors import Ambiguous

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("reference", "code"), [("web", 0), ("/web", 0), ("1" + "0" * 63, 0), ("100", 0), ("nobody", 1), ("f", 1)]
)
def test_container_exists_tells_by_its_code(
    make: Callable[..., str], call: Callable[..., int], capsys: pytest.CaptureFixture[str], reference: str, code: int
) -> None:
    """0 for a name, an id or its beginning, 1 for what there is not, and not a word."""
    make("web")

    assert (call("container_exists", reference), capsys.readouterr().out) == (code, "")


def test_container_exists_without_a_database_is_1(call: Callable[..., int]) -> None:
    """Where nothing was made nothing exists."""
    assert call("container_exists", "web") == 1


def test_container_exists_cannot_tell_an_ambiguous_one(make: Callable[..., str], call: Callable[..., int]) -> None:
    """Two that fit are an error, which the command line ends with 125."""
    make("one", container_id="ab" + "0" * 62)
    make("two", container_id="ac" + "0" * 62)

    with pytest.raises(Ambiguous, match='container "a" is ambiguous'):
        call("container_exists", "a")
