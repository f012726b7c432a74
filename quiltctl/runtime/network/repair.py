"""Comparing the firewall with what should be in it, in both directions, and mending it."""

from __future__ import annotations

from quiltctl import errors
from quiltctl.model.value import Value
from quiltctl.runtime.network import firewall, policy, ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from quiltctl.model.endpoint import Endpoint, Wire
    from quiltctl.paths import Paths
    from quiltctl.runtime.network.listing import Found
    from quiltctl.runtime.network.ruleset import Element

    Rows = Callable[[], tuple[Sequence[Wire | Endpoint], Sequence[Endpoint]]]

_PROTOCOLS = {str(number): name for name, number in ruleset.PROTOCOLS.items()}


class _Difference(Value):
    """What is wrong with the tables: elements and chains too many and too few."""

    old_elements: list[Element]
    new_elements: list[Element]
    old_chains: list[tuple[str, str]]
    wrong_policies: list[Endpoint]
    wrong_base: bool

    def phrases(self, table: str) -> list[str]:
        """Return a phrase for each thing that is mended, and none twice."""
        said = [f"rules of table {table}"] if self.wrong_base else []
        said += [_phrase(element) for element in (*self.old_elements, *self.new_elements)]
        said += [_egress(chain) for _, chain in self.old_chains]
        said += [f"egress of {endpoint.host_interface}" for endpoint in self.wrong_policies]
        return list(dict.fromkeys(said))

    def script(self, table: str, found: Found) -> str:
        """Return what mends it, given what is there by now."""
        script = ruleset.base(table) if self.wrong_base else ""
        script += policy.bridge_base(table) if self.wrong_policies else ""
        script += ruleset.change("delete", table, [e for e in self.old_elements if e in found.elements])
        script += "".join(policy.addition(table, endpoint) for endpoint in self.wrong_policies)
        script += ruleset.change("add", table, self.new_elements)
        return script + "".join(policy.removal(table, *chain) for chain in self.old_chains if chain in found.chains)


def repair(paths: Paths, rows: Rows, *, dry_run: bool) -> list[str]:
    """Bring the firewall to hold the networks and endpoints of the rows and no others.

    Returns a phrase for each thing mended. The firewall is listed before ``rows`` are read, each time: who admits a
    container has its row already, so nothing is taken for forgotten that came meanwhile. Whose row goes while the
    firewall is changed is taken out again.

    Raises:
        HostLacks: there is no nft, or the kernel cannot filter what a bridge passes on, and an endpoint needs it.
        KernelError: nft refuses.
    """
    table = paths.nft_table
    phrases: list[str] = []
    held: list[Endpoint] = []

    def script(found: Found) -> str:
        networks, endpoints = rows()
        difference = _compare(found, networks, endpoints)
        phrases[:], held[:] = difference.phrases(table), endpoints
        if not phrases or dry_run:
            return ""
        for endpoint in endpoints:
            _prepare(endpoint)
        return difference.script(table, found)

    try:
        firewall.change(table, script, "inet", "bridge")
        if phrases and not dry_run:
            living = {endpoint.lease_id for endpoint in rows()[1]}
            firewall.withdraw(paths, [endpoint for endpoint in held if endpoint.lease_id not in living])
    except errors.HostLacks:
        if any(endpoint.ports or endpoint.egress is not None for endpoint in rows()[1]):
            raise
        return []
    return phrases


def _compare(found: Found, networks: Sequence[Wire | Endpoint], endpoints: Sequence[Endpoint]) -> _Difference:
    wanted = [element for wire in networks for element in ruleset.of_network(wire)]
    wanted += [element for endpoint in endpoints for element in firewall.elements_of(endpoint)]
    chains = {
        (family, f"{policy.PREFIX}{endpoint.host_interface}"): (_fingerprints(lines), endpoint)
        for endpoint in endpoints
        for family, lines in policy.chains(endpoint).items()
    }
    lacks_frames = found.chains.get(("bridge", policy.FRAMES)) != _fingerprints(policy.FRAMES_RULES)
    wrong = {
        endpoint.host_interface: endpoint
        for chain, (rules, endpoint) in chains.items()
        if lacks_frames or found.chains.get(chain) != rules
    }
    base = {("inet", name): _fingerprints(lines) for name, (_, *lines) in ruleset.CHAINS.items()}
    is_used = bool(wanted or found.chains)
    return _Difference(
        old_elements=_without(found.elements, wanted),
        new_elements=_without(wanted, found.elements),
        old_chains=[key for key in found.chains if key[1].startswith(policy.PREFIX) and key not in chains],
        wrong_policies=list(wrong.values()),
        wrong_base=is_used and any(found.chains.get(chain) != rules for chain, rules in base.items()),
    )


def _fingerprints(lines: Iterable[str]) -> list[str]:
    return [ruleset.fingerprint(line) for line in lines]


def _prepare(endpoint: Endpoint) -> None:
    try:
        firewall.prepare(endpoint)
    except OSError:  # its veth has gone: it has ended since, and the next repair takes away what is left of it
        return


def _without(elements: Iterable[Element], others: Iterable[Element]) -> list[Element]:
    known = set(others)
    return [element for element in elements if element not in known]


def _phrase(element: Element) -> str:
    """Return what a user knows an element as."""
    parts = element.key.split(" . ")
    if element.holder in ruleset.SETS:
        return f"network bridge {parts[0]}"
    if element.holder.startswith("ports"):
        return f"port {parts[-1]}/{_PROTOCOLS.get(parts[-2], parts[-2])}"
    return _egress(element.value.removeprefix("goto "))


def _egress(chain: str) -> str:
    return f"egress of {chain.removeprefix(policy.PREFIX)}"
