"""`quiltctl system sql`: a question to the database, in its own language."""

from __future__ import annotations

from quiltctl.commands._environment import check_text
from quiltctl.commands._parameters import JSON, NO_HEADING
from quiltctl.db.query import ask
from quiltctl.model.parameters import Argument, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from quiltctl.paths import Paths

VERB = Verb(
    summary="Query the database, read-only.",
    description="The views container_overview, image_overview, event_log and open_cleanup are made for people and stay"
    " as they are. They say what was recorded last; `quiltctl ps` also asks the kernel.",
    parameters=(NO_HEADING, JSON, Argument("query", "One SQL statement that reads.")),
    examples=(
        ('quiltctl system sql "select name, state, exit_code from container_overview"', "every container"),
        ('quiltctl system sql --json "select * from event_log order by seq desc limit 10"', "the last events, as JSON"),
    ),
)


def command(paths: Paths, *, noheading: bool, json: bool, query: str) -> int:
    """Print the rows of the answer."""
    from quiltctl.ui.show import show_rows

    answer = ask(paths, check_text(query, "query"))
    columns = _distinct(answer.columns)
    rows = [dict(zip(columns, map(_plain if json else _text, row), strict=True)) for row in answer.rows]
    headings = tuple((column, column) for column in columns)
    show_rows(rows, headings=headings, format=None, as_json=json, noheading=noheading)
    return 0


def _distinct(columns: tuple[str, ...]) -> list[str]:
    """Return the names, each once: a join may give `id` twice, and a JSON object holds a key once."""
    names: list[str] = []
    for column in columns:
        count, name = 1, column
        while name in names:
            count += 1
            name = f"{column}_{count}"
        names.append(name)
    return names


def _plain(value: Any) -> Any:
    """Return what JSON can hold: bytes as hex; the infinities, which only SQL knows, as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        return str(value)
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(_plain(value))
