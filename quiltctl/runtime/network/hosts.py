"""The text of a container's /etc/hosts: itself, what the user gave, the host, and its neighbours by name.

What does not change while a container lives stands first, so that a reader who meets a rewrite finds it in any case.
"""

from __future__ import annotations

from quiltctl.errors import UsageError
from quiltctl.model.endpoint import routed
from quiltctl.model.value import Value
from quiltctl.runtime.network import host_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quiltctl.model.endpoint import Endpoint
    from quiltctl.model.spec import Spec

HOST_GATEWAY = "host-gateway"
_COMMENT = "# Written by quiltctl, and rewritten when containers of its networks come and go: other changes are lost.\n"
_LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_HOST_NAMES = ("host.containers.internal", "host.docker.internal")
_RESERVED = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})
"""No container is found by one of these, whatever it is called."""
_SHORT = 12
_LOOPBACK = "127.0.0.1"
_HOSTS_OWN = "/etc/hosts"
_MOST_BYTES = 8 << 20
"""Lists of hosts that are to be blocked have some megabytes."""


class Entry(Value):
    """A container at its addresses in one network."""

    lease_id: int
    ip: str
    ip6: str
    """Empty without IPv6."""
    names: tuple[str, ...]


def names_of(container_id: str, name: str, aliases: Iterable[str] = (), hostname: str = "") -> tuple[str, ...]:
    """Return what a container is found by, each once: host name, name, aliases, the beginning of its id.

    Names of which a line of /etc/hosts would be torn are left out.
    """
    candidates = dict.fromkeys((hostname, name, *aliases, container_id[:_SHORT]))
    return tuple(word for word in candidates if _is_word(word) and word not in _RESERVED)


def _is_word(text: str) -> bool:
    """Return whether a text is one word of a line of /etc/hosts (hosts(5))."""
    return bool(text) and text.isprintable() and " " not in text and "#" not in text


def parse_extra(text: str) -> tuple[tuple[str, ...], str]:
    """Return the names and the address of one ``--add-host``: ``NAME[;NAME...]:ADDRESS``.

    Raises:
        UsageError: it is not of that form.
    """
    words, colon, address = text.partition(":")
    names = tuple(words.split(";"))
    if not colon or not all(_is_word(name) for name in names):
        raise UsageError(
            f"invalid --add-host {text!a}", hint="such as db:10.42.0.7, db;cache:10.42.0.7, or api:host-gateway"
        )
    if address == HOST_GATEWAY:
        return names, address
    from quiltctl.model.subnet import parse_address  # half a millisecond, for who gives addresses

    return names, str(parse_address(address.removeprefix("[").removesuffix("]"), "--add-host"))


def check_extra(extra_hosts: Iterable[str], gateway: str | None) -> None:
    """Make sure that every ``--add-host`` can be honoured.

    Raises:
        UsageError: one is malformed, or means the host where the container has no way to it.
    """
    for text in extra_hosts:
        if parse_extra(text)[1] == HOST_GATEWAY and gateway is None:
            raise UsageError(
                f"cannot honour --add-host {text}: the container has no network that leads to the host",
                hint="connect it to a network that is not internal, or give an address",
            )


def gateway_of(network: str, endpoints: tuple[Endpoint, ...]) -> str | None:
    """Return the address by which a container reaches the host, or None when it does not."""
    if network == "host":
        return _LOOPBACK
    way_out = routed(endpoints)
    return None if way_out is None else way_out.gateway


def claimed_by(extra_hosts: Iterable[str]) -> frozenset[str]:
    """Return the names that the user gives addresses: no generated line has them.

    To stand first is not enough: getaddrinfo(3) of glibc gathers the addresses of all lines that fit.
    """
    return frozenset(name for text in extra_hosts for name in parse_extra(text)[0])


def lines_of(entry: Entry, claimed: frozenset[str] = frozenset()) -> str:
    """Return the line of a container in a network, or its two lines where it has an IPv6 address as well."""
    names = [name for name in entry.names if name not in claimed] if claimed else entry.names
    if not names:
        return ""
    words = " ".join(names)
    return f"{entry.ip}\t{words}\n{entry.ip6}\t{words}\n" if entry.ip6 else f"{entry.ip}\t{words}\n"


def text_of(spec: Spec, endpoints: tuple[Endpoint, ...]) -> str:
    """Return the text for a container that is about to start. Its neighbours come in with the first refresh.

    Raises:
        UsageError: an ``--add-host`` cannot be honoured.
    """
    gateway = gateway_of(spec.network, endpoints)
    check_extra(spec.extra_hosts, gateway)
    alone = names_of("", spec.name, (), spec.hostname)
    if spec.network == "host":
        return render_of_host(host_text.read(_HOSTS_OWN, _MOST_BYTES), alone, spec.extra_hosts)
    names = names_of(spec.id, spec.name, (), spec.hostname)
    own = [Entry(each.lease_id, each.ip, each.ip6, names) for each in endpoints]
    return render(own or [Entry(0, _LOOPBACK, "", alone)], spec.extra_hosts, gateway)


def render(own: Sequence[Entry], extra_hosts: Sequence[str], gateway: str | None, peers: str = "") -> str:
    """Return the text for a container with a network of its own, be it empty.

    ``own`` is the container itself, once for each network, ``peers`` the ready lines of its neighbours. Extra hosts
    that mean the host are left out where there is no gateway.
    """
    claimed = claimed_by(extra_hosts)
    extra = _extra_lines(extra_hosts, gateway)
    here = "".join(lines_of(entry, claimed) for entry in own)
    return f"{_COMMENT}{extra}{_LOCALHOST}{here}{_host_line(gateway, claimed)}{peers}"


def render_of_host(text: str, names: Sequence[str], extra_hosts: Sequence[str]) -> str:
    """Return the text for a container in the host's network: the host's own, and what was given.

    What was given stands before, as podman has it, since the first line that fits is taken. The container's own
    names come last where the host does not know them.
    """
    known = {word for line in text.split("\n") for word in line.partition("#")[0].split()}
    missing = " ".join(name for name in names if name not in known | claimed_by(extra_hosts))
    here = f"{_LOOPBACK}\t{missing}\n" if missing else ""
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    return f"{_extra_lines(extra_hosts, _LOOPBACK)}{whole or _LOCALHOST}{here}"


def _extra_lines(extra_hosts: Iterable[str], gateway: str | None) -> str:
    lines = []
    for text in extra_hosts:
        names, address = parse_extra(text)
        address = (gateway or "") if address == HOST_GATEWAY else address
        if address:
            lines.append(f"{address}\t{' '.join(names)}\n")
    return "".join(lines)


def _host_line(gateway: str | None, claimed: frozenset[str]) -> str:
    return "" if gateway is None else lines_of(Entry(0, gateway, "", _HOST_NAMES), claimed)
