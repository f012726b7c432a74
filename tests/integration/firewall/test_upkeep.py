"""What is in the kernel's tables: made once, by any number of processes, mended, and taken away to the last element."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.model.endpoint import Endpoint, Wire
from quiltctl.runtime.linux import br_netfilter
from quiltctl.runtime.network import firewall, nft, repair

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from quiltctl.paths import Paths

pytestmark = pytest.mark.needs("root", "ip", "nft", "br_netfilter")


def rules(ruleset: str) -> int:
    """Return how many rules there are, which is what a packet may have to pass."""
    return sum(" @" in line or line.strip().startswith(("ct ", "drop", "goto")) for line in ruleset.splitlines())


def test_network_is_ready_once_it_is_ensured(town: Any) -> None:
    """By one question to the kernel, of which nothing but that is asked: not a table that was flushed."""
    endpoint = town.endpoint(2)
    assert not town.do(firewall.is_ready, endpoint)
    town.do(firewall.ensure, [endpoint])
    assert town.do(firewall.is_ready, endpoint)
    assert not town.do(firewall.is_ready, town.endpoint(2, "other"))
    town.host.run("nft", "flush", "ruleset")
    assert not town.do(firewall.is_ready, endpoint)


def test_network_of_other_facts_replaces_that_of_its_bridge(town: Any) -> None:
    """A bridge's name comes again: what was known of the network before is not believed."""
    old = Wire(town.bridge("open"), "10.77.0.0/24", "fd00:77::/64", True, True)
    town.do(firewall.ensure, [old, town.wire("other")])
    assert not town.do(firewall.is_ready, town.wire("open"))
    town.do(firewall.ensure, [town.wire("open")])
    assert town.do(firewall.is_ready, town.wire("open"))
    assert not town.do(firewall.is_ready, old)
    listed = town.ruleset()
    assert town.do(repair.repair, lambda: ([town.wire("open"), town.wire("other")], []), dry_run=True) == []
    assert "10.77.0" not in listed
    assert "fd00:77" not in listed


