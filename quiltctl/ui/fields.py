"""Rows that make their values only when somebody asks for them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Fields(dict[str, "Any"]):
    """A dict whose values are made, once, by the maker of that name from what the row is about.

    So a listing pays for the columns it shows. A value that can be called is a method of the row: it is asked for by
    name and is no part of the whole.
    """

    __slots__ = ("_about", "makers")

    def __init__(self, makers: Mapping[str, Callable[[Any], Any]], about: Any) -> None:
        super().__init__()
        self.makers = makers
        self._about = about

    def __missing__(self, name: str) -> Any:
        value = self[name] = self.makers[name](self._about)
        return value

    def whole(self) -> dict[str, Any]:
        """Return every field with its value."""
        return {name: value for name in self.makers if not callable(value := self[name])}
