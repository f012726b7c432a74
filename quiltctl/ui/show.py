"""The one renderer: rows and documents as a table, as JSON, or through a template."""

from __future__ import annotations

import sys

from quiltctl.ui.fields import Fields
from quiltctl.ui.safe import harmless, harmless_json, printable, write
from quiltctl.ui.table import aligned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

_AS_JSON = ("json", "{{json .}}", "{{ json . }}")
"""podman takes each of them for the whole list, in lines."""
_TABLE = "table"


def asks_json(format: str | None) -> bool:
    """Return whether a format means JSON of everything."""
    return format is not None and format.strip() in _AS_JSON


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    *,
    headings: Sequence[tuple[str, str]],
    format: str | None = None,
    as_json: bool = False,
    noheading: bool = False,
) -> None:
    """Write rows to stdout: as JSON, through a template each, or the columns that ``headings`` names as a table.

    ``headings`` are pairs of heading and key. A template that begins by a range over the dot gets all rows at once.

    Raises:
        UsageError: the template is wrong.
    """
    if as_json or asks_json(format):
        show_json([row.whole() if isinstance(row, Fields) else row for row in rows], indent=2)
    else:
        write(rows_text(rows, headings=headings, format=format, noheading=noheading))


def rows_text(
    rows: Sequence[Mapping[str, Any]],
    *,
    headings: Sequence[tuple[str, str]],
    format: str | None = None,
    noheading: bool = False,
) -> str:
    """Return what ``show_rows`` writes of rows, where that is not JSON.

    Raises:
        UsageError: the template is wrong.
    """
    if format is None or format.strip() == _TABLE:
        keys = [key for _, key in headings]
        cells = [[cell(row[key]) for key in keys] for row in rows]
        return aligned(cells if noheading else [[heading for heading, _ in headings], *cells])
    if format.startswith(f"{_TABLE} "):
        known = {key: heading for heading, key in headings}
        return _template_table(format.removeprefix(_TABLE).strip(), rows, None if noheading else known)
    return _by_template(format, rows)


def show_document(value: object, format: str | None = None) -> None:
    """Write one value to stdout: as JSON, or through a template.

    Raises:
        UsageError: the template is wrong.
    """
    if format is None or asks_json(format):
        show_json(value, indent=4)
    elif format.startswith(f"{_TABLE} "):
        write(_template_table(format.removeprefix(_TABLE).strip(), [value], None))
    else:
        write(_by_template(format, [value]))


def show_json(value: object, *, indent: int | None = None) -> None:
    """Write a value as JSON and a newline to stdout."""
    write(_json(value, indent=indent))


def line_writer(format: str) -> Callable[[object], str]:
    """Return what makes a line of each value of a stream: JSON without blanks, or the template's text.

    Raises:
        UsageError: the template cannot be read; the writer raises it where the template asks for what is not there.
    """
    if asks_json(format):
        return lambda value: _json(value, compact=True)
    from quiltctl.ui.template import compile_template

    template, clean, end = compile_template(format), _cleaner(), _end(format)
    return lambda value: template.render(value, clean=clean) + end


def cell(value: object) -> str:
    """Return a value as a table shows it: lists with commas, what is not known as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(cell, value))
    if isinstance(value, dict):
        return ",".join(f"{key}={cell(item)}" for key, item in value.items())
    return str(value)


def _json(value: object, *, indent: int | None = None, compact: bool = False) -> str:
    from quiltctl.model.document import encode

    text = encode(value, indent=indent, compact=compact)
    return f"{harmless_json(text) if sys.stdout.isatty() else text}\n"


def _cleaner() -> Callable[[str], str] | None:
    """Return what values go through: bytes pass a pipe as they are, a terminal would obey what stands in them."""
    return harmless if sys.stdout.isatty() else None


def _end(source: str) -> str:
    """Return what ends each rendering: a newline, unless the template has one."""
    return "" if source.endswith(("\n", "\\n")) else "\n"


def _by_template(source: str, values: Sequence[object]) -> str:
    from quiltctl.ui.template import compile_template

    template, clean, end = compile_template(source), _cleaner(), _end(source)
    if template.takes_all:
        return template.render(values, clean=clean) + end
    return "".join(template.render(value, clean=clean) + end for value in values)


def _template_table(source: str, values: Iterable[object], known: Mapping[str, str] | None) -> str:
    """Return a table: the template's tabs and blanks separate its cells; without ``known`` it has no headings."""
    from quiltctl.ui.template import compile_template

    template = compile_template(source, columns=True)
    lines = [] if known is None else [template.headings(known)]
    lines += [template.render(value, clean=printable) for value in values]
    return aligned(line.split("\t") for text in lines for line in text.rstrip("\n").split("\n"))
