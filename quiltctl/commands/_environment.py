"""Environments, labels and annotations: ``KEY=value`` from the command line and from files."""

from __future__ import annotations

import os

from quiltctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def environment(
    image: Sequence[str], env_files: Sequence[str], given: Sequence[str], unset: Sequence[str] = ()
) -> dict[str, str]:
    """Return the variables: those of the image, then of the files, then those given; the last of a name wins.

    A name without a value is taken from our own environment, and left out where it is not set.

    Raises:
        UsageError: a file cannot be read, or an entry has no name.
    """
    variables = dict(entry.partition("=")[::2] for entry in image)
    for name in unset:
        variables.pop(name, None)
    for path in env_files:
        for line in _lines(path, "env file"):
            _add_variable(variables, line)
    for entry in given:
        _add_variable(variables, entry)
    return variables


def pairs(files: Sequence[str], given: Sequence[str], what: str) -> dict[str, str]:
    """Return labels or annotations by key; one without a value has an empty one.

    Raises:
        UsageError: a file cannot be read, an entry has no key, or is not UTF-8.
    """
    found: dict[str, str] = {}
    for entry in (*(line for path in files for line in _lines(path, f"{what} file")), *given):
        key, _, value = entry.partition("=")
        if not key:
            raise UsageError(f'invalid {what} "{entry}": it has no key', hint=f"write it as --{what} key=value")
        if not entry.isascii():
            check_text(entry, what)
        found[key] = value
    return found


def check_text(text: str, what: str) -> str:
    """Return the text, or refuse what is not UTF-8 or holds a NUL.

    Raises:
        UsageError: it is one of these.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"invalid {what} {text!a}: it is not UTF-8") from error
    if "\0" in text:
        raise UsageError(f"invalid {what} {text!a}: it holds a NUL")
    return text


def _add_variable(variables: dict[str, str], entry: str) -> None:
    name, equals, value = entry.partition("=")
    if not name:
        raise UsageError(f'invalid environment variable "{entry}": it has no name', hint="write it as --env NAME=value")
    if equals:
        variables[name] = value
    elif name in os.environ:
        variables[name] = os.environ[name]


def _lines(path: str, what: str) -> list[str]:
    """Return the lines of a file that say something: no empty ones, no comments."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").lstrip() for line in file]
    except OSError as error:
        raise UsageError(f"cannot read the {what} {path}: {error.strerror}") from error
    if any("\0" in line for line in lines):
        raise UsageError(f"cannot read the {what} {path}: it holds a NUL")
    return [line for line in lines if line and not line.startswith("#")]
