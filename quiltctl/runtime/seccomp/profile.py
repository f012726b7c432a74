"""Reading a profile of system calls, in the JSON that docker and podman take, into values.

Whatever the text holds, it becomes a Profile or a UsageError that says where and what. Stricter than either engine
in one way: a key that nobody knows is refused, for a misspelt ``excludes`` would quietly let more through.
"""

from __future__ import annotations

import os

from quiltctl.errors import UsageError
from quiltctl.model.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, NoReturn

ACTIONS = ("KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG")
OPERATORS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
_LARGEST = {"ERRNO": 4095, "TRACE": 0xFFFF}  # MAX_ERRNO in linux/err.h; SECCOMP_RET_DATA
_EPERM = 1  # what both engines answer where an action has no number of its own
_SHOWN = 60
_IN_NAMES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
_PROFILE_KEYS = ("defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "syscalls", "comment")
_LOADING_KEYS = ("flags", "listenerPath", "listenerMetadata")
_RULE_KEYS = ("name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes")
_FILTER_KEYS = ("caps", "arches", "minKernel")


class Action(Value):
    """What becomes of a call: one of ACTIONS, and the number that ERRNO and TRACE give back."""

    kind: str
    number: int


class Condition(Value):
    """A comparison of one argument of the call, 0 to 5, as 64 unsigned bits; ``operator`` is one of OPERATORS."""

    index: int
    operator: str
    value: int
    value_two: int


class Filter(Value):
    """When a rule counts: capabilities with CAP_, architectures as Go names them, and the oldest kernel."""

    capabilities: tuple[str, ...]
    architectures: tuple[str, ...]
    kernel: tuple[int, int] | None


class Rule(Value):
    """One entry of ``syscalls``; ``place`` is where it stands."""

    place: str
    names: tuple[str, ...]
    action: Action
    conditions: tuple[Condition, ...]
    includes: Filter
    excludes: Filter


class Profile(Value):
    """A whole profile. It covers ``architectures``, and of ``families`` what stands under the machine's own."""

    default: Action
    architectures: tuple[str, ...]
    families: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]


def parse(text: str) -> Profile:
    """Return what a profile says.

    Raises:
        UsageError: it is no JSON, or not a profile; the sentence says where.
    """
    import json  # 7 ms

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        cause = "it is nested too deeply, or has a number of too many digits"
        if isinstance(error, json.JSONDecodeError):
            cause = f"it is no JSON: {error}"
        raise UsageError(f"cannot use the seccomp profile: {cause}") from error
    top = _object(document, "it", (*_PROFILE_KEYS, *_LOADING_KEYS))
    for key in _LOADING_KEYS:
        if top.get(key):
            refuse(key, "is not supported")
    if "defaultAction" not in top:
        refuse("defaultAction", "is missing")
    if top.get("architectures") and top.get("archMap"):
        refuse("architectures", "and archMap cannot both be given")
    return Profile(
        _action(top, "default", ""),
        _architectures(top.get("architectures"), "architectures"),
        dict(_family(entry, f"archMap[{n}]") for n, entry in enumerate(_list(top.get("archMap"), "archMap"))),
        tuple(_rule(rule, f"syscalls[{n}]") for n, rule in enumerate(_list(top.get("syscalls"), "syscalls"))),
    )


def refuse(place: str, cause: str) -> NoReturn:
    """Say what of the profile cannot be used, and why."""
    raise UsageError(f"cannot use the seccomp profile: {place} {cause}")


def _shown(value: object) -> str:
    """Return a value as it may stand in a sentence: in one line, short, and free of what a terminal obeys."""
    if isinstance(value, str):
        return f'"{ascii(value[:_SHOWN])[1:-1]}"'
    return type(value).__name__ if isinstance(value, list | dict) else str(value)[:_SHOWN]


