"""The firewall of one root: who may speak to whom, and what leads from the host's ports to containers.

A container that publishes nothing and may speak to all costs one question to the kernel; else one run of nft, which
does all or nothing. Any number of processes may do any of this at once: what they add is added twice without harm,
and what one finds changed under its hands it reads again.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.runtime.linux import br_netfilter, nftables
from quiltctl.runtime.network import nft, policy, ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from quiltctl.model.endpoint import Endpoint, Wire
    from quiltctl.paths import Paths
    from quiltctl.runtime.network.listing import Found
    from quiltctl.runtime.network.ruleset import Element

_ATTEMPTS = 5


def is_ready(paths: Paths, wire: Endpoint | Wire) -> bool:
    """Return whether the rules are there and know this network, as it is now: one message to the kernel."""
    return nftables.has_element(paths.nft_table, "networks", ruleset.network_key(wire))


def ensure(paths: Paths, endpoints: Sequence[Endpoint | Wire]) -> bool:
    """Put the rules there, and the networks of these endpoints in; most often that has been done before.

    Without nft an internal network, or one without NAT, is left without rules. It works, but nothing keeps it and the
    host, or other networks, apart: then False is returned.

    Raises:
        HostLacks: there is no nft, and a network needs it.
        KernelError: nft refuses.
    """
    new = [endpoint for endpoint in endpoints if not is_ready(paths, endpoint)]
    if not new:
        return True
    table = paths.nft_table
    wanted = [element for endpoint in new for element in ruleset.of_network(endpoint)]
    bridges = {endpoint.bridge for endpoint in new}

    def script(found: Found) -> str:
        old = [element for element in _of_bridges(found, bridges) if element not in wanted]
        return ruleset.base(table) + ruleset.change("delete", table, old) + ruleset.change("add", table, wanted)

    try:
        change(table, script, "inet")
    except errors.HostLacks:
        if any(endpoint.nat and not endpoint.internal for endpoint in new):
            raise
        return False
    return True


def admit(paths: Paths, endpoint: Endpoint) -> None:
    """Let a container's published ports lead to it, and hold it to its egress policy. Bridge and veth must be there.

    An element that another container has left is replaced: the caller holds the port.

    Raises:
        HostLacks: there is no nft, or the kernel cannot filter what a bridge passes on.
        KernelError: nft refuses.
        OSError: there is no such bridge or veth.
    """
    wanted = elements_of(endpoint)
    if not wanted:
        return
    prepare(endpoint)
    table = paths.nft_table
    script = policy.addition(table, endpoint) + ruleset.change("add", table, wanted)
    try:
        nft.run(script)
    except errors.KernelError:  # the first policy of all, or a forgotten element
        places = {_place(element) for element in wanted}

        def replacement(found: Found) -> str:
            old = [e for e in found.elements if _place(e) in places and e not in wanted]
            tables = policy.bridge_base(table) if endpoint.egress is not None else ""
            return tables + ruleset.change("delete", table, old) + script

        change(table, replacement, "inet", "bridge")


def withdraw(paths: Paths, endpoints: Iterable[Endpoint]) -> None:
    """Take away what ``admit`` has put there for these endpoints. What is not there, or another's by now, is no error.

    Raises:
        KernelError: nft refuses.
    """
    endpoints = [endpoint for endpoint in endpoints if endpoint.ports or endpoint.egress is not None]
    wanted = [element for endpoint in endpoints for element in elements_of(endpoint)]
    if not wanted:
        return
    table = paths.nft_table
    chains = [
        (family, f"{policy.PREFIX}{endpoint.host_interface}")
        for endpoint in endpoints
        for family in policy.chains(endpoint)
    ]
    # Adding what may not be there lets the removal succeed; it fails where another has the place, or there is no table.
    additions = "".join(f"add chain {family} {table} {chain}\n" for family, chain in chains)
    additions += ruleset.change("add", table, wanted)
    removals = ruleset.change("delete", table, wanted)
    removals += "".join(policy.removal(table, family, chain) for family, chain in chains)
    try:
        nft.run(additions + removals)
    except errors.HostLacks:
        return
    except errors.KernelError:

        def exact(found: Found) -> str:
            there = [element for element in wanted if element in found.elements]
            return ruleset.change("delete", table, there) + "".join(
                policy.removal(table, *chain) for chain in chains if chain in found.chains
            )

        change(table, exact, "inet", "bridge")


def change_egress(paths: Paths, endpoint: Endpoint, egress: tuple[str, ...] | None) -> None:
    """Give a running container another egress policy, at one stroke; ``endpoint`` has the old one.

    What it forbids ends, also in the midst of a connection; only answers to who has called the container go on.

    Raises:
        HostLacks: there is no nft, or the kernel cannot filter what a bridge passes on.
        KernelError: nft refuses.
    """
    facts = {**endpoint.to_dict(), "ports": ()}
    if egress is None:
        withdraw(paths, [type(endpoint)(**facts)])
    else:
        admit(paths, type(endpoint)(**{**facts, "egress": egress}))


def remove_networks(paths: Paths, bridges: Iterable[str]) -> None:
    """Forget the networks of these bridges; none is known by now is no error.

    Raises:
        KernelError: nft refuses.
    """
    table, gone = paths.nft_table, set(bridges)
    try:
        change(table, lambda found: ruleset.change("delete", table, _of_bridges(found, gone)), "inet")
    except errors.HostLacks:
        return


def is_there(paths: Paths) -> bool:
    """Return whether this root has rules at all: two messages to the kernel."""
    return any(nftables.has_table(family, paths.nft_table) for family in nftables.FAMILIES)


def remove(paths: Paths) -> None:
    """Remove all rules of this root, where there are any.

    Raises:
        HostLacks: there are rules, and no nft any more.
        KernelError: nft refuses.
    """
    table = paths.nft_table
    there = [family for family in nftables.FAMILIES if nftables.has_table(family, table)]
    if there:
        # Added first: what somebody else has removed meanwhile is no error.
        nft.run("".join(f"add table {family} {table}\ndelete table {family} {table}\n" for family in there))


def elements_of(endpoint: Endpoint) -> list[Element]:
    """Return the elements that a container stands for: of its ports and of its egress policy."""
    return [*ruleset.of_ports(endpoint), *policy.of_policy(endpoint)]


def prepare(endpoint: Endpoint) -> None:
    """Set up bridge and veth for what a container asks of the firewall.

    Raises:
        HostLacks: the kernel cannot filter what a bridge passes on.
        OSError: there is no such bridge or veth.
    """
    if endpoint.egress is not None:
        if not br_netfilter.is_there():
            raise errors.HostLacks(
                "cannot hold a container to an egress policy: the kernel does not filter what a bridge passes on",
                hint="modprobe br_netfilter",
            )
        br_netfilter.filter_frames(endpoint.bridge)
    ports = ruleset.of_ports(endpoint)
    if any(element.holder.startswith("ports4") for element in ports):
        _route_localhost(endpoint.bridge)
    if ports and br_netfilter.is_there():
        br_netfilter.reflect(endpoint.host_interface)


def _route_localhost(bridge: str) -> None:
    """Let what is sent from 127.0.0.1 of the host go over a bridge; the chain ``loopback`` closes what this opens."""
    path = f"/proc/sys/net/ipv4/conf/{bridge}/route_localnet"
    with open(path, encoding="ascii") as file:
        if file.read().strip() != "0":
            return
    with open(path, "w", encoding="ascii") as file:
        file.write("1")


def change(table: str, script_for: Callable[[Found], str], *families: str) -> None:
    """Read what is there, and run what is to be done about it; both again when another was faster."""
    from quiltctl.runtime.network import listing  # most starts need it not

    for attempt in range(_ATTEMPTS):
        script = script_for(listing.read(table, *families))
        try:
            if script:
                nft.run(script)
        except errors.KernelError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def _of_bridges(found: Found, bridges: set[str]) -> list[Element]:
    """Return the elements of networks that begin with one of these bridges."""
    return [e for e in found.elements if e.holder in ruleset.SETS and e.key.split(" . ")[0] in bridges]


def _place(element: Element) -> tuple[str, str, str]:
    return element.family, element.holder, element.key
