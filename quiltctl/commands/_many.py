"""One verb, many references: do them all, go on after a failure, end with the worst code."""

from __future__ import annotations

import sys

from quiltctl.commands._explain import explain
from quiltctl.errors import QuiltError
from quiltctl.ui.failure import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from quiltctl.commands._choose import Choice, Chosen
    from quiltctl.db.containers import Container

    Reference = TypeVar("Reference")


def each(references: Iterable[Reference], act: Callable[[Reference], int | None], *, as_json: bool = False) -> int:
    """Call ``act`` with each reference, in order, and tell each error when it happens.

    Returns the highest exit code: of the errors, and of what ``act`` returned (None is 0).

    Raises:
        BrokenPipeError: nobody reads what is printed; then the rest is not done either, as everywhere.
    """
    worst = 0
    for reference in references:
        try:
            code = act(reference) or 0
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever befell one must not keep the others from their turn)
            explained = explain(error)
            tell(explained, as_json=as_json)
            code = explained.exit_code
        worst = max(worst, code)
    return worst


def each_chosen(choice: Choice, act: Callable[[Container], object]) -> int:
    """Call ``act`` with each container and print the word it was chosen by, as ``each`` does it.

    Returns the highest exit code, those of words that name no container among them.
    """

    def act_on(item: Chosen | QuiltError) -> None:
        if isinstance(item, QuiltError):
            raise item
        act(item.container)
        sys.stdout.write(f"{item.word}\n")

    return each(choice.in_order, act_on)
