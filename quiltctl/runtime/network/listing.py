"""What is in the tables of one root, as nft lists it."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.model.value import Value
from quiltctl.runtime.network import nft
from quiltctl.runtime.network.ruleset import Element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Found(Value):
    """The elements there are, and the fingerprints of the rules of each chain, by its family and name."""

    elements: tuple[Element, ...]
    chains: dict[tuple[str, str], list[str]]


def read(table: str, *families: str) -> Found:
    """Return what is in the tables of these families; one that is not there has nothing in it.

    Raises:
        HostLacks: there is no nft.
        KernelError: it refuses.
    """
    elements: list[Element] = []
    chains: dict[tuple[str, str], list[str]] = {}
    for family in families:
        for item in _items(family, table):
            [(kind, facts)] = item.items()
            if kind in {"set", "map"}:
                elements += [_element(family, facts["name"], entry) for entry in facts.get("elem", [])]
            elif kind == "chain":
                chains[family, facts["name"]] = []
            elif kind == "rule":
                chains[family, facts["chain"]].append(facts.get("comment", ""))
    return Found(tuple(elements), chains)


def _items(family: str, table: str) -> list[dict[str, Any]]:
    try:
        return nft.list_table(family, table)
    except errors.KernelError:
        if family == "bridge":  # a kernel may be without that family, and has nothing in it then
            return []
        raise


def _element(family: str, holder: str, entry: Any) -> Element:
    """Return an element: a map's is listed as a pair, that of a set as its key alone."""
    if isinstance(entry, list):
        key, value = entry
        return Element(family, holder, _text(key), _text(value))
    return Element(family, holder, _text(entry))


def _text(value: Any) -> str:
    """Return a key or a value of libnftables-json(5) as it is written in a script."""
    if not isinstance(value, dict):
        return str(value)
    [(kind, inner)] = value.items()
    if kind == "concat":
        return " . ".join(_text(part) for part in inner)
    if kind == "prefix":
        return f"{inner['addr']}/{inner['len']}"
    if kind in {"goto", "jump"}:
        return f"{kind} {inner['target']}"
    return str(value)
