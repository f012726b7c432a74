"""Frozen values with slots, made from annotations.

What ``dataclasses`` does, at a hundredth of its import time: that module and what it loads
(inspect, re, enum) cost 17 ms, which is the whole budget of ``quiltctl ps``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        """Stand in for typing's decorator, which only type checkers read."""
        return lambda decorated: decorated


@dataclass_transform(frozen_default=True)
class _Fields(type):
    """Turn the annotations of a class into slots, and its assignments into defaults."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _Fields:
        own = [f for f, kind in namespace.get("__annotations__", {}).items() if not kind.startswith("ClassVar")]
        defaults = {field: namespace.pop(field) for field in own if field in namespace}
        namespace["__slots__"] = tuple(own)
        for base in bases:
            own = [*getattr(base, "_fields", ()), *own]
            defaults = {**getattr(base, "_defaults", {}), **defaults}
        namespace["_fields"] = tuple(own)
        namespace["_defaults"] = defaults
        made = super().__new__(cls, name, bases, namespace)
        type.__setattr__(made, "_setters", tuple(getattr(made, field).__set__ for field in own))
        return made


class Value(metaclass=_Fields):
    """The base of every value: made by position or by name, compared by content, never changed."""

    _fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _setters: ClassVar[tuple[Any, ...]]

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        if named or len(values) != len(fields):  # the other way is a row of the database: a thousand of them in a list
            given = {**self._defaults, **dict(zip(fields, values, strict=False)), **named}
            if len(values) > len(fields) or given.keys() != set(fields):
                message = f"{type(self).__name__} takes {', '.join(fields)}"
                raise TypeError(message)
            values = tuple(given[field] for field in fields)
        for write, value in zip(self._setters, values, strict=True):
            write(self, value)

    def __setattr__(self, name: str, value: object) -> None:
        message = f"{type(self).__name__}.{name} cannot be changed"
        raise AttributeError(message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and type(self) is type(other) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, field) for field in self._fields)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in self._fields)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and what they hold, in the order of declaration."""
        return {field: getattr(self, field) for field in self._fields}
