"""`quiltctl system check`: what works on this host, what does not, and how to get it."""

from __future__ import annotations

from quiltctl.commands._parameters import FORMAT, JSON, NO_HEADING
from quiltctl.model.parameters import Verb
from quiltctl.runtime.lifecycle import check_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Check what works on this host, and how to get what does not.",
    description="Changes nothing. Ends with 0 when containers can run here, else with 125."
    " What is missing but optional only makes some options unavailable.",
    parameters=(NO_HEADING, FORMAT, JSON),
    examples=(("quiltctl system check && quiltctl run ...", "runs only where containers can run"),),
)
HEADINGS = (("REQUIREMENT", "Name"), ("STATE", "State"), ("FOUND", "Found"), ("HOW TO GET IT", "Hint"))


def command(paths: Paths, *, noheading: bool, format: str | None, json: bool) -> int:
    """Print one row per requirement."""
    from quiltctl.ui.show import show_rows

    requirements = check_host.check(paths)
    rows = [
        {"Name": r.name, "State": _state(r), "Required": r.required, "Found": r.found, "Hint": r.hint}
        for r in requirements
    ]
    show_rows(rows, headings=HEADINGS, format=format, as_json=json, noheading=noheading)
    return 0 if all(r.ok for r in requirements if r.required) else 125


def _state(requirement: check_host.Requirement) -> str:
    if requirement.ok:
        return "ok"
    return "missing" if requirement.required else "missing (optional)"
