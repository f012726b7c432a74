"""What writes in a template: text, values, and the blocks around them."""

from __future__ import annotations

from quiltctl.model.value import Value
from quiltctl.ui.template.lexer import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quiltctl.ui.template.expressions import Expression, Scope


class LoopExit(Exception):
    """``break``, or with ``again`` ``continue``, on its way to the range around it."""

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.again = again


class Statement(Value):
    """Something that writes."""

    def run(self, scope: Scope) -> None:
        """Write to the scope."""
        raise NotImplementedError

    def heading(self) -> str:
        """Return the field that names the column this stands in, or nothing."""
        return ""


class Text(Statement):
    """Text that is copied."""

    text: str

    def run(self, scope: Scope) -> None:
        """Write to the scope."""
        scope.parts.append(self.text)


class Print(Statement):
    """``{{.A}}``: a value is written."""

    expression: Expression

    def run(self, scope: Scope) -> None:
        """Write to the scope."""
        scope.write(self.expression.value(scope))

    def heading(self) -> str:
        """Return the field that names the column this stands in, or nothing."""
        return self.expression.heading()


class Assign(Statement):
    """``{{$x := .A}}``, or ``{{$x = .A}}`` for a variable that is there."""

    name: str
    expression: Expression
    declare: bool
    at: int

    def run(self, scope: Scope) -> None:
        """Change the variables of the scope; nothing is written."""
        value = self.expression.value(scope)
        if self.declare:
            scope.variables.append((self.name, [value]))
        else:
            scope.cell(self.name, self.at)[0] = value


class Leave(Statement):
    """``{{break}}`` and ``{{continue}}``."""

    again: bool

    def run(self, _scope: Scope) -> None:
        """Leave the round of the range around it."""
        raise LoopExit(again=self.again)


class Condition(Statement):
    """``{{if .A}}``, ``{{with .A}}``, which makes the value the dot, and their ``{{else}}``."""

    variable: str
    expression: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    moves_dot: bool

    def run(self, scope: Scope) -> None:
        """Write to the scope."""
        value = self.expression.value(scope)
        outer_dot, depth = scope.dot, len(scope.variables)
        if self.variable:
            scope.variables.append((self.variable, [value]))
        if value and self.moves_dot:
            scope.dot = value
        try:
            run_all(self.body if value else self.otherwise, scope)
        finally:
            scope.dot = outer_dot
            del scope.variables[depth:]

    def heading(self) -> str:
        """Return the field that names the column this stands in, or nothing."""
        return self.expression.heading()


class Range(Statement):
    """``{{range .A}}``, ``{{range $key, $value := .A}}``, and its ``{{else}}`` for when there is nothing."""

    key: str
    variable: str
    expression: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    at: int

    def run(self, scope: Scope) -> None:
        """Write to the scope."""
        items = _items(self.expression.value(scope), self.at)
        outer_dot, depth = scope.dot, len(scope.variables)
        try:
            if not items:
                run_all(self.otherwise, scope)
            for key, item in items:
                self._round(key, item, scope)
                del scope.variables[depth:]
        except LoopExit as leave:
            if not items:  # it stands in the else, and leaves the range around this one
                raise LoopExit(again=leave.again) from None
        finally:
            scope.dot = outer_dot
            del scope.variables[depth:]

    def _round(self, key: object, item: object, scope: Scope) -> None:
        if self.key:
            scope.variables.append((self.key, [key]))
        if self.variable:
            scope.variables.append((self.variable, [item]))
        scope.dot = item
        try:
            run_all(self.body, scope)
        except LoopExit as leave:
            if not leave.again:
                raise

    def heading(self) -> str:
        """Return the field that names the column this stands in, or nothing."""
        return self.expression.heading()


def run_all(statements: Iterable[Statement], scope: Scope) -> None:
    """Let the statements write, one after the other."""
    for statement in statements:
        statement.run(scope)


def _items(value: object, at: int) -> Sequence[tuple[object, object]]:
    """Return keys and values; those of a map in the order of its keys, as in Go."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return sorted(value.items())
    if isinstance(value, (list, tuple)):
        return tuple(enumerate(value))
    raise fault(at, "range goes over lists and maps only")
