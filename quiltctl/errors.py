"""Everything that quiltctl says no with.

    QuiltError            failed              125
    ├─ UsageError         usage               125   the command line itself is wrong
    ├─ NotFound           not_found           125   no such container, image, ...
    ├─ Ambiguous          ambiguous           125   a short id that fits several
    ├─ Conflict           conflict            125   the name, port or range is taken
    │  └─ AddressInUse     address_in_use      126   a published port; the code is podman's
    ├─ WrongState         wrong_state         125   not running, already running, ...
    ├─ ImageError         image_failed        125   an archive that cannot be imported
    ├─ HostLacks          host_lacks          125   the kernel or the host cannot do it; always with a hint
    ├─ KernelError        kernel_refused      125   a system call failed: step, call, errno, subject
    ├─ StoreError         store_failed        125   the database
    │  ├─ StoreBusy       store_busy          125   locked for longer than the busy timeout
    │  ├─ StoreTooNew     store_too_new       125   written by a newer quiltctl
    │  └─ StoreDamaged    store_damaged       125   not a database, or a broken one
    ├─ CannotExecute      cannot_execute      126   permission, a directory, a bad working directory
    └─ ProgramNotFound    program_not_found   127   no such program in the container

``str(error)`` is the whole sentence: what could not be done, to what, why, in the user's own spelling.
``hint`` is the way out, or None. ``code`` is stable: scripts may branch on it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class QuiltError(Exception):
    """quiltctl could not do what was asked."""

    code = "failed"
    exit_code = 125

    def __init__(self, sentence: str, *, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.hint = hint


class UsageError(QuiltError):
    """The command line cannot be understood."""

    code = "usage"


class NotFound(QuiltError):
    """The reference names nothing."""

    code = "not_found"

    def __init__(self, kind: str, reference: str, *, hint: str | None = None) -> None:
        super().__init__(f'no such {kind}: "{reference}"', hint=hint)
        self.kind = kind
        self.reference = reference


class Ambiguous(QuiltError):
    """The short id fits several."""

    code = "ambiguous"

    def __init__(self, kind: str, reference: str, matches: Sequence[str]) -> None:
        super().__init__(
            f'{kind} "{reference}" is ambiguous: it fits {", ".join(matches)}', hint="give more of the id, or a name"
        )
        self.matches = tuple(matches)


class Conflict(QuiltError):
    """A name, a port or a range is taken."""

    code = "conflict"


class AddressInUse(Conflict):
    """A port of the host is taken. The code is podman's."""

    code = "address_in_use"
    exit_code = 126


class WrongState(QuiltError):
    """The container's state does not allow it."""

    code = "wrong_state"


class ImageError(QuiltError):
    """An archive or an image cannot be used."""

    code = "image_failed"


class HostLacks(QuiltError):
    """This host cannot do it. The hint says how to get it."""

    code = "host_lacks"


class KernelError(QuiltError):
    """A system call failed on the way."""

    code = "kernel_refused"


class StoreError(QuiltError):
    """The database cannot be used."""

    code = "store_failed"


class StoreBusy(StoreError):
    """Somebody held the database for longer than the busy timeout."""

    code = "store_busy"


class StoreTooNew(StoreError):
    """A newer quiltctl has changed the schema."""

    code = "store_too_new"


class StoreDamaged(StoreError):
    """The file is not a database, or a broken one."""

    code = "store_damaged"


class CannotExecute(QuiltError):
    """The program is there and cannot be executed."""

    code = "cannot_execute"
    exit_code = 126


class ProgramNotFound(QuiltError):
    """The program is not there."""

    code = "program_not_found"
    exit_code = 127
