"""What `run` remembers of an archive or folder that was given to it by path."""

from __future__ import annotations

from quiltctl.model.value import Value


class ImageSource(Value):
    """What tells one state of an archive or folder from another without reading it (runtime/fingerprint.py)."""

    path: str
    """Real and absolute; bytes that are not UTF-8 as backslash escapes."""
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
