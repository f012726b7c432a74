"""What stands for a value where a verb is explained."""

from __future__ import annotations

from quiltctl.model.parameters import Argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.parameters import Option


def metavar_of(parameter: Option | Argument) -> str:
    """Return the placeholder: ``KEY=VALUE``, ``CONTAINERS...``, ``debug|info``."""
    if isinstance(parameter, Argument):
        return parameter.key.upper() + "..." * parameter.multiple
    if parameter.metavar != "TEXT":
        return parameter.metavar
    return "|".join(parameter.choices) or {int: "INTEGER", float: "NUMBER"}.get(parameter.kind, "TEXT")
