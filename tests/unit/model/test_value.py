"""Values: made by position or name, compared by content, never changed."""

from __future__ import annotations

from typing import Any

import pytest

from quiltctl.model.value import Value


class Point(Value):
    """Two numbers and a name."""

    x: int
    y: int
    name: str = "origin"


class Pin(Point):
    """A point with a colour."""

    colour: str = "red"


def test_value_is_made_by_position_and_by_name() -> None:
    """Both spellings are the same value; what is left out has its default."""
    assert Point(1, 2) == Point(y=2, x=1, name="origin")


def test_value_of_a_subclass_has_the_fields_of_both() -> None:
    """The base's fields come first."""
    assert Pin(1, 2, "a", "blue").to_dict() == {"x": 1, "y": 2, "name": "a", "colour": "blue"}


@pytest.mark.parametrize(
    ("values", "named"), [((1,), {}), ((1, 2, "a", 4), {}), ((1, 2), {"z": 3}), ((), {"x": 1, "name": "a"})]
)
def test_value_refuses_missing_and_unknown_fields(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Every field exactly once, and no other."""
    with pytest.raises(TypeError, match="Point takes x, y, name"):
        Point(*values, **named)


def test_value_cannot_be_changed() -> None:
    """Neither a field nor a new attribute."""
    point = Point(1, 2)
    with pytest.raises(AttributeError):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        point.z = 3


def test_value_equal_to_another_has_its_hash_and_other_kinds_differ() -> None:
    """Content decides among one kind; a subclass is another kind."""
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1, 2) != Pin(1, 2)


def test_value_shows_its_fields() -> None:
    """For logs and failing tests."""
    assert repr(Point(1, 2)) == "Point(x=1, y=2, name='origin')"
