"""From a profile to the program of classic BPF that the kernel takes, by libseccomp.

Each architecture of the machine gets a filter of its own, and they are merged: so a call that one of them lacks, or a
rule that libseccomp has to bend for it, leaves the others alone. What x86 and arm programs call is covered, too; an
architecture that the profile does not name answers ENOSYS to everything, as a kernel without it would.
"""

from __future__ import annotations

import os

from quiltctl.errors import HostLacks, UsageError
from quiltctl.model.value import Value
from quiltctl.runtime.seccomp import profile as profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from pyseccomp import SyscallFilter

    from quiltctl.runtime.seccomp.profile import Action, Condition, Profile, Rule

_INSTRUCTION_BYTES = 8
_MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS, linux/bpf_common.h
_ENOSYS = 38
_UNKNOWN = -1  # libseccomp's number for a name it does not know
_ABSENT = -10000  # from here down, one number for each call that only other architectures have
_BINARY_TREE = 2


class _Machine(Value):
    """A machine's own architecture, its name in Go, and whose programs it can run, itself first."""

    native: str
    go_name: str
    runs: tuple[str, ...]


_MACHINES = {
    "x86_64": _Machine("SCMP_ARCH_X86_64", "amd64", ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")),
    "aarch64": _Machine("SCMP_ARCH_AARCH64", "arm64", ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")),
}


def compile_profile(text: str, capabilities: Sequence[str], machine: str) -> bytes:
    """Return the program, an array of struct sock_filter (seccomp(2)), for a container with these capabilities.

    Capabilities come without CAP_; ``machine`` is that of uname(2). Calls that libseccomp does not know are left out.

    Raises:
        UsageError: the profile cannot be used; the sentence says where and why.
        HostLacks: there is no libseccomp here, or no support for this machine.
    """
    read = profiles.parse(text)
    facts = _MACHINES.get(machine)
    if facts is None:
        raise HostLacks(
            f"cannot filter system calls on {machine}: only {' and '.join(_MACHINES)} are supported",
            hint="--security-opt seccomp=unconfined",
        )
    held = {f"CAP_{name}" for name in capabilities}
    rules = [rule for rule in read.rules if profiles.counts(rule, held, facts.go_name)]
    _refuse_shadowed(rules, read.default)
    rules = [rule for rule in rules if rule.action != read.default]  # libseccomp refuses what the default says
    library = _library()
    filters = [_filter(library, name, read.default, rules) for name in _architectures(read, facts)]
    for other in filters[1:]:
        filters[0].merge(other)
    return _export(filters[0])


def _library() -> ModuleType:
    """Return pyseccomp, the binding of libseccomp."""
    try:
        import pyseccomp  # 30 ms: it asks ldconfig where the library is
    except (ImportError, RuntimeError, OSError) as error:
        raise HostLacks(
            f"cannot filter system calls: libseccomp cannot be loaded: {error}",
            hint="apt install libseccomp2, or --security-opt seccomp=unconfined",
        ) from error
    return pyseccomp


def _architectures(read: Profile, machine: _Machine) -> list[str]:
    """Return those whose programs this machine can run and the profile covers; its own always, and first."""
    wanted = {machine.native, *read.architectures, *read.families.get(machine.native, ())}
    return [name for name in machine.runs if name in wanted]


def _refuse_shadowed(rules: Sequence[Rule], default: Action) -> None:
    """Refuse a rule with conditions beside one without for the same call: libseccomp would drop it without a word."""
    whole = [rule for rule in rules if not rule.conditions and rule.action != default]
    always = {name: rule for rule in whole for name in rule.names}
    for rule in rules:
        for name in rule.names:
            other = always.get(name, rule)
            if rule.conditions and other.action != rule.action:
                profiles.refuse(rule.place, f"never applies to {name}: {other.place} decides it whatever the arguments")


def _filter(library: ModuleType, architecture: str, default: Action, rules: Sequence[Rule]) -> SyscallFilter:
    """Return libseccomp's filter for one architecture."""
    token = getattr(library.Arch, architecture.removeprefix("SCMP_ARCH_"))
    made: SyscallFilter = library.SyscallFilter(_action(library, default))
    made.set_attr(library.Attr.ACT_BADARCH, library.ERRNO(_ENOSYS))
    made.set_attr(library.Attr.CTL_OPTIMIZE, _BINARY_TREE)
    if token != library.system_arch():
        made.add_arch(token)
        made.remove_arch(library.Arch.NATIVE)
    for rule in rules:
        for name in rule.names:
            number = library.resolve_syscall(token, name)
            if number == _UNKNOWN or number <= _ABSENT:
                continue
            for conditions in _alternatives(rule.conditions):
                _add(library, made, rule, name, conditions)
    return made


def _add(library: ModuleType, made: SyscallFilter, rule: Rule, name: str, conditions: Sequence[Condition]) -> None:
    arguments = [
        library.Arg(condition.index, getattr(library, condition.operator), condition.value, condition.value_two)
        for condition in conditions
    ]
    try:
        made.add_rule(_action(library, rule.action), name, *arguments)
    except FileExistsError as error:
        raise UsageError(
            f"cannot use the seccomp profile: {rule.place} contradicts an earlier rule for {name}"
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot use the seccomp profile: libseccomp does not take {rule.place} for {name}: {error.strerror}"
        ) from error


def _alternatives(conditions: Sequence[Condition]) -> list[Sequence[Condition]]:
    """Return what must hold together. Conditions on one argument are alternatives, as runc and crun read them."""
    indexes = {condition.index for condition in conditions}
    return [conditions] if len(indexes) == len(conditions) else [[condition] for condition in conditions]


def _action(library: ModuleType, action: Action) -> int:
    """Return libseccomp's number for an action."""
    value = getattr(library, action.kind)
    return int(value(action.number) if callable(value) else value)


def _export(made: SyscallFilter) -> bytes:
    """Return the program, which libseccomp writes into a file alone."""
    with open(os.memfd_create("seccomp"), "w+b", buffering=0) as file:
        made.export_bpf(file)
        file.seek(0)
        program = file.read()
    count = len(program) // _INSTRUCTION_BYTES
    if count > _MOST_INSTRUCTIONS:
        raise UsageError(
            f"cannot use the seccomp profile: it makes {count} instructions, and the kernel takes {_MOST_INSTRUCTIONS}"
        )
    return program
