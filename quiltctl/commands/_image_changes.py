"""``--change``: instructions of a Dockerfile as one line each, read as podman reads them."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.image import ImageConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_SHELL = ("/bin/sh", "-c")
_KNOWN = "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, WORKDIR"
_LATER = ("VOLUME", "ONBUILD", "HEALTHCHECK")


def parse_changes(changes: Iterable[str], *, comment: str = "") -> ImageConfig:
    """Return the configuration that ``INSTRUCTION VALUE`` or ``INSTRUCTION=VALUE`` come to, one after the other.

    Raises:
        UsageError: an instruction is not known, or its value makes no sense.
    """
    facts: dict[str, Any] = {"comment": comment}
    for change in changes:
        word, separator, value = _parted(change)
        if word in _LATER:
            raise UsageError(f'"{change}" cannot be honoured: {word} is not part of this version')
        if not separator or word not in _INSTRUCTIONS:
            raise UsageError(f'invalid change "{change}"', hint=f"write INSTRUCTION VALUE; there are {_KNOWN}")
        _INSTRUCTIONS[word](facts, value)
    return ImageConfig(**facts)


def _parted(change: str) -> tuple[str, str, str]:
    """Return instruction, separator and value: parted by the first blank, else, for short ones, by ``=``."""
    word, separator, value = change.strip().partition(" ")
    if not separator:
        word, separator, value = change.strip().partition("=")
    return word.upper(), separator, value.strip()


def _cmd(facts: dict[str, Any], value: str) -> None:
    facts["cmd"] = _argv(value)


def _entrypoint(facts: dict[str, Any], value: str) -> None:
    facts["entrypoint"] = _argv(value)


def _argv(value: str) -> tuple[str, ...]:
    """Return a JSON array as it is; any other text is for the shell, and nothing is no program."""
    from quiltctl.model.document import decode

    if not value.startswith("["):
        return (*_SHELL, value) if value else ()
    try:
        words = decode(value)
    except ValueError:
        return (*_SHELL, value)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(f"{value} is no array of strings", hint='write ["PROGRAM", "ARGUMENT"]')
    return tuple(words)


def _env(facts: dict[str, Any], value: str) -> None:
    key, text = _pair("ENV", value, separators="= ")
    kept = [one for one in facts.get("env", ()) if one.partition("=")[0] != key]
    facts["env"] = (*kept, f"{key}={text}")


def _label(facts: dict[str, Any], value: str) -> None:
    key, text = _pair("LABEL", value, separators="=")
    facts["labels"] = {**facts.get("labels", {}), key: text}


def _pair(instruction: str, value: str, *, separators: str) -> tuple[str, str]:
    """Return key and value, each without the quotes around it."""
    separator = next((one for one in separators if one in value), None)
    key, _, text = value.partition(separator) if separator else ("", "", "")
    if not _unquoted(key):
        raise UsageError(f'invalid change "{instruction} {value}"', hint=f"write {instruction} KEY=VALUE")
    return _unquoted(key), _unquoted(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _expose(facts: dict[str, Any], value: str) -> None:
    """Several stand in one instruction, with blanks between them."""
    from quiltctl.model.port import parse_expose

    ports = parse_expose(_needed("EXPOSE", value).split(), "EXPOSE")
    facts["exposed_ports"] = tuple(dict.fromkeys((*facts.get("exposed_ports", ()), *ports)))


def _user(facts: dict[str, Any], value: str) -> None:
    facts["user"] = _needed("USER", value)


def _workdir(facts: dict[str, Any], value: str) -> None:
    """A relative one continues the one before it, as in a Dockerfile."""
    joined = f"{facts.get('workdir', '/')}/{_needed('WORKDIR', value)}" if value[:1] != "/" else value
    facts["workdir"] = "/" + "/".join(part for part in joined.split("/") if part not in {"", "."})


def _stop_signal(facts: dict[str, Any], value: str) -> None:
    from quiltctl.model.signals import name_of, parse_signal

    facts["stop_signal"] = name_of(parse_signal(value))


def _needed(instruction: str, value: str) -> str:
    if not value:
        raise UsageError(f"{instruction} needs a value")
    return value


_INSTRUCTIONS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "WORKDIR": _workdir,
}
