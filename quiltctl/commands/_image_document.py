"""What `inspect` shows of an image: the fields that docker and podman users know."""

from __future__ import annotations

from quiltctl.model.document import Keyed
from quiltctl.ui.ago import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from quiltctl.model.image import Image
    from quiltctl.paths import Paths


def image_document(paths: Paths, image: Image, names: Sequence[str]) -> dict[str, Any]:
    """Return the document of an image that has these complete names."""
    config = image.config
    return {
        "Id": image.id,
        "Digest": f"sha256:{image.id}",
        "RepoTags": list(names),
        "RepoDigests": [],
        "Parent": "",
        "Comment": config.comment,
        "Created": timestamp(image.created_at),
        "Config": {
            "User": config.user,
            "ExposedPorts": Keyed({port: {} for port in config.exposed_ports}),
            "Env": list(config.env),
            "Entrypoint": list(config.entrypoint),
            "Cmd": list(config.cmd),
            "WorkingDir": config.workdir,
            "Labels": Keyed(config.labels),
            "StopSignal": config.stop_signal,
        },
        "Author": "",
        "Architecture": image.architecture,
        "Os": "linux",
        "Size": image.size_bytes,
        "VirtualSize": image.size_bytes,
        "GraphDriver": {
            "Name": "overlay",
            "Data": {"LowerDir": ":".join(f"{paths.layers}/{digest}" for digest in reversed(image.layers))},
        },
        "RootFS": {"Type": "layers", "Layers": [f"sha256:{digest}" for digest in image.layers]},
        "Labels": Keyed(config.labels),
        "Annotations": Keyed(),
        "User": config.user,
        "Source": image.source,
    }
