"""The options of `run` and `create` for networks, and the fields of the spec they come to."""

from __future__ import annotations

import sys

from quiltctl.commands._environment import check_text
from quiltctl.errors import UsageError
from quiltctl.model.membership import DEFAULT_NETWORK, Wanted
from quiltctl.model.parameters import Flag, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.model.image import Image
    from quiltctl.model.parameters import Parameter

OPTIONS: tuple[Parameter, ...] = (
    Option(
        ("--network", "--net"),
        "The network: bridge (the default), none, host, container:X, or a name, with ip=, ip6=, mac=, alias= and"
        " interface_name= behind a colon; repeatable.",
        multiple=True,
        metavar="MODE",
        completes="network",
    ),
    Option(("--ip",), "The IPv4 address in the network.", metavar="ADDRESS"),
    Option(("--ip6",), "The IPv6 address in the network.", metavar="ADDRESS"),
    Option(("--mac-address",), "The hardware address in the network.", metavar="MAC"),
    Option(("--network-alias",), "Another name in the networks.", multiple=True, metavar="NAME"),
    Option(("--publish", "-p"), "Let a port of the host lead in.", multiple=True, metavar="[[IP:][HOST]:]PORT[/PROTO]"),
    Flag(("--publish-all", "-P"), "Let any free port of the host lead to each exposed one."),
    Option(("--expose",), "Say that the program listens there; see -P.", multiple=True, metavar="PORT[/PROTO]"),
    Option(("--dns",), "Ask this name server instead of the host's.", multiple=True, metavar="ADDRESS"),
    Option(("--dns-search",), "Look names up in this domain; . is none.", multiple=True, metavar="DOMAIN"),
    Option(("--dns-option", "--dns-opt"), "An option for the resolver.", multiple=True, metavar="OPTION"),
    Option(
        ("--add-host",),
        "A line for /etc/hosts; the address host-gateway is the host's.",
        multiple=True,
        metavar="NAME:ADDRESS",
    ),
    Flag(("--no-hosts",), "Leave the image's /etc/hosts as it is."),
    Option(
        ("--egress",),
        "Where the program may speak to: deny (nowhere), allow=CIDR[:PORT[-PORT]][/PROTO], or all, whatever the"
        " networks say.",
        multiple=True,
        metavar="POLICY",
    ),
)
_ADDRESSES = ("ip", "ip6", "mac_address")
_RESOLVER = ("dns", "dns_search", "dns_option")
_DISCARDED = "Port mappings have been discarded as one of the Host, Container, Pod, and None network modes are in use"
_HOST_GATEWAY = "host-gateway"


def check(options: dict[str, Any]) -> None:
    """Refuse what cannot be right whatever the image is, and whatever networks there are.

    Raises:
        UsageError: an option's value is not one, or two do not go together.
    """
    mode = mode_of(options)
    members(options)
    _ports(options)
    _exposed(options)
    egress = _egress(options)
    hosts = _extra_hosts(options)
    _check_resolver(options)
    if mode == "bridge":
        return
    if egress is not None:
        raise UsageError(
            f"--egress cannot be honoured with --network {mode}", hint="it is for containers in networks of their own"
        )
    if mode != "host" and any(options[key] for key in _RESOLVER):
        given = next(key for key in _RESOLVER if options[key]).replace("_", "-")
        raise UsageError(f"--{given} and --network {mode} cannot be given together", hint="leave one of them out")
    if hosts and mode.startswith("container:"):
        raise UsageError(
            f"--add-host and --network {mode} cannot be given together", hint="give it to the container that is joined"
        )
    if mode != "host" and any(line.endswith(f":{_HOST_GATEWAY}") for line in hosts):
        raise UsageError(
            f"--add-host with {_HOST_GATEWAY} and --network {mode} cannot be given together", hint="give an address"
        )


def mode_of(options: dict[str, Any]) -> str:
    """Return none, host, ``container:X`` as it was spelt, or bridge.

    Raises:
        UsageError: it is none of these, or stands beside networks.
    """
    given: list[str] = options["network"]
    alone = [word for word in given if word in {"none", "host"} or word.startswith("container:")]
    if not alone:
        return "bridge"
    if len(given) > 1:
        raise UsageError(
            f"cannot set multiple networks without bridge network mode, selected mode {alone[0]}",
            hint="give --network once, or only names of networks",
        )
    if alone[0] == "container:":
        raise UsageError('invalid --network "container:"', hint="name the container, such as container:web")
    return alone[0]


