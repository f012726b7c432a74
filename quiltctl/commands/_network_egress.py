"""``--egress`` of a network."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def allowed(given: Sequence[str]) -> tuple[str, ...] | None:
    """Return the destinations that a network's containers may speak to, None for all.

    Raises:
        UsageError: one is not written so.
    """
    from quiltctl.model import egress

    destinations: tuple[str, ...] | None = egress.parse_egress(given)
    return None if destinations == egress.EVERYWHERE else destinations
