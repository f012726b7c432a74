"""The completion scripts, each loaded by its shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quiltctl.cli import completion
from quiltctl.cli.shells import bash, facts, fish, zsh

if TYPE_CHECKING:
    from quiltctl.model.parameters import Verb

ROOT = Path(__file__).parents[3]
NAMES = {"bash": bash, "zsh": zsh, "fish": fish}
MENUS = {
    "": {"list": "List.", "run": "Run.", "box": "Boxes."},
    "box": {"list": "List.", "import": "Import.", "connect": "Connect."},
}


def shell(name: str) -> str:
    """Return the path of a shell; where it is missing skip, or fail if QUILT_REQUIRE names it."""
    path = shutil.which(name)
    if path is None:
        required = os.environ.get("QUILT_REQUIRE", "").replace(",", " ").split()
        report = pytest.fail if {name, "all"} & set(required) else pytest.skip
        report(f"this host lacks {name}")
    return path


@pytest.fixture
def scripts(verbs: dict[str, Verb], tmp_path: Path) -> dict[str, Path]:
    """Give the scripts of a small command line: list, run, box list, box import, box connect."""
    phrases = {"list": ("list", "box list"), "run": ("run",), "import": ("box import",), "connect": ("box connect",)}
    entries = [facts.entry_of(name, verbs[name], said) for name, said in phrases.items()]
    made = {}
    for name, module in NAMES.items():
        made[name] = tmp_path / f"script.{name}"
        made[name].write_text(module.script(entries, MENUS, facts.top_options()), encoding="utf-8")
    (tmp_path / "some.tar").touch()
    (tmp_path / "folder").mkdir()
    return made


# The command that the scripts ask for names; it also says which root it was asked about.
FAKE_NAMES = """
case "$*" in
    *images*) echo "docker.io/library/debian:12"; echo "busybox:latest" ;;
    "--root /r ps -a"*|--root=/r*) echo in-r ;;
    "network ls"*) echo app; echo back ;;
    "ps -a"*) echo web; echo 'we$(touch hacked)' ;;
esac
"""
COMPLETED = [
    ("", ["box", "list", "run"]),
    ("l", ["list"]),
    ("--log-level d", ["debug"]),
    ("box ", ["connect", "import", "list"]),
    ("list --f", ["--filter", "--format"]),
    ("list --sort ", ["name", "size"]),
    ("list --no-s", ["--no-stream"]),
    ("list w", ["we$(touch hacked)", "web"]),
    ("list web w", ["we$(touch hacked)", "web"]),
    ("--root /r list ", ["in-r"]),
    ("list -a w", ["we$(touch hacked)", "web"]),
    ("list -t ", []),
    ("list -f x w", ["we$(touch hacked)", "web"]),
    ("run bu", ["busybox:latest"]),
    ("run --hostname h bu", ["busybox:latest"]),
    ("box import so", ["some.tar"]),
    ("box connect ap", ["app"]),
    ("box connect app w", ["we$(touch hacked)", "web"]),
    ("list --root fo", ["folder"]),
    ("nosuch ", []),
]
ONLY_BASH = [
    ("list -at ", []),
    ("box import some.tar ", []),
    ("list --sort=n", ["name"]),
    ("run docker.io/library/debian:", ["12"]),
    ("run busybox --", []),
    ("list -- --", []),
    ("box list --qui", ["--quiet"]),
    ("run -h", ["-h"]),
    ("list --me", []),
    ("run --me", []),
    ("list --root=/r i", ["in-r"]),
]


def in_bash(script: Path, line: str) -> list[str]:
    """Return what bash would offer after this line."""
    program = f"""
        quiltctl() {{ {FAKE_NAMES} }}
        source "$1"
        COMP_LINE="quiltctl $2" COMP_POINT=$((9 + ${{#2}}))
        _quiltctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", program, "bash", script, line], cwd=script.parent, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.split("\n")))


@pytest.mark.parametrize(("line", "offered"), COMPLETED + ONLY_BASH)
def test_bash_offers_what_fits(scripts: dict[str, Path], line: str, offered: list[str]) -> None:
    """Verbs, options, values, names and files, each in its place; and no name is run as a command."""
    assert in_bash(scripts["bash"], line) == offered
    assert not (scripts["bash"].parent / "hacked").exists()


@pytest.mark.parametrize(("line", "offered"), COMPLETED)
def test_fish_offers_what_fits(scripts: dict[str, Path], line: str, offered: list[str]) -> None:
    """The same as in bash; fish also offers what only contains the beginning, so no more than that is asked."""
    program = """
        function quiltctl; sh -c $names sh $argv; end
        set -g names $argv[3]
        source $argv[1]
        complete -C "quiltctl $argv[2]"
    """
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", program, scripts["fish"], line, FAKE_NAMES],
        cwd=scripts["fish"].parent, env={**os.environ, "HOME": str(scripts["fish"].parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    begun = line.rpartition(" ")[2]
    found = sorted(row.split("\t")[0].rstrip("/") for row in done.stdout.splitlines())
    assert [word for word in found if word.startswith(begun)] == offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [("l", "list"), ("list --qui", "--quiet"), ("run bus", "busybox:latest"), ("box connect b", "back")],
)
def test_zsh_completes_the_only_one_that_fits(scripts: dict[str, Path], line: str, offered: str) -> None:
    """Typed into a real zsh with a tab behind it, the word is completed."""
    program = r"""
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PS1= ; stty -echo; PATH=$PWD:\$PATH"
        zpty -w shell "autoload -U compinit; compinit -D -u; source $1; echo re''ady"
        zpty -r -m shell out "*ready*"
        zpty -w shell "show() { print -r -- \"[\$BUFFER]\" }; zle -N show; bindkey '^X' show; echo do''ne"
        zpty -r -m shell out "*done*"
        zpty -w -n shell "quiltctl $2"$'\t'$'\x18'
        zpty -r -m shell out "*\[quiltctl*\]*"
        print -r -- "${${out##*\[quiltctl }%%\]*}"
    """
    command = scripts["zsh"].parent / "quiltctl"
    command.write_text(f"#!/bin/sh\n{FAKE_NAMES}", encoding="utf-8")
    command.chmod(0o755)
    done = subprocess.run(
        [shell("zsh"), "-f", "-c", program, "zsh", scripts["zsh"], line],
        cwd=scripts["zsh"].parent, capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert done.stdout.strip() == " ".join([*line.split()[:-1], offered])


@pytest.mark.parametrize("name", completion.SHELLS)
def test_script_in_the_tree_is_current(name: str) -> None:
    """What packagers install says what the declarations say."""
    committed = (ROOT / "completions" / completion.FILES[name]).read_text(encoding="utf-8")
    assert committed == completion.script_of(name), "run script/completions"


@pytest.mark.parametrize("name", completion.SHELLS)
def test_script_in_the_tree_is_read_by_its_shell(name: str) -> None:
    """Each shell parses its script without a complaint."""
    done = subprocess.run(
        [shell(name), "-n", ROOT / "completions" / completion.FILES[name]], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
