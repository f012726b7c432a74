"""`network connect` and `disconnect`: who is in which network is a row, whether the container runs or not.

One that runs gets its lease in the same transaction, and its wire after it; what loses its wire keeps its lease until
the wire is gone, so that nobody gets an address that still answers.
"""

from __future__ import annotations

from quiltctl import errors
from quiltctl.db import containers, leases, memberships, networks
from quiltctl.db.connection import transaction
from quiltctl.db.memberships import Membership
from quiltctl.model.address_plan import check_asked
from quiltctl.model.document import decode, encode
from quiltctl.model.name import check_name
from quiltctl.model.spec import spec_from
from quiltctl.model.subnet import parse_subnet
from quiltctl.model.value import Value
from quiltctl.runtime.lifecycle import apply_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from quiltctl.db.containers import Container
    from quiltctl.db.networks import Network
    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec
    from quiltctl.paths import Paths

_HEX = frozenset("0123456789abcdef")
_MAC_BYTES = 6


class Wish(Value):
    """What a container would like to have in a network; None is whatever comes."""

    aliases: tuple[str, ...] = ()
    ip: str | None = None
    ip6: str | None = None
    mac: str | None = None


def check(wish: Wish) -> Wish:
    """Return the wish, the hardware address in its usual spelling. Whether addresses fit, the network will say.

    Raises:
        UsageError: an alias is no name, or the hardware address none that an interface can have.
    """
    for alias in wish.aliases:
        check_name(alias, "container")
    return Wish(wish.aliases, wish.ip, wish.ip6, None if wish.mac is None else _checked_mac(wish.mac))


def connect(paths: Paths, connection: sqlite3.Connection, network: Network, container: Container, wish: Wish) -> None:
    """Put a container into a network; when this returns, one that runs can be reached there.

    Raises:
        Conflict: it is in it already, or the address it asks for is taken.
        UsageError: it cannot be in networks, or cannot have the address.
        NotFound: container or network have been removed meanwhile.
        WrongState: it is just being started.
    """
    with transaction(connection):
        now, network = _still_there(connection, container, network)
        if now.state == "starting":
            raise errors.WrongState(f"cannot connect {now.name}: it is being started", hint="try again")
        spec = _spec_of(connection, now)
        member = _member(connection, now, network, wish)
        containers.touch(connection, now.id)
        memberships.insert(connection, member)
        endpoint = _lease(paths, connection, network, member, spec) if now.state in containers.LIVE else None
    if endpoint is None:
        return
    try:
        apply_network.wire(paths, connection, endpoint, now.pid or 0, network.id)
    except (errors.QuiltError, OSError):
        with transaction(connection):
            memberships.delete(connection, now.id, network.id)
            leases.release(connection, now.id, network.id, cleaned=False)
        raise
    with transaction(connection):
        leases.activate(connection, now.id)


def disconnect(
    paths: Paths, connection: sqlite3.Connection, network: Network, container: Container, *, force: bool = False
) -> None:
    """Take a container out of a network; when this returns, it cannot be reached there any more.

    Raises:
        WrongState: it is not in it, and that is not ignored (``force``); or it is just being started.
        NotFound: container or network have been removed meanwhile.
    """
    with transaction(connection):
        now, network = _still_there(connection, container, network)
        if now.state == "starting":
            raise errors.WrongState(f"cannot disconnect {now.name}: it is being started", hint="try again")
        found = _endpoints(connection, now.id, network)
        containers.touch(connection, now.id)
        was_in = memberships.delete(connection, now.id, network.id)
        leases.release(connection, now.id, network.id, cleaned=False)
        if not was_in and not found and not force:
            raise errors.WrongState(
                f"container {now.name} is not in network {network.name}",
                hint=f"see who is: quiltctl network inspect {network.name}",
            )
    for endpoint in found:
        apply_network.unwire(paths, connection, endpoint, network.id)
    if found:
        with transaction(connection):
            leases.release(connection, now.id, network.id)


def egress_of(network: Network, spec: Spec) -> Sequence[str] | None:
    """Return the destinations that a container may speak to by a network, None for all; its own go first."""
    if spec.egress is not None:
        return spec.egress
    found: list[str] | None = decode(network.config).get("egress")
    return found


def _still_there(connection: sqlite3.Connection, container: Container, network: Network) -> tuple[Container, Network]:
    now, row = containers.get(connection, container.id), networks.get(connection, network.id)
    if now is None:
        raise errors.NotFound("container", container.name)
    if row is None:
        raise errors.NotFound("network", network.name)
    return now, row


def _spec_of(connection: sqlite3.Connection, container: Container) -> Spec:
    """Return what the container was made with.

    Raises:
        UsageError: its network namespace is not its own, or shall have no networks.
    """
    spec = spec_from(decode(containers.config_of(connection, container.id)))
    if spec.network != "bridge":
        raise errors.UsageError(
            f"cannot connect {container.name}: it was made with --network {spec.network}",
            hint="make it anew with --network and the name of a network",
        )
    return spec


def _member(connection: sqlite3.Connection, container: Container, network: Network, wish: Wish) -> Membership:
    """Return the row of a container that comes into a network after those it is in."""
    others = memberships.of_container(connection, container.id)
    taken = {other.interface for other in others}
    interface = next(name for name in map("eth{}".format, range(len(others) + 1)) if name not in taken)
    ip = ip6 = None
    if wish.ip is not None:
        ip = check_asked(parse_subnet(network.subnet, "--subnet"), network.gateway, wish.ip, "--ip")
    if wish.ip6 is not None:
        if network.subnet6 is None:
            raise errors.UsageError(
                f"network {network.name} has no IPv6, so there can be no --ip6", hint="make one with --ipv6"
            )
        ip6 = check_asked(parse_subnet(network.subnet6, "--subnet"), network.gateway6 or "", wish.ip6, "--ip6")
    position = max((other.position for other in others), default=-1) + 1
    return Membership(container.id, network.id, position, interface, ip, ip6, wish.mac, encode(list(wish.aliases)))


def _lease(paths: Paths, connection: sqlite3.Connection, network: Network, member: Membership, spec: Spec) -> Endpoint:
    leases.lease(paths, connection, network, member, egress=egress_of(network, spec))
    return _endpoints(connection, member.container_id, network)[-1]


def _endpoints(connection: sqlite3.Connection, container_id: str, network: Network) -> list[Endpoint]:
    """Return what a container has in a network: more than one while an earlier wire could not be taken away."""
    found = leases.endpoints_of(connection, container_id)
    return sorted((one for one in found if one.network == network.name), key=lambda endpoint: endpoint.lease_id)


def _checked_mac(text: str) -> str:
    """Return a hardware address as the kernel writes it.

    Raises:
        UsageError: it is none, or one of a group: the first bit says so (IEEE 802).
    """
    words = text.lower().replace("-", ":").split(":")
    is_mac = len(words) == _MAC_BYTES and all(len(word) == 2 and _HEX.issuperset(word) for word in words)  # noqa: PLR2004 (digits)
    if not is_mac or int(words[0], 16) & 1 or not any(int(word, 16) for word in words):
        raise errors.UsageError(
            f'"{text}" cannot be the hardware address of an interface', hint="such as 02:42:0a:2a:00:07"
        )
    return ":".join(words)
