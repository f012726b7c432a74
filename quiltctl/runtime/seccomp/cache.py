"""Profiles and compiled programs, kept in one folder: compiling takes 70 ms, and every start of a container needs one.

``ID.json`` is a profile of a user, ID being its SHA-256. ``ID.STATE.CAPABILITIES.bpf`` is a program: made from profile
ID (or "default", our own), in a state of the world (its text, this kernel, this libseccomp, this code), for a set of
capabilities. Whatever of that changes, the name changes with it, so a program is never out of date, only missing.

On the way to a program that is there nothing is imported but what the interpreter has loaded, and a hash.
"""

from __future__ import annotations

import os
import sys
import time
from binascii import crc32

from quiltctl.errors import NotFound, UsageError

# hashlib alone costs 2 ms; below it lies one of these, by the version of Python. A build may have left them out.
try:
    if sys.version_info >= (3, 12):
        from _sha2 import sha256
    else:
        from _sha256 import sha256
except ImportError:
    from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

DEFAULT = "default"
_OURS = f"{os.path.dirname(__file__)}/default.json"
_FORMAT = "1"
"""Raised when the compiler makes another program from the same profile."""

_CHECKSUM_BYTES = 4
_INSTRUCTION_BYTES = 8
_GRACE_S = 3600
"""A profile is kept before its container is recorded, and must not be swept in between."""


def program(folder: str, profile: str, capabilities: Sequence[str]) -> bytes:
    """Return the program of a profile, "default" or what ``keep`` gave back, for these capabilities (without CAP_).

    Raises:
        NotFound: the profile is not in the folder, or damaged there.
        UsageError: it cannot be used with these capabilities.
        HostLacks: it is not compiled yet, and there is no libseccomp.
    """
    text, digest = _text(folder, profile)
    held = _that_matter(text, capabilities)
    path = f"{folder}/{profile}.{_state(digest)}.{_short(' '.join(held).encode())}.bpf"
    found = _read_program(path)
    if found is None:
        from quiltctl.runtime.seccomp.compiler import compile_profile

        found = compile_profile(text.decode(), held, os.uname().machine)
        try:
            _write(path, _checksum(found) + found)
        except OSError:
            return found  # a full disk, or a sweep that met the unfinished file: the next start compiles again
    return found


def keep(folder: str, text: str) -> str:
    """Store a user's profile for ``program``, and return its name there. The same text twice is stored once.

    Raises:
        UsageError: it cannot be used.
        HostLacks: there is no libseccomp to try it with.
    """
    from quiltctl.runtime.seccomp.compiler import compile_profile

    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("cannot use the seccomp profile: it is not UTF-8") from error
    compile_profile(text, (), os.uname().machine)
    name = sha256(content).hexdigest()
    _write(f"{folder}/{name}.json", content)
    return name


def sweep(folder: str, wanted: Collection[str]) -> None:
    """Remove the profiles that are not wanted any more, and programs whose profile is gone or whose state is past.

    What is younger than an hour stays: somebody may be about to need it.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    states = {}
    for profile in {DEFAULT, *wanted}:
        try:
            states[profile] = _state(_text(folder, profile)[1])
        except NotFound:
            continue
    before = time.time() - _GRACE_S
    for name in names:
        profile, _, rest = name.partition(".")
        is_wanted = profile in states and (rest == "json" or rest.partition(".")[0] == states[profile])
        path = f"{folder}/{name}"
        try:
            if (not is_wanted or name.endswith(".tmp")) and os.stat(path).st_mtime < before:
                os.unlink(path)
        except FileNotFoundError:
            continue  # another sweep was first


def _text(folder: str, profile: str) -> tuple[bytes, str]:
    """Return the text of a profile and its SHA-256, which must be what a user's is named by."""
    path = _OURS if profile == DEFAULT else f"{folder}/{profile}.json"
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.read()
    except FileNotFoundError:
        text = b""
    digest = sha256(text).hexdigest()
    if profile not in {DEFAULT, digest}:
        raise NotFound("seccomp profile", profile, hint="create the container anew, with --security-opt seccomp=FILE")
    return text, digest


def _that_matter(text: bytes, capabilities: Sequence[str]) -> list[str]:
    """Return those of the capabilities that the profile may speak of, sorted, so that fewer programs are made."""
    if b"\\" in text:  # a name may be written with escapes, which only JSON reads
        return sorted(capabilities)
    return sorted(name for name in capabilities if f'"CAP_{name}"'.encode() in text)


def _state(digest: str) -> str:
    """Return the name of all that a program depends on, but for the capabilities."""
    host = os.uname()
    kernel = ".".join(host.release.split(".")[:2])  # minKernel
    return _short(" ".join((_FORMAT, host.machine, kernel, _library(host.machine), digest)).encode())


def _library(machine: str) -> str:
    """Return the file name of libseccomp, which ends in its version: a newer one knows more calls. Empty if unseen."""
    for folder in (f"/usr/lib/{machine}-linux-gnu", "/usr/lib64", "/usr/lib"):
        try:
            return os.readlink(f"{folder}/libseccomp.so.2")
        except OSError:
            continue
    return ""


def _short(content: bytes) -> str:
    return str(sha256(content).hexdigest()[:16])


def _read_program(path: str) -> bytes | None:
    """Return the program in a file, or None where there is none, or not the whole of what was written."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read()
    except OSError:
        return None
    found = content[_CHECKSUM_BYTES:]
    whole = found and len(found) % _INSTRUCTION_BYTES == 0 and content[:_CHECKSUM_BYTES] == _checksum(found)
    return found if whole else None


def _checksum(content: bytes) -> bytes:
    """Return what tells damage, not malice: who can write here is root. SHA-256 would take ten times as long."""
    return crc32(content).to_bytes(_CHECKSUM_BYTES)


def _write(path: str, content: bytes) -> None:
    """Put a file in its place at once and whole; of several writers the last one wins, with the same content."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    unfinished = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        with open(unfinished, "xb", buffering=0, opener=_closed) as file:
            file.write(content)
        os.rename(unfinished, path)
    except OSError:
        _forget(unfinished)
        raise


def _closed(path: str, flags: int) -> int:
    """Open a file that nobody else may read."""
    return os.open(path, flags, 0o600)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # there is nothing to forget
