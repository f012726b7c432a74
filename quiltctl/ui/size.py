"""Numbers of bytes for people."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_NEXT_UNIT = 999.5
"""What would be rounded to 1000."""
_NEXT_BINARY_UNIT = 1023.5


def human_bytes(count: int) -> str:
    """Return a number of bytes with three digits and a decimal unit, as podman writes it: ``0B``, ``35.7kB``."""
    size, unit = float(count), 0
    while size >= _NEXT_UNIT and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g}{_UNITS[unit]}"


def binary_bytes(count: int) -> str:
    """Return a number of bytes with four digits and a unit of 1,024: ``0B``, ``35.71MiB``."""
    size, unit = float(count), 0
    while size >= _NEXT_BINARY_UNIT and unit < len(_BINARY_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.4g}{_BINARY_UNITS[unit]}"