def _object(value: object, place: str, known: Collection[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(place, "is not an object")
    for key in value:
        if key not in known:
            refuse(place, f"has the unknown key {_shown(key)}")
    return value


def _list(value: object, place: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        refuse(place, "is not a list")
    return value


def _word(value: object, place: str) -> str:
    """Return a name: one of letters, digits, ``_``, ``-`` and ``.``, for libseccomp stops reading at a NUL."""
    if not isinstance(value, str):
        refuse(place, "is not a string")
    if not value or not set(value) <= _IN_NAMES:
        refuse(place, f"is no name: {_shown(value)}")
    return value


def _words(value: object, place: str) -> tuple[str, ...]:
    return tuple(_word(entry, f"{place}[{n}]") for n, entry in enumerate(_list(value, place)))


def _number(value: object, place: str, largest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        refuse(place, f"is no whole number from 0 to {largest}: {_shown(value)}")
    return value


def _choice(value: object, place: str, beginning: str, choices: Collection[str], kind: str) -> str:
    name = _word(value, place)
    if not name.startswith(beginning) or name.removeprefix(beginning) not in choices:
        refuse(place, f"is no {kind}: {_shown(name)}")
    return name.removeprefix(beginning)


def _action(entry: dict[str, Any], role: str, place: str) -> Action:
    """Return the action of a rule, or with ``role`` "default" that of the profile, and its number."""
    keys = ("Action", "ErrnoRet", "Errno")
    key, number_key, name_key = (f"{role}{name}" if role else name[0].lower() + name[1:] for name in keys)
    if entry.get(key) == "SCMP_ACT_NOTIFY":
        refuse(f"{place}{key}", "is SCMP_ACT_NOTIFY, which needs somebody who answers: quiltctl has no daemon for it")
    kind = _choice(entry.get(key), f"{place}{key}", "SCMP_ACT_", ACTIONS, "action")
    number = _EPERM
    if entry.get(number_key) is not None:
        number = _number(entry[number_key], f"{place}{number_key}", _LARGEST.get(kind, 0xFFFF))
    if entry.get(name_key):  # podman's way, which wins there too
        number = _errno(_word(entry[name_key], f"{place}{name_key}"), f"{place}{name_key}")
    return Action("KILL_THREAD" if kind == "KILL" else kind, number if kind in _LARGEST else 0)


def _errno(name: str, place: str) -> int:
    import errno

    if name.isdecimal() and len(name) <= len(str(_LARGEST["ERRNO"])):
        return _number(int(name), place, _LARGEST["ERRNO"])
    number = getattr(errno, name, None) if name.startswith("E") else None
    return number if isinstance(number, int) else refuse(place, f"is no error: {_shown(name)}")


def _architecture(value: object, place: str) -> str:
    name = _word(value, place)
    return name if name.startswith("SCMP_ARCH_") else refuse(place, f"is no architecture: {_shown(name)}")


def _architectures(value: object, place: str) -> tuple[str, ...]:
    return tuple(_architecture(name, f"{place}[{n}]") for n, name in enumerate(_list(value, place)))


def _family(value: object, place: str) -> tuple[str, tuple[str, ...]]:
    entry = _object(value, place, ("architecture", "subArchitectures"))
    subordinates = _architectures(entry.get("subArchitectures"), f"{place}.subArchitectures")
    return _architecture(entry.get("architecture"), f"{place}.architecture"), subordinates


def _rule(value: object, place: str) -> Rule:
    entry = _object(value, place, _RULE_KEYS)
    if entry.get("name") and entry.get("names"):
        refuse(place, "has both name and names")
    names = _words(entry.get("names"), f"{place}.names")
    if entry.get("name"):
        names = (_word(entry["name"], f"{place}.name"),)
    if not names:
        refuse(place, "names no system call")
    conditions = enumerate(_list(entry.get("args"), f"{place}.args"))
    return Rule(
        place,
        names,
        _action(entry, "", f"{place}."),
        tuple(_condition(condition, f"{place}.args[{n}]") for n, condition in conditions),
        _filter(entry.get("includes"), f"{place}.includes"),
        _filter(entry.get("excludes"), f"{place}.excludes"),
    )


def _condition(value: object, place: str) -> Condition:
    entry = _object(value, place, ("index", "value", "valueTwo", "op"))
    return Condition(
        _number(entry.get("index"), f"{place}.index", 5),
        _choice(entry.get("op"), f"{place}.op", "SCMP_CMP_", OPERATORS, "comparison"),
        _number(entry.get("value", 0), f"{place}.value", 2**64 - 1),
        _number(entry.get("valueTwo", 0), f"{place}.valueTwo", 2**64 - 1),
    )


def _filter(value: object, place: str) -> Filter:
    entry = _object({} if value is None else value, place, _FILTER_KEYS)
    kernel = entry.get("minKernel")
    return Filter(
        _words(entry.get("caps"), f"{place}.caps"),
        _words(entry.get("arches"), f"{place}.arches"),
        kernel_version(_word(kernel, f"{place}.minKernel"), f"{place}.minKernel") if kernel else None,
    )


def kernel_version(release: str, place: str = "the kernel's release") -> tuple[int, int]:
    """Return major and minor of a release such as ``6.1.0-18-amd64``."""
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    if not (major.isdecimal() and minor.isdecimal() and len(major + minor) < 10):  # noqa: PLR2004
        refuse(place, f"is no version of a kernel: {_shown(release)}")
    return int(major), int(minor)


def counts(rule: Rule, capabilities: Collection[str], architecture: str) -> bool:
    """Return whether a rule is meant for a container with these capabilities (with CAP_) on this machine.

    All that ``includes`` lists must be there, and nothing of what ``excludes`` lists; of architectures, one is enough.
    """
    running = kernel_version(os.uname().release)
    wanted, unwanted = rule.includes, rule.excludes
    return (
        all(name in capabilities for name in wanted.capabilities)
        and not any(name in capabilities for name in unwanted.capabilities)
        and (not wanted.architectures or architecture in wanted.architectures)
        and architecture not in unwanted.architectures
        and (wanted.kernel is None or running >= wanted.kernel)
        and (unwanted.kernel is None or running < unwanted.kernel)
    )