def test_start_of_a_plain_container_runs_no_nft(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its network is known, and it neither publishes nor has a policy."""
    endpoint = town.endpoint(2)
    town.do(firewall.ensure, [endpoint])
    monkeypatch.setattr(nft, "run", None)
    monkeypatch.setattr(nft, "list_table", None)
    town.do(firewall.ensure, [endpoint])
    town.do(firewall.admit, endpoint)
    town.do(firewall.withdraw, [endpoint])


def in_parallel(town: Any, *acts: Callable[[], object]) -> list[str]:
    """Do all of these on the host at once, each in a process of its own, and return what went wrong."""
    read_fd, write_fd = os.pipe()
    pids = []
    for act in acts:
        pid = os.fork()
        if pid == 0:
            os.close(read_fd)
            try:
                town.host.call(act)
            except BaseException as error:  # noqa: BLE001 (told to the parent)
                os.write(write_fd, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(0)
        pids.append(pid)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as file:
        said = file.read().splitlines()
    for pid in pids:
        os.waitpid(pid, 0)
    return said


def test_eight_may_do_it_at_once(town: Any, published: Callable[..., Any]) -> None:
    """Eight processes make the tables, come with ports and policies, and go: nobody fails, and nothing stays."""
    networks = list(map(town.wire, ("open", "other", "inner")))
    endpoints = [town.endpoint(n, ports=(published(8000 + n, 80),), egress=("10.0.0.0/8",)) for n in range(2, 10)]
    for endpoint in endpoints:
        town.attach(endpoint)
    assert in_parallel(town, *[lambda: town.do(firewall.ensure, networks)] * 8) == []
    assert town.do(repair.repair, lambda: (networks, []), dry_run=True) == []
    assert in_parallel(town, *(lambda e=e: town.do(firewall.admit, e) for e in endpoints)) == []
    assert town.do(repair.repair, lambda: (networks, endpoints), dry_run=True) == []
    assert in_parallel(town, *(lambda e=e: town.do(firewall.withdraw, [e]) for e in endpoints)) == []
    assert town.do(repair.repair, lambda: (networks, []), dry_run=True) == []


def test_number_of_rules_is_that_of_no_container(town: Any, published: Callable[..., Any]) -> None:
    """Two hundred published ports are elements: a packet passes as many rules as without them."""
    town.start(2)
    before = rules(town.ruleset())
    ports = tuple(published(10000 + n, n + 1) for n in range(200))
    town.do(firewall.admit, town.endpoint(2, ports=ports))
    assert rules(town.ruleset()) == before > 10
    assert town.ruleset().count(": 10.42.0.2 . ") == 200


def test_forgotten_port_is_replaced(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """A container that was killed with all of its processes has left its port: who holds it now gets the packets."""
    town.start(2, ports=(published(8080, 80), published(8081, 80)))
    container = town.start(3, ports=(published(8080, 80),), egress=())
    container.serve(80, "new")
    assert town.outside.fetch(netns.HOST, 8080) == f"new {netns.OUTSIDE}"
    assert town.ruleset().count("8081") == 2


def test_withdrawal_may_be_repeated(town: Any, published: Callable[..., Any]) -> None:
    """By whoever cleans up, also when some of it is gone, and when the tables are."""
    ports = (published(8080, 80), published(5353, 53, "udp"))
    one = town.endpoint(2, ports=ports, egress=("10.0.0.0/8:443",))
    two = town.endpoint(3, ports=(published(8081, 80),))
    town.start(2, ports=ports, egress=one.egress)
    town.do(firewall.withdraw, [one, two])
    town.do(firewall.withdraw, [one, two])
    assert town.do(repair.repair, lambda: ([town.wire("open")], []), dry_run=True) == []
    town.do(firewall.remove)
    town.do(firewall.withdraw, [one, two])
    town.do(firewall.remove)
    assert town.ruleset() == ""


def test_withdrawal_leaves_what_is_another_s(town: Any, published: Callable[..., Any]) -> None:
    """A port that was given to another container meanwhile goes on leading there."""
    old = town.endpoint(2, ports=(published(8080, 80), published(8081, 80)), egress=())
    town.start(2, ports=old.ports, egress=())
    town.start(3, ports=(published(8080, 80),))
    town.do(firewall.withdraw, [old])
    new = town.endpoint(3, ports=(published(8080, 80),))
    assert town.do(repair.repair, lambda: ([town.wire("open")], [new]), dry_run=True) == []


def test_network_that_is_removed_is_forgotten(town: Any) -> None:
    """And the other networks are not; to remove it again is no error."""
    networks = list(map(town.wire, ("open", "other", "inner")))
    town.do(firewall.ensure, networks)
    for _ in range(2):
        town.do(firewall.remove_networks, [town.bridge("open"), town.bridge("inner")])
    assert town.do(repair.repair, lambda: ([town.wire("other")], []), dry_run=True) == []


@pytest.fixture
def harm(town: Any, published: Callable[..., Any]) -> tuple[list[Wire], list[Endpoint]]:
    """Start containers, spoil their rules, and return what there should be."""
    lost = town.endpoint(2, ports=(published(8080, 80),), egress=("10.0.0.0/8",))
    town.start(2, ports=lost.ports, egress=lost.egress)
    town.do(firewall.withdraw, [lost])
    town.start(3, ports=(published(5353, 53, "udp"),), egress=())
    town.do(firewall.ensure, [town.wire("other")])
    return [town.wire("open")], [lost]


HARM = [
    "egress of q{}-3",
    "network bridge q{}b1",
    "port 5353/udp",
    "port 8080/tcp",
    "egress of q{}-2",
]


def test_repair_adds_and_removes(town: Any, harm: tuple[list[Wire], list[Endpoint]]) -> None:
    """In both directions, one phrase for each thing; a dry run says the same and does nothing."""
    tag = town.bridge("open")[1:-2]
    expected = sorted(phrase.format(tag) for phrase in HARM)
    before = town.ruleset()
    assert sorted(town.do(repair.repair, lambda: harm, dry_run=True)) == expected
    assert town.ruleset() == before
    assert sorted(town.do(repair.repair, lambda: harm, dry_run=False)) == expected
    assert f"only-{town.endpoint(3).host_interface} " not in town.ruleset()
    assert town.do(repair.repair, lambda: harm, dry_run=False) == []


def test_repair_leaves_what_came_while_it_looked(
    town: Any, harm: tuple[list[Wire], list[Endpoint]], published: Callable[..., Any]
) -> None:
    """What was not there at the look is not taken away, though nobody has named it."""
    late = town.endpoint(4, ports=(published(9090, 90),), egress=())
    town.attach(late)

    def come_between(paths: Paths) -> None:
        def rows() -> tuple[list[Wire], list[Endpoint]]:
            firewall.admit(paths, late)
            return harm

        repair.repair(paths, rows, dry_run=False)

    town.do(come_between)
    networks, endpoints = harm
    assert town.do(repair.repair, lambda: (networks, [*endpoints, late]), dry_run=True) == []


def test_repair_takes_out_who_ended_while_it_worked(
    town: Any, harm: tuple[list[Wire], list[Endpoint]], published: Callable[..., Any]
) -> None:
    """A container whose row has gone since the rows were read has nothing in the firewall afterwards."""
    gone = town.endpoint(4, ports=(published(9090, 90),), egress=())
    town.attach(gone)
    answers = [(harm[0], [*harm[1], gone]), harm]
    town.do(repair.repair, lambda: answers.pop(0) if len(answers) > 1 else answers[0], dry_run=False)
    assert "9090" not in town.ruleset()
    assert f"only-{gone.host_interface} " not in town.ruleset()


def test_repair_sees_a_policy_that_says_something_else(town: Any) -> None:
    """As many rules, but others: an update that was cut short between the row and the firewall."""
    old, new = (town.endpoint(2, egress=(text,)) for text in ("10.0.0.0/8", "198.51.100.0/24"))
    town.attach(old)
    town.do(firewall.ensure, [old])
    town.do(firewall.admit, old)
    rows = ([town.wire("open")], [new])
    assert town.do(repair.repair, lambda: rows, dry_run=False) == [f"egress of {new.host_interface}"]
    assert ("198.51.100.0-" in town.ruleset(), "10.0.0.0-" in town.ruleset()) == (True, False)
    assert town.do(repair.repair, lambda: rows, dry_run=False) == []


def test_rules_are_there_from_the_first_network_to_the_last(town: Any) -> None:
    """One question tells it, of either table: gc of a host without networks need not run nft."""
    said = [town.do(firewall.is_there)]
    town.do(firewall.ensure, [town.endpoint(2)])
    said.append(town.do(firewall.is_there))
    town.do(firewall.remove)
    town.do(lambda paths: nft.run(f"add table bridge {paths.nft_table}\n"))
    said.append(town.do(firewall.is_there))
    town.do(firewall.remove)
    assert [*said, town.do(firewall.is_there)] == [False, True, True, False]


def test_flushed_rules_are_restored(town: Any, netns: ModuleType, published: Callable[..., Any]) -> None:
    """By the next start as far as it needs them, by repair altogether: ports lead in again, policies hold."""
    endpoint = town.endpoint(2, ports=(published(8080, 80),), egress=())
    container = town.start(2, ports=endpoint.ports, egress=())
    container.serve(80, "web")
    town.outside.serve(9)
    town.host.run("nft", "flush", "ruleset")
    assert town.outside.fetch(netns.HOST, 8080) == "refused"
    town.do(firewall.ensure, [town.endpoint(3)])
    assert town.do(firewall.is_ready, endpoint)
    town.do(repair.repair, lambda: ([town.wire("open")], [endpoint]), dry_run=False)
    assert town.outside.fetch(netns.HOST, 8080) == f"web {netns.OUTSIDE}"
    assert container.fetch(netns.OUTSIDE, 9) == "refused"


def test_flushed_chains_are_found(town: Any, published: Callable[..., Any]) -> None:
    """Rules that somebody has removed while the elements stayed; and what repair says of it."""
    endpoint = town.endpoint(2, ports=(published(8080, 80),), egress=())
    town.start(2, ports=endpoint.ports, egress=())
    table = town.do(lambda paths: paths.nft_table)
    town.host.run("nft", f"flush chain inet {table} forward; flush chain bridge {table} frames")
    said = town.do(repair.repair, lambda: ([town.wire("open")], [endpoint]), dry_run=False)
    assert said == [f"rules of table {table}", f"egress of {endpoint.host_interface}"]
    assert town.do(repair.repair, lambda: ([town.wire("open")], [endpoint]), dry_run=False) == []


def test_repair_survives_the_end_of_a_container(town: Any, published: Callable[..., Any]) -> None:
    """One that ends while we look has no veth any more: that is left to the next repair."""
    endpoint = town.endpoint(2, ports=(published(8080, 80),), egress=())
    assert town.do(repair.repair, lambda: ([town.wire("open")], [endpoint]), dry_run=False)
    assert town.do(repair.repair, lambda: ([town.wire("open")], []), dry_run=False) == [
        "port 8080/tcp",
        f"egress of {endpoint.host_interface}",
    ]


def test_repair_without_anything_makes_nothing(town: Any) -> None:
    """Where there is no network, there are no rules."""
    assert town.do(repair.repair, lambda: ([], []), dry_run=False) == []
    assert town.ruleset() == ""


def test_policy_needs_br_netfilter(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it neighbours would be reached: an error that says how to get it, before anything is changed."""
    town.do(firewall.ensure, [town.endpoint(2)])
    monkeypatch.setattr(br_netfilter, "is_there", lambda: False)
    with pytest.raises(errors.HostLacks) as caught:
        town.do(firewall.admit, town.endpoint(2, egress=()))
    assert caught.value.hint == "modprobe br_netfilter"
    assert "only-" not in town.ruleset()
