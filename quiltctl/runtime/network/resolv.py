"""The text of a container's /etc/resolv.conf: the host's, as far as a container can use it, or what was asked for."""

from __future__ import annotations

from quiltctl.runtime.network import host_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec

_HOSTS_OWN = "/etc/resolv.conf"
_BEHIND_STUB = "/run/systemd/resolve/resolv.conf"
"""What systemd-resolved asks itself, where the other file names only its stub on the loopback."""
_MOST_BYTES = 64 << 10
_NOBODY = "# No name server of the host can be reached from this container. Name one: quiltctl run --dns ADDRESS\n"


def read(path: str = _HOSTS_OWN) -> str:
    """Return the text of a resolv.conf, whole lines of at most 64 KiB; without a path that of the host."""
    return host_text.read(path, _MOST_BYTES)


def of_host(own: str = _HOSTS_OWN, behind_stub: str = _BEHIND_STUB) -> str:
    """Return the host's text: that of its own file, or of the one behind it when that names only the loopback."""
    text = read(own)
    servers = _servers(text)
    if servers and all(_is_loopback(server) for server in servers):
        return read(behind_stub) or text
    return text


def render(text: str, spec: Spec, *, ipv6: bool = False, same: bool = False) -> str:
    """Return the text for a container, from that of the host and from what was asked for, which replaces the host's.

    A container that shares the ``same`` network reaches every name server of it, and gets the text unchanged if
    nothing was asked for. Otherwise ``ipv6`` says whether it reaches such ones. Those of ``--dns`` are taken as they
    are. A search list of ``.`` is none at all.
    """
    if same and not (spec.dns or spec.dns_search or spec.dns_options):
        return text
    servers = spec.dns or [server for server in _servers(text) if same or _is_usable(server, ipv6=ipv6)]
    lines = [f"nameserver {server}\n" for server in servers] or [_NOBODY]
    kept = {"sortlist", *(() if spec.dns_search else ("search", "domain")), *(() if spec.dns_options else ("options",))}
    lines += [f"{line.strip()}\n" for line in text.split("\n") if (line.split() or [""])[0] in kept]
    domains = [domain for domain in spec.dns_search if domain != "."]
    lines += [f"search {' '.join(domains)}\n"] if domains else []
    lines += [f"options {' '.join(spec.dns_options)}\n"] if spec.dns_options else []
    return "".join(lines)


def _servers(text: str) -> list[str]:
    """Return the addresses of the name servers in a resolv.conf (resolv.conf(5)), in their order."""
    lines = (line.split() for line in text.split("\n"))
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _is_loopback(server: str) -> bool:
    """Return whether an address means the one who asks. 0.0.0.0 does so as well."""
    word = server.lower().removeprefix("::ffff:")
    return word.startswith("127.") or word in {"::1", "::", "0.0.0.0"}  # noqa: S104 (nothing is bound)


def _is_usable(server: str, *, ipv6: bool) -> bool:
    """Return whether a name server of the host's is one for a container: a zone is an interface of the host's."""
    return not _is_loopback(server) and "%" not in server and (ipv6 or ":" not in server)
