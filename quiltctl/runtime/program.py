"""The last stretch before a program runs, the same for a container's first process and for `exec`.

Nothing is imported here any more: the root is already the container's. Whatever fails is told over a pipe that
closes by itself when the exec succeeds.
"""

from __future__ import annotations

import _signal
import errno
import marshal
import os

from quiltctl.model.value import Value
from quiltctl.runtime import rlimits, user
from quiltctl.runtime.linux import privileges, processes, seccomp
from quiltctl.runtime.rootfs.targets import find_folder, open_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from quiltctl.model.spec import Spec
    from quiltctl.runtime.rlimits import Limit
    from quiltctl.runtime.user import Identity

_HIGHEST_SIGNAL = 64
_UNTOUCHABLE = (9, 19)  # KILL and STOP
_GLIBC_OWN = (32, 33)  # nptl(7): the C library keeps these and refuses to set them


class Failure(Value):
    """Why a program did not come to run: the step, the call and its errno, and the sentence where there is one.

    ``kind`` is kernel, not_found, cannot_execute or user.
    """

    step: str
    kind: str
    errno: int
    subject: str
    text: str = ""

    def send(self, pipe_fd: int) -> None:
        """Write it where the other side waits."""
        os.write(pipe_fd, marshal.dumps((self.step, self.kind, self.errno, self.subject, self.text)))


class Confinement(Value):
    """What a program may and may not, beyond its ids: the same for a container's first process and for `exec`."""

    capabilities: tuple[str, ...]
    last_capability: int
    no_new_privileges: bool
    seccomp: bytes
    """A filter of system calls as the kernel takes it; empty for none."""
    limits: tuple[Limit, ...]


class CannotRun(Exception):
    """A failure with a kind of its own, raised on the way to exec."""

    def __init__(self, kind: str, number: int, subject: str, text: str = "") -> None:
        super().__init__(subject)
        self.kind = kind
        self.errno = number
        self.subject = subject
        self.text = text


def reset_signals() -> None:
    """Give every signal its default action and unblock all: ignored ones would stay ignored across exec.

    The interpreter ignores SIGPIPE, and a shell that started us in the background ignores SIGINT.
    """
    for number in range(1, _HIGHEST_SIGNAL + 1):
        if number not in _UNTOUCHABLE and number not in _GLIBC_OWN:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def become_root_inside(spec: Spec) -> None:
    """Take the ids of root in this user namespace: until then, whatever this process made would be nobody's.

    credentials(7): a change of ids makes a process dumpable again where fs.suid_dumpable says so.
    """
    if spec.uid_map:
        os.setgroups(())
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        privileges.forbid_dumps()


def look_up(root_fd: int, wanted: str, groups: tuple[str, ...]) -> Identity:
    """Return who the program runs as.

    Raises:
        CannotRun: the image does not know the user or a group.
    """
    try:
        return user.look_up(root_fd, wanted, groups)
    except user.UnknownUser as error:
        raise CannotRun("user", errno.ENOENT, wanted, str(error)) from error


def take_stdio(stdio_fds: tuple[int, int, int], identity: Identity) -> None:
    """Take over the standard descriptors; the user owns them, so that /dev/stdout can be opened again."""
    null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in stdio_fds:
        if fd >= 0:
            os.fchown(fd, identity.uid, identity.gid)
    for standard, fd in enumerate(stdio_fds):
        os.dup2(null_fd if fd < 0 else fd, standard)


def go_to(workdir: str, *, make: bool) -> None:
    """Change into the working directory of the container, made first where only the image names it.

    It is looked for and made without the links of /proc: by those, an image would make cgroups on the host.

    Raises:
        CannotRun: it is missing, no directory, or closed to the user.
    """
    root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir((open_folder if make else find_folder)(root_fd, workdir))
    except OSError as error:
        raise CannotRun("cannot_execute", error.errno or 0, workdir, "working directory") from error


def verify_working_directory() -> None:
    """Refuse a working directory outside of the root: one that a leaked descriptor led to (CVE-2024-21626).

    getcwd(2) says "(unreachable)" of such a one, and the C library turns that into ENOENT.
    """
    try:
        reachable = os.getcwd().startswith("/")
    except FileNotFoundError:
        reachable = False
    if not reachable:
        raise CannotRun("cannot_execute", errno.ENOENT, "(unreachable)", "working directory")


def confine(identity: Identity, confinement: Confinement) -> None:
    """Take the final limits, ids and rights, let the program inherit 0, 1 and 2 alone, and filter its system calls.

    The filter comes last, so that it need not allow what we still have to do; where no_new_privs is not set, it
    takes CAP_SYS_ADMIN in this user namespace, and so comes before that is gone (seccomp(2)).
    """
    rlimits.apply(confinement.limits)
    early = not confinement.no_new_privileges
    if early and confinement.seccomp:
        seccomp.load(confinement.seccomp)
    privileges.become(
        identity.uid, identity.gid, identity.groups, confinement.capabilities, confinement.last_capability
    )
    verify_working_directory()
    # Closing them here would also close the pipe that tells a failed exec.
    processes.close_at_exec(3)
    if early:
        return
    privileges.forbid_new_privileges()
    if confinement.seccomp:
        seccomp.load(confinement.seccomp)


def execute(argv: Sequence[str], env: dict[str, str]) -> NoReturn:
    """Become the program: looked up in the PATH of the container's environment, as execvp(3) does.

    Raises:
        CannotRun: it is not there (not_found), or cannot be executed.
    """
    name = argv[0]
    directories = [""] if "/" in name else [f"{part or '.'}/" for part in env.get("PATH", "").split(":")]
    refused = 0
    for directory in directories:
        try:
            os.execve(f"{directory}{name}", list(argv), env)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                if os.path.exists(f"{directory}{name}"):
                    raise CannotRun("not_found", errno.ENOENT, name, "interpreter") from error
                continue
            refused = error.errno or errno.EACCES
            if refused != errno.EACCES:
                break
    if refused:
        is_directory = any(os.path.isdir(f"{directory}{name}") for directory in directories)
        raise CannotRun("cannot_execute", refused, name, "directory" if is_directory else "")
    raise CannotRun("not_found", errno.ENOENT, name)


def environment(entries: Sequence[str], identity: Identity) -> dict[str, str]:
    """Return the environment from its ``KEY=value`` entries, the last of a key winning, with HOME always set."""
    env = dict(entry.split("=", 1) for entry in entries)
    env.setdefault("HOME", identity.home)
    return env


def tell_and_leave(pipe_fd: int, step: str, error: BaseException) -> NoReturn:
    """Report what stopped this process on its way to the program, and end it at once: nothing here may be unwound."""
    try:
        if isinstance(error, CannotRun):
            Failure(step, error.kind, error.errno, error.subject, error.text).send(pipe_fd)
        elif isinstance(error, OSError):
            Failure(step, "kernel", error.errno or 0, str(error.filename or "")).send(pipe_fd)
        else:
            Failure(step, "kernel", 0, f"{type(error).__name__}: {error}").send(pipe_fd)
    finally:
        os._exit(125)
