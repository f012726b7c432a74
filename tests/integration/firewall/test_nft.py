"""The program nft: what it says, how much it takes, and what goes on without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quiltctl import errors
from quiltctl.runtime import host_program
from quiltctl.runtime.network import firewall, nft, repair

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

pytestmark = pytest.mark.needs("root", "ip", "nft")


@pytest.fixture
def no_nft(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no program nft, on a host with one container."""
    town.attach(town.endpoint(2))
    monkeypatch.setattr(host_program, "FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.usefixtures("no_nft")
def test_missing_nft_is_an_error_only_where_it_is_needed(town: Any, published: Callable[..., Any]) -> None:
    """NAT, ports and policies need it; an internal network, one without NAT, and all that removes do not."""
    endpoint = town.endpoint(2, ports=(published(8080, 80),))
    needing: tuple[Callable[[], object], ...] = (
        lambda: town.do(firewall.ensure, [endpoint]),
        lambda: town.do(firewall.admit, endpoint),
        lambda: town.do(repair.repair, lambda: ([], [endpoint]), dry_run=False),
    )
    for needed in needing:
        with pytest.raises(errors.HostLacks, match="no program nft") as caught:
            needed()
        assert caught.value.hint == "apt install nftables, or use --network none or a network made with --internal"
    town.do(firewall.ensure, [town.endpoint(2, "inner"), town.endpoint(2, nat=False)])
    town.do(firewall.admit, town.endpoint(2))
    town.do(firewall.withdraw, [endpoint])
    town.do(firewall.remove_networks, [endpoint.bridge])
    town.do(firewall.remove)
    assert town.do(repair.repair, lambda: ([town.wire("open")], []), dry_run=False) == []


def test_what_nft_refuses_is_said_in_its_words(town: Any) -> None:
    """The first line of it; and nothing of the script has happened."""
    with pytest.raises(errors.KernelError, match=r"^cannot change the firewall: 2:14-14: Error: syntax error"):
        town.host.call(lambda: nft.run("add table inet t\nnonsense here\n"))
    with pytest.raises(errors.KernelError, match=r"No such file or directory$"):
        town.host.call(lambda: nft.run("add table inet t\nadd rule inet t c drop\n"))
    assert town.ruleset() == ""


def test_long_scripts_and_lists_pass(town: Any) -> None:
    """Longer than any pipe holds, in both directions."""
    numbers = ", ".join(str(n) for n in range(20000))
    town.host.call(
        lambda: nft.run(f"add table inet t\nadd set inet t s {{ type mark; elements = {{ {numbers} }}; }}\n")
    )
    [held] = [item["set"] for item in town.host.call(lambda: nft.list_table("inet", "t")) if "set" in item]
    assert len(held["elem"]) == 20000
    assert town.host.call(lambda: nft.list_table("inet", "other")) == []
