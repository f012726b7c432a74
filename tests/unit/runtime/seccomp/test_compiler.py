"""What a compiled profile does, asked of the kernel: a child loads it and makes the calls."""

from __future__ import annotations

import errno
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from quiltctl.errors import HostLacks, UsageError
from quiltctl.runtime.seccomp.compiler import compile_profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Fate: TypeAlias = Callable[[bytes, list[Any]], list[int] | signal.Signals]

pytestmark = pytest.mark.needs("libseccomp")

MACHINE = os.uname().machine
HIGH = 1 << 40
SEEN = 77
"""The errno by which a test sees that its rule was taken; the kernel itself never gives it for these calls."""


def rules(*entries: dict[str, Any], default: str = "SCMP_ACT_ALLOW", **top: Any) -> str:
    """Return a profile that allows all but what the entries say."""
    return json.dumps({"defaultAction": default, "syscalls": entries, **top})


def rule(*names: str, action: str = "ERRNO", **more: Any) -> dict[str, Any]:
    """Return an entry whose calls give SEEN."""
    return {"names": names, "action": f"SCMP_ACT_{action}", "errnoRet": SEEN, **more}


def condition(operator: str, value: int, value_two: int = 0, index: int = 0) -> dict[str, Any]:
    """Return a condition on an argument."""
    return {"index": index, "op": f"SCMP_CMP_{operator}", "value": value, "valueTwo": value_two}


OPERATIONS = [
    ("EQ", 5, 0, {5: True, 4: False, 5 + HIGH: False}),
    ("NE", 5, 0, {5: False, 4: True, 5 + HIGH: True}),
    ("LT", 5, 0, {4: True, 5: False, HIGH: False}),
    ("LE", 5, 0, {5: True, 6: False, HIGH: False}),
    ("GT", 5, 0, {6: True, 5: False, HIGH: True}),
    ("GE", 5, 0, {5: True, 4: False, HIGH: True}),
    ("GT", HIGH, 0, {HIGH: False, HIGH + 1: True, 2**32 - 1: False}),
    ("MASKED_EQ", 0xF0, 0x50, {0x5A: True, 0x6A: False, 0x5A + HIGH: True}),
    ("MASKED_EQ", 2**64 - 1, HIGH + 1, {HIGH + 1: True, 1: False}),
]


@pytest.mark.parametrize(("operator", "value", "value_two", "cases"), OPERATIONS)
def test_operator_compares_all_64_bits(
    fate: Fate, call: Any, operator: str, value: int, value_two: int, cases: dict[int, bool]
) -> None:
    """The argument is unsigned and 64 bits wide, and MASKED_EQ has the mask first."""
    program = compile_profile(rules(rule("getppid", args=[condition(operator, value, value_two)])), (), MACHINE)
    found = fate(program, [call("getppid", (argument,)) for argument in cases])
    assert isinstance(found, list)
    assert [result == -SEEN for result in found] == list(cases.values())


def test_conditions_on_different_arguments_must_all_hold(fate: Fate, call: Any) -> None:
    """One rule with two arguments is a conjunction."""
    both = [condition("EQ", 1, index=0), condition("EQ", 2, index=5)]
    program = compile_profile(rules(rule("getppid", args=both)), (), MACHINE)
    found = fate(
        program, [call("getppid", (1, 0, 0, 0, 0, 2)), call("getppid", (1,)), call("getppid", (0, 0, 0, 0, 0, 2))]
    )
    assert found == [-SEEN, os.getpid(), os.getpid()]


def test_conditions_on_one_argument_are_alternatives(fate: Fate, call: Any) -> None:
    """As runc and crun read them."""
    either = [condition("EQ", 1), condition("EQ", 2)]
    program = compile_profile(rules(rule("getppid", args=either)), (), MACHINE)
    assert fate(program, [call("getppid", (n,)) for n in (1, 2, 3)]) == [-SEEN, -SEEN, os.getpid()]


def test_several_rules_for_one_call_add_up(fate: Fate, call: Any) -> None:
    """Each condition has its own action; what none of them fits is the default's."""
    text = rules(
        rule("getppid", args=[condition("EQ", 1)]), {**rule("getppid", args=[condition("EQ", 2)]), "errnoRet": 78}
    )
    found = fate(compile_profile(text, (), MACHINE), [call("getppid", (n,)) for n in (1, 2, 3)])
    assert found == [-SEEN, -78, os.getpid()]


@pytest.mark.parametrize("text", [rules(rule("getppid"), defaultErrnoRet=1), rules(rule("getppid", action="TRACE"))])
def test_number_is_given_back(fate: Fate, call: Any, text: str) -> None:
    """ERRNO gives its number; TRACE, where nobody traces, is ENOSYS by the kernel's rule."""
    expected = -SEEN if "ERRNO" in text.replace("defaultErrnoRet", "") else -errno.ENOSYS
    assert fate(compile_profile(text, (), MACHINE), [call("getppid")]) == [expected]


@pytest.mark.parametrize("action", ["KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP"])
def test_kill_and_trap_end_the_program(fate: Fate, call: Any, action: str) -> None:
    """By SIGSYS, all of them."""
    program = compile_profile(rules(rule("getppid", action=action)), (), MACHINE)
    assert fate(program, [call("getppid")]) == signal.SIGSYS


