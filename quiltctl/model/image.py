"""What an image is: a configuration over layers."""

from __future__ import annotations

from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class ImageConfig(Value):
    """What an image says about the containers made from it. Empty is unsaid."""

    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    labels: dict[str, str] = {}  # noqa: RUF012 (values are not changed)
    stop_signal: str = ""
    comment: str = ""
    exposed_ports: tuple[str, ...] = ()
    """``PORT/PROTOCOL`` each."""


class Image(Value):
    """An image that is here."""

    id: str
    """64 hex digits, made from the configuration and the layers: equal content has equal ids."""
    name: str
    """Complete (``localhost/debian:latest``), the one it was found by, else its first, else empty."""
    config: ImageConfig
    layers: tuple[str, ...]
    """Digests without ``sha256:``, the lowest first."""
    size_bytes: int
    created_at: int
    """Nanoseconds since 1970."""
    architecture: str
    source: str = ""
    """What it was imported from, for people."""


def config_document(config: ImageConfig) -> dict[str, Any]:
    """Return the configuration as the database keeps it, under the names docker and podman use; unsaid is left out."""
    said = {
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "User": config.user,
        "WorkingDir": config.workdir,
        "Labels": {key: config.labels[key] for key in sorted(config.labels)},
        "StopSignal": config.stop_signal,
        "Comment": config.comment,
        "ExposedPorts": {port: {} for port in sorted(config.exposed_ports)},
    }
    return {key: value for key, value in said.items() if value}


def config_from(document: dict[str, Any]) -> ImageConfig:
    """Return the configuration from what ``config_document`` made of it."""
    return ImageConfig(
        env=tuple(document.get("Env", ())),
        entrypoint=tuple(document.get("Entrypoint", ())),
        cmd=tuple(document.get("Cmd", ())),
        user=document.get("User", ""),
        workdir=document.get("WorkingDir", ""),
        labels=document.get("Labels", {}),
        stop_signal=document.get("StopSignal", ""),
        comment=document.get("Comment", ""),
        exposed_ports=tuple(document.get("ExposedPorts", ())),
    )


def image_id(config: ImageConfig, architecture: str, layers: Sequence[str]) -> str:
    """Return the id: the SHA-256 of configuration, architecture and layers in one fixed spelling, as hex."""
    from hashlib import sha256

    from quiltctl.model.document import encode

    identity = {"architecture": architecture, "config": config_document(config), "layers": list(layers)}
    return sha256(encode(identity).encode()).hexdigest()
