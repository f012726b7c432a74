"""`network update`: change what a network's containers may speak to, and who tells them names."""

from __future__ import annotations

from quiltctl.commands._parameters import NETWORK
from quiltctl.errors import UsageError
from quiltctl.model.parameters import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths

VERB = Verb(
    summary="Change a network.",
    description="--egress is in force at once, also for containers that run, but for those that have a policy of their"
    " own. Name servers are those of the containers that start from now on.",
    parameters=(
        Option(
            ("--egress",),
            "What its containers may speak to, instead of before: all, deny, or allow=CIDR[:PORT][/PROTOCOL];"
            " repeatable.",
            multiple=True,
            metavar="RULE",
        ),
        Option(("--dns-add",), "Add a name server; repeatable.", multiple=True, metavar="ADDRESS"),
        Option(("--dns-drop",), "Take a name server away; repeatable.", multiple=True, metavar="ADDRESS"),
        NETWORK,
    ),
    examples=(
        ("quiltctl network update --egress deny app", "from now on, nothing in it reaches the world"),
        ("quiltctl network update --dns-drop 10.0.0.2 --dns-add 10.0.0.3 app", "another name server"),
    ),
)


def command(paths: Paths, *, egress: list[str], dns_add: list[str], dns_drop: list[str], network: str) -> int:
    """Change it; nothing is printed."""
    if not (egress or dns_add or dns_drop):
        raise UsageError("nothing to change was given", hint="give --egress, --dns-add or --dns-drop")
    from quiltctl.commands._networks import find_network
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle import update_network

    policy = None
    if egress:
        from quiltctl.commands._network_egress import allowed

        policy = allowed(egress)
    added, dropped = update_network.servers(dns_add, "--dns-add"), update_network.servers(dns_drop, "--dns-drop")
    connection = open_to_write(paths)
    chosen = find_network(connection, network)
    if added or dropped:
        update_network.change_dns(connection, chosen, added, dropped)
    if egress:
        update_network.change_egress(paths, connection, chosen, policy)
    return 0