def test_log_lets_the_call_through(fate: Fate, call: Any) -> None:
    """LOG is an ALLOW that is written down."""
    program = compile_profile(rules(rule("getppid", action="LOG")), (), MACHINE)
    assert fate(program, [call("getppid")]) == [os.getpid()]


def test_default_is_what_no_rule_names(fate: Fate, call: Any) -> None:
    """The number of the default is its own; rules that say the same as the default are harmless."""
    allowed = rule("write", "getpid", "exit_group", "close", action="ALLOW")
    text = rules(
        allowed,
        {"names": ["gettid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        default="SCMP_ACT_ERRNO",
        defaultErrnoRet=38,
    )
    found = fate(compile_profile(text, (), MACHINE), [call("getppid"), call("gettid"), call(600)])
    assert found == [-errno.ENOSYS] * 3


def test_unknown_names_are_left_out() -> None:
    """A profile may know more calls than the libseccomp here."""
    assert compile_profile(rules(rule("getppid", "no_such_call")), (), MACHINE) == compile_profile(
        rules(rule("getppid")), (), MACHINE
    )


FILTERS = [
    ({"includes": {"caps": ["CAP_BPF"]}}, ["BPF"], True),
    ({"includes": {"caps": ["CAP_BPF"]}}, ["SYS_ADMIN"], False),
    ({"includes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}, ["BPF"], False),
    ({"excludes": {"caps": ["CAP_BPF", "CAP_SYS_ADMIN"]}}, ["BPF"], False),
    ({"excludes": {"caps": ["CAP_BPF"]}}, [], True),
    ({"includes": {"arches": ["amd64", "arm64"]}}, [], True),
    ({"includes": {"arches": ["s390x"]}}, [], False),
    ({"excludes": {"arches": ["amd64", "arm64"]}}, [], False),
    ({"includes": {"minKernel": "4.8"}}, [], True),
    ({"includes": {"minKernel": "4000.0"}}, [], False),
    ({"excludes": {"minKernel": "4.8"}}, [], False),
    ({"excludes": {"minKernel": "4000.0"}}, [], True),
]


@pytest.mark.parametrize(("condition", "capabilities", "is_there"), FILTERS)
def test_rule_counts_where_its_filters_say(
    condition: dict[str, Any], capabilities: list[str], *, is_there: bool
) -> None:
    """All capabilities of includes, none of excludes, one of the architectures, and the kernel's age."""
    with_it = compile_profile(rules(rule("getppid", **condition)), capabilities, MACHINE)
    assert (with_it == compile_profile(rules(rule("getppid")), (), MACHINE)) is is_there
    assert (with_it == compile_profile(rules(), (), MACHINE)) is not is_there


@pytest.mark.needs("ia32")
def test_x86_and_x32_calls_are_covered_where_the_profile_names_them(fate: Fate, call: Any) -> None:
    """The other two ways into the kernel meet the same rules; one that is not named is not there at all."""
    ways = [call("getppid"), call("getppid", (), "x86"), call("getppid", (), "x32")]
    names = {"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]}
    family = {"archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}]}
    for top in (names, family):
        assert fate(compile_profile(rules(rule("getppid"), **top), (), MACHINE), ways) == [-SEEN] * 3
    expected = [-SEEN, -errno.ENOSYS, -errno.ENOSYS]
    assert fate(compile_profile(rules(rule("getppid")), (), MACHINE), ways) == expected


@pytest.mark.needs("ia32")
def test_calls_of_x86_alone_are_covered(fate: Fate, call: Any) -> None:
    """A name that this machine's own table lacks is a rule for the other one."""
    text = rules(rule("waitpid"), architectures=["SCMP_ARCH_X86"])
    assert fate(compile_profile(text, (), MACHINE), [call("waitpid", (-1,), "x86")]) == [-SEEN]


REFUSED = [
    (
        rules(rule("getppid", args=[condition("EQ", 1)]), rule("getppid", action="KILL")),
        "syscalls[0] never applies to getppid: syscalls[1] decides it whatever the arguments",
    ),
    (
        rules(rule("getppid", args=[condition("EQ", 1)]), rule("getppid", action="KILL", args=[condition("EQ", 1)])),
        "syscalls[1] contradicts an earlier rule for getppid",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_what_cannot_take_effect_is_refused(text: str, sentence: str) -> None:
    """Libseccomp drops the first kind without a word."""
    with pytest.raises(UsageError) as caught:
        compile_profile(text, (), "x86_64")
    assert str(caught.value) == f"cannot use the seccomp profile: {sentence}"


def test_profile_beyond_what_the_kernel_takes_is_refused() -> None:
    """The kernel itself would say no more than EINVAL."""
    text = rules(rule("getppid", args=[condition("EQ", n) for n in range(5000)]))
    with pytest.raises(UsageError, match=r"it makes \d+ instructions, and the kernel takes 4096"):
        compile_profile(text, (), MACHINE)


def test_foreign_machine_has_a_way_out() -> None:
    """Where no profile can be made, the hint says how to go on without."""
    with pytest.raises(HostLacks) as caught:
        compile_profile(rules(), (), "vax")
    assert caught.value.hint == "--security-opt seccomp=unconfined"
