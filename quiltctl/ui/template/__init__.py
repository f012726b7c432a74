r"""The subset of Go's text/template that scripts write after ``--format``.

    fields      {{.A.B}}  {{(index .Mounts 0).Type}}  {{.Label "k"}}
    functions   {{json .X}}  {{len .X}}  {{index .M "k"}}  {{printf "%s\n" .X}}  {{.X | upper}}
    blocks      {{if eq .A "x"}} {{else if}} {{else}} {{end}}  {{with .A}}  {{range $i, $v := .X}}  {{break}}
    the rest    {{$x := .A}}  {{- trimmed -}}  {{/* a comment */}}  and \t, \n in the text

The language is Go's; what it leaves out (define, template, block, methods that rows do not have) is refused by name.
"""

from __future__ import annotations

from quiltctl.model.value import Value
from quiltctl.ui.template.expressions import Field, Scope
from quiltctl.ui.template.parser import parse
from quiltctl.ui.template.statements import Range, Statement, Text, run_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Template(Value):
    """A template that has been read, to be rendered many times."""

    statements: tuple[Statement, ...]

    def render(self, value: object, *, clean: Callable[[str], str] | None = None) -> str:
        """Return the text for a value. What comes from the value goes through ``clean``, the template's text does not.

        Raises:
            UsageError: it names a field that is not there, or calls a function with what it cannot take.
        """
        scope = Scope(value, clean)
        run_all(self.statements, scope)
        return "".join(scope.parts)

    @property
    def takes_all(self) -> bool:
        """Return whether it begins with a range over the dot: then it is meant for all rows at once."""
        first = self.statements[0] if self.statements else None
        return isinstance(first, Range) and isinstance(first.expression, Field) and not first.expression.names

    def headings(self, known: Mapping[str, str]) -> str:
        """Return the template's text with headings in place of values, those of ``known`` or made from the names."""
        return "".join(
            statement.text if isinstance(statement, Text) else heading_of(statement.heading(), known)
            for statement in self.statements
        )


def compile_template(source: str, *, columns: bool = False) -> Template:
    """Return the template; with ``columns`` its text is cut into columns at blanks and tabs.

    Raises:
        UsageError: it cannot be read; the sentence says where and why.
    """
    return Template(parse(source, columns=columns))


def render(template: str, value: object) -> str:
    """Return the text of a template for one value."""
    return compile_template(template).render(value)


def heading_of(name: str, known: Mapping[str, str]) -> str:
    """Return the heading of a column: ``CreatedAt`` becomes ``CREATED AT``, ``ImageID`` becomes ``IMAGE ID``."""
    if name in known:
        return known[name]
    parts: list[str] = []
    for place, char in enumerate(name):
        after_lower = place > 0 and char.isupper() and not name[place - 1].isupper()
        last_of_capitals = 0 < place < len(name) - 1 and char.isupper() and name[place + 1].islower()
        parts.append(f" {char}" if after_lower or last_of_capitals else char)
    return "".join(parts).upper()
