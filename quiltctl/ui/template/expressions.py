"""What gives a value in a template: constants, fields, variables and calls."""

from __future__ import annotations

from quiltctl.model.document import Keyed
from quiltctl.model.value import Value
from quiltctl.ui.fields import Fields
from quiltctl.ui.template.functions import FUNCTIONS, kind, shown
from quiltctl.ui.template.lexer import fault
from quiltctl.ui.template.printf import Unfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SAME = {"ID": "Id", "Id": "ID"}
"""docker and podman take either, and so do we."""
_MOST_SHOWN = 60


class Scope:
    """What an action can see: the dot, the variables, and how values become text that is written."""

    def __init__(self, dot: object, clean: Callable[[str], str] | None) -> None:
        self.dot = dot
        self.variables: list[tuple[str, list[object]]] = [("$", [dot])]
        self.parts: list[str] = []
        self._clean = clean

    def write(self, value: object) -> None:
        """Add a value to what is written."""
        text = shown(value)
        self.parts.append(text if self._clean is None else self._clean(text))

    def cell(self, name: str, at: int) -> list[object]:
        """Return the place that holds a variable: the innermost of that name."""
        for known, cell in reversed(self.variables):
            if known == name:
                return cell
        raise fault(at, f"undefined variable {name}")


class Expression(Value):
    """Something with a value. ``at`` is its place in the template."""

    at: int

    def value(self, scope: Scope) -> Any:
        """Return the value in this scope."""
        raise NotImplementedError

    def heading(self) -> str:
        """Return the first field it names, for the heading of a column, or nothing."""
        return ""


class Constant(Expression):
    """A number, text, truth value, or nil."""

    constant: object

    def value(self, _scope: Scope) -> Any:
        """Return the value in this scope."""
        return self.constant


class Field(Expression):
    """``.A.B``, of the dot, and with arguments a method of the row: ``.Label "k"``."""

    names: tuple[str, ...]
    arguments: tuple[Expression, ...] = ()

    def value(self, scope: Scope) -> Any:
        """Return the value in this scope."""
        found = walk(scope.dot, self.names, self.at)
        if not callable(found):
            if self.arguments:
                raise fault(self.at, f".{'.'.join(self.names)} takes no arguments")
            return found
        return _called(f".{self.names[-1]}", found, self.arguments, scope, self.at)

    def heading(self) -> str:
        """Return the first field it names, for the heading of a column, or nothing."""
        return self.names[-1] if self.names else ""


class Variable(Expression):
    """``$x``, or a field of it."""

    name: str
    names: tuple[str, ...]

    def value(self, scope: Scope) -> Any:
        """Return the value in this scope."""
        return walk(scope.cell(self.name, self.at)[0], self.names, self.at)

    def heading(self) -> str:
        """Return the first field it names, for the heading of a column, or nothing."""
        return self.names[-1] if self.names else ""


class Chain(Expression):
    """``(...).A``."""

    inner: Expression
    names: tuple[str, ...]

    def value(self, scope: Scope) -> Any:
        """Return the value in this scope."""
        return walk(self.inner.value(scope), self.names, self.at)

    def heading(self) -> str:
        """Return the first field it names, for the heading of a column, or nothing."""
        return self.names[-1]


class Call(Expression):
    """A function with its arguments; what a pipe brings is the last of them."""

    function: str
    arguments: tuple[Expression, ...]

    def value(self, scope: Scope) -> Any:
        """Return the value in this scope."""
        if self.function in ("and", "or"):
            return self._first_decisive(scope)
        return _called(self.function, FUNCTIONS[self.function], self.arguments, scope, self.at)

    def _first_decisive(self, scope: Scope) -> Any:
        """Return the first argument that decides, and look at none after it; else the last."""
        if not self.arguments:
            raise fault(self.at, f"{self.function} takes arguments")
        found: Any = None
        for argument in self.arguments:
            found = argument.value(scope)
            if bool(found) is (self.function == "or"):
                break
        return found

    def heading(self) -> str:
        """Return the first field it names, for the heading of a column, or nothing."""
        return next((name for name in (argument.heading() for argument in self.arguments) if name), "")


def walk(value: Any, names: tuple[str, ...], at: int) -> Any:
    """Return ``value[a][b]`` for ``.a.b``.

    Raises:
        UsageError: there is no such field. A map whose keys are data has them all, with no value.
    """
    for name in names:
        if not isinstance(value, dict):
            raise fault(at, f"can't evaluate field {name}: {kind(value)} has no fields")
        try:
            value = value[name]
        except KeyError:
            if isinstance(value, Keyed):
                value = None
            elif _SAME.get(name) in _known(value):
                value = value[_SAME[name]]
            else:
                raise fault(at, f"can't evaluate field {name}", hint=_hint(value)) from None
    return value


def _known(value: dict[str, Any]) -> list[str]:
    return list(value.makers if isinstance(value, Fields) else value)


def _hint(value: dict[str, Any]) -> str | None:
    known = _known(value)
    return f"the fields here are {', '.join(known)}" if 0 < len(known) <= _MOST_SHOWN else None


def _called(name: str, function: Callable[..., Any], arguments: tuple[Expression, ...], scope: Scope, at: int) -> Any:
    values = [argument.value(scope) for argument in arguments]
    try:
        return function(*values)
    except Unfit as error:
        raise fault(at, f"error calling {name}: {error}") from error
    except TypeError as error:
        raise fault(at, f"wrong number or kind of arguments for {name}") from error
