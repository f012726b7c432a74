"""A command that can be killed at any step: that of an instrumented copy, over a root of its own."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Quilt, other, outside, quilt, store  # noqa: F401 (fixtures)
from tests.faults import instrument

if TYPE_CHECKING:
    from collections.abc import Iterator


class Faulty(Quilt):
    """The command of the copy, armed or not, beside the whole one, ``sound``."""

    def __init__(self, sound: Quilt, home: Path) -> None:
        super().__init__(sound.root)
        self.sound = sound
        self.home = home
        self.command = str(home / "command")

    def record(self) -> None:
        """Begin to write down the points that are come to."""
        (self.home / "hits").unlink(missing_ok=True)
        (self.home / "armed").write_text("record")

    def recorded(self) -> list[tuple[str, int]]:
        """Return the points that were come to, each time with its number, in order, and record no more."""
        self.disarm()
        file = self.home / "hits"
        names = file.read_text().splitlines() if file.exists() else []
        return [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]

    def arm(self, name: str, number: int) -> None:
        """Have the process killed that comes to this point for the so-manyth time."""
        (self.home / "armed").write_text(f"{name} {number}")

    def disarm(self) -> bool:
        """Go on without; return whether the point was come to."""
        armed = self.home / "armed"
        if not armed.exists():
            return True
        armed.unlink()
        return False


@pytest.fixture(scope="session")
def copy() -> Iterator[Path]:
    """Give the folder of an instrumented copy, with its command."""
    home = Path(tempfile.mkdtemp(prefix="quilt-faults-"))
    instrument.make(home)
    command = home / "command"
    launch = f"import sys\nsys.path.insert(0, {str(home)!r})\nfrom quiltctl.__main__ import main\nmain()\n"
    command.write_text(f"#!{sys.executable} -P\n{launch}")
    command.chmod(0o755)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def faulty(quilt: Quilt, copy: Path) -> Iterator[Faulty]:  # noqa: F811 (the fixture)
    """Give the command that can be killed at any step."""
    made = Faulty(quilt, copy)
    yield made
    made.disarm()
