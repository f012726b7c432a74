"""What `images` can show of an image, by the names that podman's templates know."""

from __future__ import annotations

from quiltctl.model.document import Keyed
from quiltctl.model.image_name import split
from quiltctl.model.value import Value
from quiltctl.ui.ago import SECOND, ago, timestamp
from quiltctl.ui.size import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from quiltctl.model.image import Image

_NONE = "<none>"
_SHORT = 12


class Row(Value):
    """One line: an image under one of its names, or without any."""

    image: Image
    name: str
    names: tuple[str, ...]
    """All that the image has."""
    containers: int
    whole: bool
    """Whether ids are shown whole."""


def repository(name: str) -> str:
    """Return a complete name without its tag, or ``<none>`` for no name."""
    host, path, _ = split(name)
    return f"{host}/{path}" if name else _NONE


def shown_id(image_id: str, *, whole: bool) -> str:
    """Return an id as tables have it: podman puts the kind of digest before whole ones only."""
    return f"sha256:{image_id}" if whole else image_id[:_SHORT]


FIELDS: dict[str, Callable[[Row], Any]] = {
    "Repository": lambda row: repository(row.name),
    "Tag": lambda row: split(row.name)[2] if row.name else _NONE,
    "ID": lambda row: shown_id(row.image.id, whole=row.whole),
    "Id": lambda row: row.image.id,
    "Digest": lambda row: f"sha256:{row.image.id}",
    "Names": lambda row: list(row.names),
    "RepoTags": lambda row: list(row.names),
    "RepoDigests": lambda _: [],
    "Created": lambda row: ago(row.image.created_at),
    "CreatedSince": lambda row: ago(row.image.created_at),
    "CreatedAt": lambda row: timestamp(row.image.created_at),
    "CreatedTime": lambda row: timestamp(row.image.created_at),
    "Size": lambda row: human_bytes(row.image.size_bytes),
    "VirtualSize": lambda row: human_bytes(row.image.size_bytes),
    "Labels": lambda row: Keyed(row.image.config.labels),
    "Containers": lambda row: row.containers,
    "Dangling": lambda row: not row.names,
    "ParentId": lambda _: "",
    "ReadOnly": lambda _: False,
    "Architecture": lambda row: row.image.architecture,
    "Source": lambda row: row.image.source,
}


def document(row: Row) -> dict[str, Any]:
    """Return the complete shape that --json prints, once for each image."""
    image = row.image
    return {
        "Id": image.id,
        "ParentId": "",
        "Names": list(row.names),
        "RepoTags": list(row.names),
        "RepoDigests": [],
        "Digest": f"sha256:{image.id}",
        "Size": image.size_bytes,
        "SharedSize": 0,
        "VirtualSize": image.size_bytes,
        "Labels": Keyed(image.config.labels),
        "Containers": row.containers,
        "Created": image.created_at // SECOND,
        "CreatedAt": timestamp(image.created_at),
        "Dangling": not row.names,
        "Architecture": image.architecture,
        "Os": "linux",
        "Layers": [f"sha256:{digest}" for digest in image.layers],
        "Source": image.source,
    }
