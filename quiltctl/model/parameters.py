"""What a verb declares about its command line, once, beside its function.

Two readers use the same declaration: the fast one (cli/fast.py) and Typer (cli/app.py).
The values import nothing, so declaring costs nothing.
"""

from __future__ import annotations

from quiltctl.model.value import Value


class Flag(Value):
    """A switch: ``--all``, ``-a``, ``--all=false``. The function gets a bool."""

    names: tuple[str, ...]
    help: str
    default: bool = False
    key: str = ""


class Option(Value):
    """A name with a value: ``--time 5``, ``-t5``, ``--time=5``.

    The function gets ``kind`` or ``default``; with ``multiple`` a list, empty when not given.
    ``completes`` names what the shell offers: container, running, image, network, file, directory, signal, or nothing.
    """

    names: tuple[str, ...]
    help: str
    kind: type = str
    default: object = None
    multiple: bool = False
    metavar: str = "TEXT"
    choices: tuple[str, ...] = ()
    completes: str = ""
    key: str = ""


class Refused(Value):
    """A name that docker or podman know and this version cannot honour: given, it is an error that says why."""

    names: tuple[str, ...]
    why: str
    takes_value: bool = True


class Argument(Value):
    """A word by position. With ``multiple`` the function gets a list of the words left."""

    key: str
    help: str
    required: bool = True
    multiple: bool = False
    completes: str = ""


Parameter = Flag | Option | Refused | Argument


class Verb(Value):
    """The whole declaration of one verb.

    ``words_end_options``: options end at the first word, as in ``run IMAGE --not-ours``.
    ``examples`` are command lines, each with its purpose: ``("quiltctl ps -a", "also the ended ones")``.
    ``usage`` replaces the generated usage line where that says too little.
    """

    summary: str
    parameters: tuple[Parameter, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    description: str = ""
    words_end_options: bool = False
    usage: str = ""


def key_of(parameter: Flag | Option) -> str:
    """Return the keyword under which the function gets the value: the first long name, in Python's spelling."""
    if parameter.key:
        return parameter.key
    longest = next((name for name in parameter.names if name.startswith("--")), parameter.names[0])
    return longest.lstrip("-").replace("-", "_")