def members(options: dict[str, Any]) -> tuple[Wanted, ...]:
    """Return the networks that the container shall be in, in their order; none without bridge.

    Raises:
        UsageError: something cannot be asked of a network.
    """
    bridge = mode_of(options) == "bridge"
    aliases: list[str] = options["network_alias"]
    asked = {key: options[key] for key in _ADDRESSES if options[key] is not None}
    if not (options["network"] or asked or aliases):
        return (Wanted(DEFAULT_NETWORK, "eth0"),)
    if not (bridge or asked or aliases):
        return ()
    from quiltctl.commands._network_words import completed, wanted_of

    found = wanted_of(options["network"]) if bridge else ()
    for key in (*asked, *(("network_alias",) if aliases else ())):
        option = f"--{key.replace('_', '-')}"
        if not bridge:
            raise UsageError(
                f"{option} can only be set with bridge mode networking, and not with --network {mode_of(options)}",
                hint=f"leave {option} out",
            )
        if len(found) > 1 and key in asked:
            raise UsageError(
                f"{option} can only be set for a single network",
                hint="write it behind each network, such as --network blue:ip=10.89.0.7",
            )
    return completed(found, asked, aliases)


def fields(connection: sqlite3.Connection, options: dict[str, Any], image: Image) -> dict[str, Any]:
    """Return the fields of the spec that these options come to. Ports that lead nowhere are dropped with a warning.

    Raises:
        UsageError: ports are published, and no network leads out.
    """
    mode = mode_of(options)
    expose = tuple(dict.fromkeys((*image.config.exposed_ports, *_exposed(options))))
    ports = _ports(options)
    if mode != "bridge" and (ports or options["publish_all"]):
        sys.stderr.write(f"Warning: {_DISCARDED}\n")
        ports = ()
    elif options["publish_all"] and expose:
        from quiltctl.model.port import at_random

        ports += at_random(expose, ports)
    if ports:
        _check_way_in(connection, options)
    return {
        "network": mode,
        "ports": ports,
        "expose": expose,
        "publish_all": options["publish_all"],
        "dns": tuple(options["dns"]),
        "dns_search": tuple(options["dns_search"]),
        "dns_options": tuple(options["dns_option"]),
        "extra_hosts": _extra_hosts(options),
        "no_hosts": options["no_hosts"],
        "egress": _egress(options),
    }


def _check_way_in(connection: sqlite3.Connection, options: dict[str, Any]) -> None:
    """Refuse to publish ports of a container that is in internal networks alone."""
    from quiltctl.db import networks
    from quiltctl.errors import NotFound

    try:
        found = [networks.find(connection, wanted.network) for wanted in members(options)]
    except NotFound:  # the default one is made when it is needed, and others are missed when the container is made
        return
    if all(network.internal for network in found):
        names = ", ".join(network.name for network in found)
        raise UsageError(
            f"cannot publish ports: the network {names} is internal", hint="leave -p out, or add a network that is not"
        )


def _ports(options: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    if not options["publish"]:
        return ()
    from quiltctl.model.port import parse_publish

    return parse_publish(options["publish"])


def _exposed(options: dict[str, Any]) -> tuple[str, ...]:
    if not options["expose"]:
        return ()
    from quiltctl.model.port import parse_expose

    return parse_expose(options["expose"], "--expose")


def _egress(options: dict[str, Any]) -> tuple[str, ...] | None:
    if not options["egress"]:
        return None
    from quiltctl.model.egress import parse_egress

    return parse_egress(options["egress"])


def _check_resolver(options: dict[str, Any]) -> None:
    if options["dns"]:
        from quiltctl.model.subnet import parse_address

        for server in options["dns"]:
            parse_address(server, "--dns")
    for key in ("dns_search", "dns_option"):
        for word in options[key]:
            option = f"--{key.replace('_', '-')}"
            check_text(word, option)
            if not word or not word.isprintable() or " " in word:
                raise UsageError(f"invalid {option} {word!a}", hint="it is one word")


def _extra_hosts(options: dict[str, Any]) -> tuple[str, ...]:
    """Return a ``NAME:ADDRESS`` for each name; ``one;two:ADDRESS`` are two."""
    given: list[str] = options["add_host"]
    if not given:
        return ()
    if options["no_hosts"]:
        raise UsageError("--no-hosts and --add-host cannot be set together", hint="leave one of them out")
    from quiltctl.commands._network_words import check_host_name
    from quiltctl.model.subnet import parse_address

    lines = []
    for text in given:
        names, colon, word = text.partition(":")
        if not colon:
            raise UsageError(f'invalid --add-host "{text}"', hint="write NAME:ADDRESS")
        address = word[1:-1] if word[:1] == "[" and word[-1:] == "]" else word
        if address != _HOST_GATEWAY:
            address = str(parse_address(address, "--add-host"))
        lines += [f"{check_host_name(name, '--add-host')}:{address}" for name in names.split(";")]
    return tuple(lines)
