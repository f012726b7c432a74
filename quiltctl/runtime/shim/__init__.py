"""The one process that stays beside a running container, and its two helpers."""
