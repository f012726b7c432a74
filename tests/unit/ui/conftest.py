"""A document such as `inspect` shows."""

from __future__ import annotations

from typing import Any

import pytest

from quiltctl.model.document import Keyed

DOCUMENT: dict[str, Any] = {
    "Id": "29cf50ac0321d7",
    "Name": "one",
    "ImageName": "localhost/tiny:latest",
    "Args": ["a", "b c", "d"],
    "Empty": [],
    "Nothing": None,
    "State": {"Status": "created", "Running": False, "Pid": 0, "ExitCode": 137, "Load": 1.5},
    "Config": {"Labels": Keyed({"c": "x y", "a": "b"}), "Hostname": "h", "Ports": Keyed({"80/tcp": ["1"]})},
    "Mounts": [{"Type": "bind", "Source": "/a"}, {"Type": "volume", "Source": "/b"}],
    "Greet": lambda name: f"hello {name}",
}


@pytest.fixture
def document() -> dict[str, Any]:
    """Give a document with every kind of value."""
    return DOCUMENT
