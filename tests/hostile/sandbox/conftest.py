"""An image in which the attacks run: busybox, and the interpreter with what it needs, at the places it has outside.

With those places an attack can also be run by the host's own interpreter, which is what /proc/self/exe is until the
container's program runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import Quilt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


ATTACKS = Path(__file__).with_name("attacks")
_USED = (
    "__future__, ctypes, encodings.ascii, encodings.latin_1, errno, fcntl, json, os, re, socket, struct, termios, time"
)
_LIST = f"""
import sys, {_USED}
print(*{{module.__file__ for module in sys.modules.values() if getattr(module, "__file__", "")}}, sep=";")
"""


def _python_tree(tree: Path) -> None:
    """Put the interpreter into an image, with its shared libraries and the modules that attacks import."""
    python = os.path.realpath(sys.executable)
    listed = subprocess.run([python, "-I", "-S", "-c", _LIST], check=True, capture_output=True, text=True)
    modules = listed.stdout.strip().split(";")
    libraries: set[str] = set()
    for binary in [python, *(name for name in modules if name.endswith(".so"))]:
        said = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
        libraries.update(word for word in said.split() if word.startswith("/"))
    for source in [python, *modules, *libraries]:
        target = tree / source.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (tree / "bin/python").symlink_to(python)
    shutil.copytree(ATTACKS, tree / "attacks", ignore=shutil.ignore_patterns("__pycache__"))
    for attack in (tree / "attacks").iterdir():
        attack.with_suffix("").write_text(f"#!/proc/self/exe\n{attack.read_text()}")
        attack.with_suffix("").chmod(0o755)


@pytest.fixture(scope="session")
def store(store: Path, rootfs: ModuleType) -> Iterator[Path]:
    """Give the root with the image ``attacks`` beside ``box``."""
    folder = Path(tempfile.mkdtemp(prefix="quilt-hostile-"))
    subprocess.run(["cp", "-a", store, folder / "root"], check=True)
    tree = rootfs.busybox_tree(folder / "tree")
    _python_tree(tree)
    archive = rootfs.tar_of(tree, folder / "attacks.tar")
    command = [Path(sys.executable).with_name("quiltctl"), "image", "import", "--quiet", archive, "attacks"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "QUILT_ROOT": str(folder / "root")})
    yield folder / "root"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def house(store: Path, needs: Callable[..., None]) -> Iterator[Quilt]:
    """Give the command over a root that the tests of a module share."""
    needs("root", "overlay", "busybox")
    folder = Path(tempfile.mkdtemp(prefix="quilt-hostile-"))
    subprocess.run(["cp", "-a", store, folder / "root"], check=True)
    quilt = Quilt(folder / "root")
    yield quilt
    quilt("rm", "-f", "-a", timeout=120)
    quilt("gc")
    shutil.rmtree(folder)


@pytest.fixture
def victim(quilt: Quilt) -> Path:
    """Have the command run by a copy of the interpreter, so that an attack that succeeds ruins the copy, and return it.

    It is a virtual environment of its own, whose packages are those of the one that the tests run in.
    """
    home = quilt.root.parent / "victim"
    (home / "bin").mkdir(parents=True)
    ours = Path(sys.prefix)
    shutil.copy(ours / "pyvenv.cfg", home)
    (home / "lib").symlink_to(ours / "lib")
    copy = home / "bin/python"
    shutil.copy(os.path.realpath(sys.executable), copy)
    body = (ours / "bin/quiltctl").read_text().partition("\n")[2]
    command = home / "bin/quiltctl"
    command.write_text(f"#!{copy}\n{body}")
    command.chmod(0o755)
    quilt.command = str(command)
    return copy


@pytest.fixture
def image(rootfs: ModuleType, tmp_path: Path) -> Path:
    """Give a root filesystem as a folder, to be spoilt."""
    folder: Path = rootfs.busybox_tree(tmp_path / "image")
    return folder


@pytest.fixture
def attack(quilt: Quilt) -> Callable[..., Any]:
    """Return how an attack is run: by its name, in a container of its own, with options; what it reports comes back."""

    def run(name: str, *options: str, words: tuple[str, ...] = ()) -> Any:
        done = quilt("run", "--rm", *options, "attacks", "python", f"/attacks/{name}.py", *words)
        assert (done.returncode, done.stderr) == (0, ""), done
        return json.loads(done.stdout)

    return run
