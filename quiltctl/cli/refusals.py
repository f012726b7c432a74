"""Words that docker and podman know and quiltctl does not: each is answered with the way to go."""

from __future__ import annotations

ELSEWHERE = {
    "build": ("builds no images", "build with buildah or podman, then: podman save NAME, or quiltctl import a tar"),
    "compose": ("does not compose", "podman-compose and docker compose do; or start each container with quiltctl run"),
    "login": ("keeps no registry credentials", "log in with: skopeo login REGISTRY"),
    "logout": ("keeps no registry credentials", "log out with: skopeo logout REGISTRY"),
    "pod": ("has no pods", "podman and Kubernetes have; here, each container stands for itself"),
    "search": ("does not search registries", "list the tags of a repository with: skopeo list-tags docker://NAME"),
}
"""By first word: what quiltctl does not do, and who does."""

_CONTAINER = ("attach", "commit", "cp", "diff", "export", "restart")
_IMAGE = ("history", "load", "pull", "push", "save", "untag")

LATER = {
    (): (*_CONTAINER, *_IMAGE, "healthcheck", "volume"),
    ("container",): _CONTAINER,
    ("image",): _IMAGE,
    ("system",): ("df", "prune"),
}
"""What a later version brings, by the words before it. An answer of its own: the word is right, only too early."""
