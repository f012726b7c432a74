"""One verb, many references: do them all, go on after a failure, end with the worst code."""

from __future__ import annotations

from quiltctl.commands._explain import explain
from quiltctl.ui.failure import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

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
