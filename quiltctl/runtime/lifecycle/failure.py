"""What a program that did not come to run is told as: one sentence, a hint, and the right exit code."""

from __future__ import annotations

import errno
import os

from quiltctl import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.spec import Spec
    from quiltctl.runtime.program import Failure

_KINDS: tuple[type[errors.QuiltError], ...] = (
    errors.CannotExecute,
    errors.ProgramNotFound,
    errors.AddressInUse,
    errors.Conflict,
    errors.HostLacks,
    errors.KernelError,
    errors.UsageError,
)


def explain(spec: Spec, failure: Failure) -> errors.QuiltError:
    """Return the error for a failure on the way to the program of this container."""
    return explain_for(spec.name, failure, f"cannot start {spec.name}")


def explain_for(name: str, failure: Failure, wish: str) -> errors.QuiltError:
    """Return the error for a failure on the way to a program in the container of this name.

    ``wish`` is how the sentence begins: what could not be done.
    """
    reason = os.strerror(failure.errno).lower() if failure.errno else failure.text
    if failure.kind == "not_found":
        if failure.text == "interpreter":
            return errors.ProgramNotFound(
                f'cannot execute "{failure.subject}" in {name}: its interpreter is not in the image',
                hint="look at its first line, or at what `file` says of it",
            )
        return errors.ProgramNotFound(f'no such program in {name}: "{failure.subject}"')
    if failure.kind == "cannot_execute" and failure.text == "working directory":
        return errors.CannotExecute(f'cannot use the working directory "{failure.subject}" in {name}: {reason}')
    if failure.kind == "cannot_execute":
        reason = "is a directory" if failure.text == "directory" else reason
        return errors.CannotExecute(f'cannot execute "{failure.subject}" in {name}: {reason}')
    if failure.kind == "user":
        return errors.CannotExecute(f"{wish}: {failure.text}")  # 126, as podman has it
    return _explain_option(name, wish, failure, reason) or _explain_refusal(wish, failure, reason)


def _explain_option(name: str, wish: str, failure: Failure, reason: str) -> errors.QuiltError | None:
    """Return the error for something the user asked for and the kernel does not give, if it is that."""
    if failure.step in {"identity", "stdio"} and failure.errno == errno.EINVAL:
        # setuid(2), chown(2): the id has no mapping in this user namespace.
        return errors.CannotExecute(
            f"{wish}: its user or one of its groups is beyond the ids of the container",
            hint="give it more ids with --userns auto:size=N, or another user",
        )
    if failure.errno == errno.EAGAIN and failure.step == "join":
        # fork(2): the cgroup of the container has as many processes as it may have.
        return errors.KernelError(
            f"{wish}: it has as many processes as it may have",
            hint=f"end some of them, or allow more: quiltctl update --pids-limit NUMBER {name}",
        )
    if failure.subject.startswith("--"):
        return errors.HostLacks(
            f"{wish}: the kernel does not take {failure.subject}: {reason}", hint="ask for less, or leave it out"
        )
    if failure.subject.startswith(("ulimit ", "sysctl ")):
        hint = "ask for less, or leave it out: this host does not allow it"
        if failure.errno == errno.ENOENT:
            hint = "this kernel has no such parameter, or not in the container's namespaces"
        return errors.HostLacks(f"{wish}: cannot set {failure.subject}: {reason}", hint=hint)
    return None


def _explain_refusal(wish: str, failure: Failure, reason: str) -> errors.QuiltError:
    if failure.errno in {errno.ELOOP, errno.ENOTDIR} and failure.step == "root":
        return errors.KernelError(
            f"{wish}: the image has something else than a directory at {failure.subject.split()[-1]}",
            hint="an image whose /proc, /sys or /dev is a link is not trusted",
        )
    if failure.errno == errno.EXDEV and failure.step == "root":
        return errors.KernelError(
            f"{wish}: the image has a link at {failure.subject.split()[-1]} that may lead out of it",
            hint="what /proc shows as the open file of a process is not followed",
        )
    if failure.errno == errno.ENOSPC:
        return errors.KernelError(
            f"{wish}: no space left on device ({failure.subject or failure.step})", hint="free some space"
        )
    if failure.errno in {errno.ENODEV, errno.ENOSYS}:
        return errors.HostLacks(f"{wish}: this kernel cannot do {failure.subject}", hint="see: quiltctl system check")
    if failure.errno == errno.EPERM and failure.step in {"prepare", "cgroup", "root"}:
        return errors.HostLacks(
            f"{wish}: not permitted here: {failure.subject}",
            hint="quiltctl needs root: see `quiltctl system check`",
        )
    return errors.KernelError(f"{wish}: {failure.step}: {failure.subject or 'failed'}: {reason}")


def refusal_of(answer: tuple[str, ...]) -> errors.QuiltError:
    """Return the error that a shim's answer (``failed``, code, sentence, hint) speaks of."""
    _, code, sentence, hint = answer
    kind = next((kind for kind in _KINDS if kind.code == code), errors.QuiltError)
    return kind(sentence, hint=hint or None)
