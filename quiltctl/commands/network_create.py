"""`network create`: make a network."""

from __future__ import annotations

from quiltctl.errors import Conflict, UsageError
from quiltctl.model.parameters import Argument, Flag, Option, Refused, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from quiltctl.db.networks import Network
    from quiltctl.paths import Paths

_ELSEWHERE = "this version's networks are bridges of this host alone"
VERB = Verb(
    summary="Make a network.",
    description="Prints its name. Its containers find each other by name, and reach the world behind the host's"
    " address. Without --subnet the next free one of 10.89.0.0/24, 10.89.1.0/24, ... is taken. Its bridge is made"
    " when the first container in it starts.",
    parameters=(
        Option(("--driver", "-d"), "What makes it; there is `bridge` alone.", default="bridge", metavar="DRIVER"),
        Option(("--subnet",), "Its addresses; repeatable, one of IPv4 and one of IPv6.", multiple=True, metavar="CIDR"),
        Option(("--gateway",), "The bridge's own address; repeatable.", multiple=True, metavar="ADDRESS"),
        Option(("--ip-range",), "The addresses that containers get: CIDR or FIRST-LAST.", metavar="RANGE"),
        Option(("--ipam-driver",), "Who gives addresses; there is `host-local` alone.", metavar="DRIVER"),
        Flag(("--internal",), "Without a way out of this host."),
        Flag(("--ipv6",), "With addresses of IPv6 too; without a --subnet of that, private ones are picked."),
        Option(("--label", "-l"), "A label; repeatable.", multiple=True, metavar="KEY=VALUE"),
        Option(
            ("--opt", "-o"),
            "mtu=BYTES, isolate=true, com.docker.network.driver.mtu=BYTES, com.docker.network.bridge.name=NAME or"
            " com.docker.network.bridge.enable_ip_masquerade=BOOL; repeatable.",
            multiple=True,
            metavar="KEY=VALUE",
        ),
        Option(("--interface-name",), "The name of its bridge.", metavar="NAME"),
        Flag(("--disable-dns",), "Let containers not find each other by name."),
        Option(("--dns",), "A name server for its containers; repeatable.", multiple=True, metavar="ADDRESS"),
        Option(
            ("--egress",),
            "What its containers may speak to: deny, or allow=CIDR[:PORT][/PROTOCOL]; repeatable.",
            multiple=True,
            metavar="RULE",
        ),
        Flag(("--ignore",), "Say nothing if there is one of this name."),
        Refused(("--route",), "this version's networks have the default route alone"),
        Refused(("--aux-address",), "this version reserves no addresses; keep them out with --ip-range"),
        Refused(("--ipam-opt",), "addresses are given by host-local, which has no options"),
        Refused(("--config-from",), _ELSEWHERE),
        Refused(("--scope",), _ELSEWHERE),
        Refused(("--config-only",), _ELSEWHERE, takes_value=False),
        Refused(("--ingress",), _ELSEWHERE, takes_value=False),
        Argument("name", "Its name; without, that of its bridge.", required=False),
    ),
    examples=(
        ("quiltctl network create app", "containers in it reach each other by name"),
        ("quiltctl network create --internal --subnet 10.99.0.0/24 db", "nothing in it reaches the world"),
        ("quiltctl network create --egress deny --egress allow=10.0.0.0/8 agents", "only these destinations"),
        ("quiltctl network create --subnet 172.30.0.0/16 quilt0", "the default one, where 10.42.0.0/16 is in use"),
    ),
)
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_MTU = ("mtu", "com.docker.network.driver.mtu")
_BRIDGE = "com.docker.network.bridge.name"
_NAT = "com.docker.network.bridge.enable_ip_masquerade"
_ISOLATE = "isolate"
_KNOWN = (*_MTU, _BRIDGE, _NAT, _ISOLATE)


def command(
    paths: Paths,
    *,
    driver: str,
    subnet: list[str],
    gateway: list[str],
    ip_range: str | None,
    ipam_driver: str | None,
    internal: bool,
    ipv6: bool,
    label: list[str],
    opt: list[str],
    interface_name: str | None,
    disable_dns: bool,
    dns: list[str],
    egress: list[str],
    ignore: bool,
    name: str | None,
) -> int:
    """Add the network and print its name."""
    from quiltctl.commands._environment import pairs
    from quiltctl.db.connection import open_to_write
    from quiltctl.ui.safe import write

    _check_drivers(driver, ipam_driver)
    wish: dict[str, Any] = {
        **_addresses(subnet, gateway, ip_range),
        **_options(opt, interface_name),
        "internal": internal,
        "ipv6": ipv6,
        "names": not disable_dns,
        "labels": pairs((), label, "label"),
        "dns": dns,
        "egress": _egress(egress),
    }
    made = _create(paths, open_to_write(paths), name or "", wish, ignore=ignore)
    write(f"{made}\n")
    return 0


