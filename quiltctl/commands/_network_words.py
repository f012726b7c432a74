"""What stands behind ``--network``: names of networks, and what is asked for in each."""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.membership import DEFAULT_NETWORK, Wanted, free_interface, parse_mac
from quiltctl.model.subnet import parse_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_DEFAULT = ("bridge", "default", "private", "")
_ALONE = ("none", "host", "container")
_ELSEWHERE = ("ns", "slirp4netns", "pasta", "pod")
_KEYS = ("ip", "ip6", "mac", "alias", "interface_name")
_LONGEST_INTERFACE = 15
_LONGEST_NAME = 253


def wanted_of(words: Sequence[str]) -> tuple[Wanted, ...]:
    """Return what ``NAME[:KEY=VALUE,...]`` or ``NAME,NAME`` ask for; without any, the default network.

    The interface is empty where none is named.

    Raises:
        UsageError: a word is not written so, or names a network twice.
    """
    found = [wanted for word in words or ("",) for wanted in _parsed(word)]
    names = [wanted.network for wanted in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"network {twice} is named twice", hint="name each network once")
    return tuple(found)


def completed(found: Sequence[Wanted], asked: dict[str, str], aliases: Sequence[str]) -> tuple[Wanted, ...]:
    """Return the networks with what other options ask for in them, and an interface each.

    ``asked`` are the values of --ip, --ip6 and --mac-address, by key; they are for a network that is alone.

    Raises:
        UsageError: a value is not one, is given twice, or the network cannot have it.
    """
    facts = [wanted.to_dict() for wanted in found]
    for key, text in asked.items():
        field = key.removesuffix("_address")
        for one in facts:
            if one[field]:
                raise UsageError(f"--{key.replace('_', '-')} and {field}= are given both", hint="leave one of them out")
            one[field] = _value(field, text, f"--{key.replace('_', '-')}")
    for alias in aliases:
        check_host_name(alias, "--network-alias")
    named = [one for one in facts if one["network"] != DEFAULT_NETWORK]
    for one in named:
        one["aliases"] = tuple(dict.fromkeys((*one["aliases"], *aliases)))
    if (aliases and not named) or any(one["aliases"] for one in facts if one not in named):
        raise UsageError(
            f"network aliases are for networks of your own: in {DEFAULT_NETWORK} there are no names",
            hint="make one with: quiltctl network create NAME",
        )
    return tuple(Wanted(**one) for one in _with_interfaces(facts))


def check_host_name(text: str, option: str) -> str:
    """Return the name when a host may have it.

    Raises:
        UsageError: it may not.
    """
    plain = text.replace("-", "a").replace(".", "a").replace("_", "a")
    if not (plain.isascii() and plain.isalnum() and text[0] not in "-." and len(text) <= _LONGEST_NAME):
        raise UsageError(f"invalid name {text!a} for {option}", hint="letters, digits, '-', '_' and '.'")
    return text


def _parsed(word: str) -> list[Wanted]:
    name, colon, rest = word.partition(":")
    if name in _ELSEWHERE:
        raise UsageError(
            f'invalid --network "{word}": {name} is not part of this version',
            hint="it is bridge, none, host, container:NAME, or the name of a network",
        )
    if not colon:
        return [Wanted(_name(one), "") for one in name.split(",")]
    if not name:
        raise UsageError(f'invalid --network "{word}": the name is missing', hint=f"write NAME:{_KEYS[0]}=VALUE")
    return [_with_options(_name(name), rest, word)]


def _name(text: str) -> str:
    if text in _DEFAULT:
        return DEFAULT_NETWORK
    if text in _ALONE:
        raise UsageError(f'--network "{text}" cannot stand beside others, and takes no options')
    if not text.isascii() or not text.isprintable():
        raise UsageError(f"{text!a} cannot be the name of a network")
    return text


def _with_options(name: str, text: str, word: str) -> Wanted:
    facts: dict[str, Any] = {"network": name, "interface": ""}
    aliases: list[str] = []
    for entry in text.split(","):
        key, equals, value = entry.partition("=")
        if key not in _KEYS or not equals:
            raise UsageError(f'invalid --network "{word}": unknown "{entry}"', hint=f"there are {', '.join(_KEYS)}")
        if key == "alias":
            aliases.append(check_host_name(value, "alias="))
            continue
        field = "interface" if key == "interface_name" else key
        if facts.get(field):
            raise UsageError(f'invalid --network "{word}": {key} is given twice')
        facts[field] = _value(field, value, f"{key}=")
    return Wanted(**facts, aliases=tuple(aliases))


def _value(field: str, text: str, option: str) -> str:
    if field == "mac":
        return parse_mac(text, option)
    if field == "interface":
        return _interface(text)
    address = parse_address(text, option)
    if (address.version == 6) != (field == "ip6"):  # noqa: PLR2004 (a version)
        version = 4 if field == "ip" else 6
        raise UsageError(f'invalid address "{text}" for {option}: it is not of IPv{version}')
    return str(address)


def _interface(text: str) -> str:
    if (
        not (text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST_INTERFACE)
        or set(text) & set("/: %")
        or text in {".", "..", "lo", "all", "default"}  # the last two name folders below /proc/sys/net
    ):
        raise UsageError(
            f"invalid name {text!a} of an interface", hint=f"at most {_LONGEST_INTERFACE} letters and digits"
        )
    return text


def _with_interfaces(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [one["interface"] for one in facts if one["interface"]]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"interface {twice} is named twice", hint="name each interface once")
    for one in facts:
        if not one["interface"]:
            one["interface"] = free_interface(tuple(names))
            names.append(one["interface"])
    return facts
