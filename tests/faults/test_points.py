"""The list of fault points makes itself: no step with an effect is without one."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import quiltctl
from tests.faults import instrument

if TYPE_CHECKING:
    from collections import Counter


def steps(path: Path) -> Counter[str]:
    """Return how often each callee with an effect is called in a module."""
    from collections import Counter

    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    callees = (ast.unparse(call.func) for call in calls)
    return Counter(callee for callee in callees if callee in instrument.EFFECTS or callee == "transaction")


def test_every_step_with_an_effect_has_a_point(tmp_path: Path) -> None:
    """Counted by another way than that by which they are made."""
    from collections import Counter

    names = instrument.make(tmp_path)
    assert len(set(names)) == len(names)
    source = Path(quiltctl.__file__).parent
    for path in sorted(source.rglob("*.py")):
        module = str(path.relative_to(source)).removesuffix(".py")
        if module.split("/")[0] in instrument.SKIPPED:
            continue
        made = Counter(name.rpartition(":")[2].rpartition("#")[0] for name in names if name.partition(":")[0] == module)
        del made["committed"]
        assert made == steps(path), module
    print(f"{len(names)} points")  # noqa: T201 (a figure)
