"""`quiltctl completion`: the script that teaches a shell the command line.

This verb lives here and not among the others because it speaks about the table, which only this floor sees.
"""

from __future__ import annotations

import sys

from quiltctl.errors import UsageError
from quiltctl.model.parameters import Argument, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

SHELLS = ("bash", "zsh", "fish")
FILES = {"bash": "quiltctl.bash", "zsh": "_quiltctl", "fish": "quiltctl.fish"}
"""By shell, the name under which packagers install its script."""

VERB = Verb(
    summary="Print the completion script of a shell.",
    description="Load it in the shell's start-up file. Verbs, options and their values are completed, and the names of"
    " containers and images.",
    parameters=(Argument("shell", "bash, zsh or fish.", completes="shell"),),
    examples=(
        ("source <(quiltctl completion bash)", "in ~/.bashrc"),
        ("source <(quiltctl completion zsh)", "in ~/.zshrc, after compinit"),
        ("quiltctl completion fish | source", "in ~/.config/fish/config.fish"),
    ),
)


def command(_paths: Paths, *, shell: str) -> int:
    """Print the script."""
    if shell not in SHELLS:
        raise UsageError(f'no completion for "{shell}"', hint=f"choose one of {', '.join(SHELLS)}")
    sys.stdout.write(script_of(shell))
    return 0


def script_of(shell: str) -> str:
    """Return the script of this shell, made from the table and the declarations as they are now."""
    from quiltctl.cli.shells import bash, facts, fish, zsh

    write = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}[shell]
    return write(facts.entries(), facts.menus(), facts.top_options())
