"""The ids of a container: which user and group ids inside are which on the host.

A mapping is a text ``CONTAINER:HOST:SIZE``, as podman writes it and as it is stored; a map is a tuple of them. The
empty map belongs to a container without a user namespace of its own: every id means itself.
"""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec

RANGE_SIZE = 65536
"""How many ids a container has, where nothing else is said: as many as a file in an image may belong to."""
_HIGHEST = (1 << 32) - 2
_MOST_MAPPINGS = 340
_MOST_BYTES = 4095
"""user_namespaces(7): 340 lines since Linux 4.15, written at once, in less than a page."""


class UserNamespace(Value):
    """What ``--userns`` asks for: host, auto, keep-id, map (by --uidmap and --gidmap) or container.

    ``uid`` and ``gid`` are those that the caller has inside, with keep-id; -1 is as outside.
    """

    mode: str
    size: int = RANGE_SIZE
    uid: int = -1
    gid: int = -1
    container: str = ""


def parse_user_namespace(text: str) -> UserNamespace:
    """Return what the value of ``--userns`` asks for.

    Raises:
        UsageError: there is no such mode, or no such option of it.
    """
    mode, _, rest = text.partition(":")
    if mode == "container" and rest:
        return UserNamespace("container", container=rest)
    if mode == "private" and not rest:
        return UserNamespace("auto")
    known = {"auto": ("size",), "keep-id": ("uid", "gid"), "host": ()}.get(mode)
    if known is None or (rest and not known):
        raise UsageError(
            f'invalid --userns "{text}"',
            hint="it is host, auto, auto:size=N, keep-id, keep-id:uid=N,gid=N, or container:X",
        )
    numbers: dict[str, int] = {}
    for entry in rest.split(",") if rest else ():
        key, _, value = entry.partition("=")
        if key not in known:
            raise UsageError(f'invalid --userns "{text}": no option "{key}"', hint=f"there is {', '.join(known)}")
        numbers[key] = _number(value, f'--userns "{text}"')
    if not 1 <= numbers.get("size", 1) <= _HIGHEST:
        raise UsageError(f'invalid --userns "{text}": a size is at least 1')
    return UserNamespace(
        mode, size=numbers.get("size", RANGE_SIZE), uid=numbers.get("uid", -1), gid=numbers.get("gid", -1)
    )


def parse_mapping(text: str, option: str) -> str:
    """Return one mapping ``CONTAINER:HOST[:SIZE]`` in its stored spelling.

    Raises:
        UsageError: it is not three numbers, or leaves the range of ids.
    """
    words = text.split(":")
    if len(words) == 2:  # noqa: PLR2004 (podman: the size is 1 where it is not said)
        words.append("1")
    if len(words) != 3:  # noqa: PLR2004
        raise UsageError(f'invalid {option} "{text}"', hint="it is CONTAINER:HOST:SIZE, for example 0:100000:65536")
    inside, outside, size = (_number(word, f'{option} "{text}"') for word in words)
    if size < 1 or max(inside, outside) + size - 1 > _HIGHEST:
        raise UsageError(f'invalid {option} "{text}": it leaves the range of ids')
    return f"{inside}:{outside}:{size}"


def check_map(mappings: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Return the map, if the kernel will take it and root is in it.

    Raises:
        UsageError: two mappings overlap, there are too many, or id 0 of the container has none.
    """
    rows = [_row(mapping) for mapping in mappings]
    for side, where in ((0, "inside the container"), (1, "on the host")):
        spans = sorted((row[side], row[side] + row[2]) for row in rows)
        if any(spans[place][1] > start for place, (start, _) in enumerate(spans[1:])):
            raise UsageError(f"invalid {option}: two of the ranges overlap {where}")
    if len(rows) > _MOST_MAPPINGS or sum(len(mapping) + 1 for mapping in mappings) > _MOST_BYTES:
        raise UsageError(
            f"invalid {option}: the kernel takes {_MOST_MAPPINGS} of them, and {_MOST_BYTES} bytes, at most"
        )
    if host_id(mappings, 0) is None:
        raise UsageError(f"invalid {option}: id 0 of the container is not mapped", hint="give 0:HOST:SIZE as well")
    return mappings


def overlaps(mappings: tuple[str, ...], pool: tuple[int, int]) -> bool:
    """Return whether ids of the host are mapped that are of the pool (first id, size)."""
    return any(outside < pool[0] + pool[1] and pool[0] < outside + size for _, outside, size in map(_row, mappings))


def host_id(mappings: tuple[str, ...], inside: int) -> int | None:
    """Return which id on the host an id of the container is, or None when it is none; without a map, itself."""
    if not mappings:
        return inside
    for first, outside, size in map(_row, mappings):
        if first <= inside < first + size:
            return outside + inside - first
    return None


def root_ids(spec: Spec) -> tuple[int, int]:
    """Return which user and group on the host a container's root is."""
    return host_id(spec.uid_map, 0) or 0, host_id(spec.gid_map, 0) or 0


def inside_id(mappings: tuple[str, ...], outside: int) -> int | None:
    """Return which id of the container an id on the host is, or None when it is none; without a map, itself."""
    if not mappings:
        return outside
    for first, outside_first, size in map(_row, mappings):
        if outside_first <= outside < outside_first + size:
            return first + outside - outside_first
    return None


def range_map(first_id: int, size: int) -> tuple[str, ...]:
    """Return the map of a range of the host."""
    return (f"0:{first_id}:{size}",)


def keeping(first_id: int, size: int, *, inside: int, outside: int) -> tuple[str, ...]:
    """Return the map of a range in which one id of the container is not of the range, but ``outside``."""
    mappings = [f"{inside}:{outside}:1"]
    if inside > 0:
        mappings.insert(0, f"0:{first_id}:{min(inside, size)}")
    if inside + 1 < size:
        mappings.append(f"{inside + 1}:{first_id + inside + 1}:{size - inside - 1}")
    return tuple(mappings)


def _row(mapping: str) -> tuple[int, int, int]:
    inside, outside, size = mapping.split(":")
    return int(inside), int(outside), int(size)


def _number(word: str, subject: str) -> int:
    if not (word.isascii() and word.isdigit()) or len(word) > len(str(_HIGHEST)) or int(word) > _HIGHEST:
        raise UsageError(f'invalid {subject}: "{word}" is not a number of ids')
    return int(word)