def _create(paths: Paths, connection: sqlite3.Connection, name: str, wish: dict[str, Any], *, ignore: bool) -> str:
    from quiltctl.db import networks
    from quiltctl.db.connection import transaction
    from quiltctl.runtime.lifecycle import create_network
    from quiltctl.runtime.network.routes import host_links, host_subnets

    if name:
        create_network.check_network_name(name)
    routes, bridge = host_subnets(), wish["bridge"]
    if ignore and networks.named(connection, name) is not None:
        return name
    if bridge and bridge in host_links():
        raise Conflict(f'this host has an interface "{bridge}"', hint="choose another name")
    try:
        with transaction(connection):
            made: Network = create_network.create(paths, connection, name, routes=routes, **wish)
    except Conflict:
        if ignore and networks.named(connection, name) is not None:  # somebody was faster
            return name
        raise
    return made.name


def _check_drivers(driver: str, ipam_driver: str | None) -> None:
    if driver != "bridge":
        raise UsageError(f'there is no driver "{driver}"', hint="quiltctl makes bridges: leave --driver out")
    if ipam_driver not in {None, "host-local"}:
        raise UsageError(f'there is no IPAM driver "{ipam_driver}"', hint="addresses are given by host-local alone")


def _addresses(subnets: list[str], gateways: list[str], ip_range: str | None) -> dict[str, Any]:
    """Return what was said of addresses, by version: one of each."""
    subnet, subnet6 = _by_version(subnets, "--subnet")
    gateway, gateway6 = _by_version(gateways, "--gateway")
    if (gateway and not subnet) or (gateway6 and not subnet6):
        raise UsageError(f"--gateway {gateway or gateway6} needs its --subnet", hint="give both, or neither")
    if ip_range and ":" in ip_range:
        raise UsageError(
            "--ip-range is for IPv4", hint="an address of IPv6 goes with that of IPv4, as far into its subnet"
        )
    if ip_range and not subnet:
        raise UsageError(f"--ip-range {ip_range} needs a --subnet that it is part of")
    return {"subnet": subnet, "gateway": gateway, "subnet6": subnet6, "gateway6": gateway6, "ip_range": ip_range}


def _by_version(words: list[str], option: str) -> tuple[str | None, str | None]:
    four, six = ([word for word in words if (":" in word) == is_six] for is_six in (False, True))
    for found, version in ((four, 4), (six, 6)):
        if len(found) > 1:
            raise UsageError(
                f"{option} was given twice for IPv{version}", hint="a network has one subnet of each version"
            )
    return next(iter(four), None), next(iter(six), None)


def _options(given: list[str], interface_name: str | None) -> dict[str, Any]:
    """Return what the driver's options come to, and the options themselves, to be shown.

    Raises:
        UsageError: one is not known, or has a value that it cannot have.
    """
    options: dict[str, str] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if key not in _KNOWN or not equals:
            raise UsageError(
                f'unknown option "{word}" of the driver', hint=f"write KEY=VALUE; there are {', '.join(_KNOWN)}"
            )
        options[key] = value
    if not _is_true(options.get(_ISOLATE, "true"), _ISOLATE):
        raise UsageError(
            "isolate=false: networks here are always isolated", hint="connect the container to both networks"
        )
    mtu = next((options[key] for key in _MTU if key in options), "0")
    if not (mtu.isascii() and mtu.isdigit()) or len(mtu) > 5:  # noqa: PLR2004 (digits)
        raise UsageError(f'"{mtu}" is no mtu', hint="write the bytes of a packet, such as mtu=1400")
    return {
        "mtu": int(mtu),
        "bridge": interface_name or options.get(_BRIDGE) or None,
        "nat": _is_true(options.get(_NAT, "true"), _NAT),
        "options": options,
    }


def _is_true(word: str, key: str) -> bool:
    if word.lower() not in _TRUTH:
        raise UsageError(f'"{key}={word}" is neither true nor false')
    return _TRUTH[word.lower()]


def _egress(given: list[str]) -> tuple[str, ...] | None:
    """Return the destinations that are allowed, None for all."""
    if not given:
        return None
    from quiltctl.commands._network_egress import allowed

    return allowed(given)
