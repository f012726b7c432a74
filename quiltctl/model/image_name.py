"""Names of images: ``[HOST[:PORT]/]PATH[:TAG]``, completed as podman completes them.

``debian`` is ``localhost/debian:latest``. The grammar is that of the distribution specification
(github.com/distribution/reference): host as in DNS, path of lower-case words, tag of up to 128 characters.
"""

from __future__ import annotations

from quiltctl.errors import UsageError

LOCAL_HOST = "localhost"
DEFAULT_TAG = "latest"
MAX_PATH = 255
MAX_TAG = 128

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_LETTERS = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HOST = _LETTERS | {"-"}
_IPV6 = frozenset("0123456789abcdefABCDEF:")
_DIGITS = frozenset("0123456789")
_TAG = _LETTERS | frozenset("_.-")
_PATH_MARKS = "._-"


def complete(name: str) -> str:
    """Return the name with its host and its tag.

    Raises:
        UsageError: no image can have that name.
    """
    found = completed(name)
    if found is not None:
        return found
    shown = ascii(name) if len(name) <= MAX_PATH else f"{name[:20]!a} and {len(name) - 20} characters more"
    raise UsageError(
        f"{shown} cannot be the name of an image",
        hint="a name is [HOST/]PATH[:TAG] in lower-case letters and digits, with single '.', '_' or '-' between them",
    )


def completed(name: str) -> str | None:
    """Return the name with its host and its tag, or None when no image can have that name."""
    host, path, tag = split(name)
    good = (
        _is_host(host)
        and 0 < len(path) <= MAX_PATH
        and all(_is_path_word(word) for word in path.split("/"))
        and _is_tag(tag)
    )
    return f"{host}/{path}:{tag}" if good else None


def split(name: str) -> tuple[str, str, str]:
    """Return host, path and tag, with the defaults for what is not said; nothing is checked."""
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == LOCAL_HOST)
    host, path = (first, rest) if is_host else (LOCAL_HOST, name)
    path, colon, tag = path.partition(":")
    return host, path, tag if colon else DEFAULT_TAG


def name_from_path(path: str) -> str:
    """Return the complete name for an archive or folder, or empty when its file name has no letter or digit.

    ``/srv/Debian 12.tar.gz`` gives ``localhost/debian-12:latest``.
    """
    word = path.rstrip("/").rpartition("/")[2].lower()
    for ending in (".gz", ".tgz", ".xz", ".txz", ".zst", ".tzst", ".tar"):
        word = word.removesuffix(ending)
    spelt = "".join(c if c in _LOWER else c if c in _PATH_MARKS else " " for c in word)
    for mark in _PATH_MARKS:
        # What is legal between two letters only once stays a single mark.
        spelt = mark.join(part.strip() for part in spelt.split(mark) if part.strip())
    return completed("-".join(spelt.split())[:MAX_PATH].rstrip(_PATH_MARKS)) or ""


def _is_host(host: str) -> bool:
    """Return whether it is a host name or an IPv6 address in brackets, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name = host
    elif not port or not _DIGITS.issuperset(port):
        return False
    if name.startswith("[") and name.endswith("]"):
        return len(name) > len("[]") and _IPV6.issuperset(name[1:-1])
    return all(word and _HOST.issuperset(word) and "-" not in {word[0], word[-1]} for word in name.split("."))


def _is_path_word(word: str) -> bool:
    """Return whether it is runs of letters and digits parted by '.', '_', '__' or any number of '-'."""
    if not word or word[0] not in _LOWER or word[-1] not in _LOWER:
        return False
    mark = ""
    for character in word:
        if character in _LOWER:
            if mark and mark not in {".", "_", "__"} and mark.strip("-"):
                return False
            mark = ""
        elif character in _PATH_MARKS:
            mark += character
        else:
            return False
    return True


def _is_tag(tag: str) -> bool:
    return 0 < len(tag) <= MAX_TAG and _TAG.issuperset(tag) and tag[0] not in ".-"
