"""What is no profile is refused in one sentence that says where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.runtime.seccomp.compiler import compile_profile
from quiltctl.runtime.seccomp.profile import ACTIONS, OPERATORS, Action, Condition, Filter, Profile, Rule, parse

RULE: dict[str, Any] = {"names": ["read"], "action": "SCMP_ACT_ERRNO"}
CONDITION: dict[str, Any] = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}


def profile(**changes: object) -> str:
    """Return a profile that allows everything, with changes."""
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", **changes})


def ruled(**changes: object) -> str:
    """Return a profile of one rule, with changes to that."""
    return profile(syscalls=[{**RULE, **changes}])


def conditioned(**changes: object) -> str:
    """Return a profile of one rule with one condition, with changes to that."""
    return ruled(args=[{**CONDITION, **changes}])


WRONG = [
    ("", "it is no JSON: Expecting value: line 1 column 1 (char 0)"),
    ("[" * 100_000, "it is nested too deeply, or has a number of too many digits"),
    ('{"defaultErrnoRet": ' + "9" * 5000 + "}", "it is nested too deeply, or has a number of too many digits"),
    ("[]", "it is not an object"),
    ("{}", "defaultAction is missing"),
    (profile(defaultAction=1), "defaultAction is not a string"),
    (profile(defaultAction="ALLOW"), 'defaultAction is no action: "ALLOW"'),
    (profile(defaultAction="SCMP_ACT_\x1b[2J"), 'defaultAction is no name: "SCMP_ACT_\\x1b[2J"'),
    (profile(defaultAction="SCMP_ACT_" + "X" * 999), f'defaultAction is no action: "SCMP_ACT_{"X" * 51}"'),
    (profile(defaultErrnoRet=-1), "defaultErrnoRet is no whole number from 0 to 65535: -1"),
    (profile(defaultErrno="EWHAT"), 'defaultErrno is no error: "EWHAT"'),
    (profile(defaultErrno="errorcode"), 'defaultErrno is no error: "errorcode"'),
    (profile(default_action="SCMP_ACT_ALLOW"), 'it has the unknown key "default_action"'),
    (profile(flags=["SECCOMP_FILTER_FLAG_LOG"]), "flags is not supported"),
    (profile(listenerPath="/run/x"), "listenerPath is not supported"),
    (profile(architectures="SCMP_ARCH_X86"), "architectures is not a list"),
    (profile(architectures=["x86"]), 'architectures[0] is no architecture: "x86"'),
    (profile(architectures=["SCMP_ARCH_X86"], archMap=[{}]), "architectures and archMap cannot both be given"),
    (profile(archMap=[7]), "archMap[0] is not an object"),
    (profile(archMap=[{}]), "archMap[0].architecture is not a string"),
    (profile(syscalls={}), "syscalls is not a list"),
    (profile(syscalls=[RULE, []]), "syscalls[1] is not an object"),
    (ruled(exclude={}), 'syscalls[0] has the unknown key "exclude"'),
    (ruled(names=None), "syscalls[0] names no system call"),
    (ruled(names=["read", None]), "syscalls[0].names[1] is not a string"),
    (ruled(names=["read\0x"]), 'syscalls[0].names[0] is no name: "read\\x00x"'),
    (ruled(names=["\ud800"]), 'syscalls[0].names[0] is no name: "\\ud800"'),
    (ruled(name="write"), "syscalls[0] has both name and names"),
    (ruled(action=None), "syscalls[0].action is not a string"),
    (
        ruled(action="SCMP_ACT_NOTIFY"),
        "syscalls[0].action is SCMP_ACT_NOTIFY, which needs somebody who answers: quiltctl has no daemon for it",
    ),
    (ruled(errnoRet=4096), "syscalls[0].errnoRet is no whole number from 0 to 4095: 4096"),
    (ruled(errnoRet=True), "syscalls[0].errnoRet is no whole number from 0 to 4095: True"),
    (ruled(errnoRet=1.5), "syscalls[0].errnoRet is no whole number from 0 to 4095: 1.5"),
    (ruled(args=7), "syscalls[0].args is not a list"),
    (conditioned(index=6), "syscalls[0].args[0].index is no whole number from 0 to 5: 6"),
    (conditioned(index=[]), "syscalls[0].args[0].index is no whole number from 0 to 5: list"),
    (conditioned(op="SCMP_CMP_ALMOST"), 'syscalls[0].args[0].op is no comparison: "SCMP_CMP_ALMOST"'),
    (conditioned(value=2**64), f"syscalls[0].args[0].value is no whole number from 0 to {2**64 - 1}: {2**64}"),
    (conditioned(value=None), f"syscalls[0].args[0].value is no whole number from 0 to {2**64 - 1}: None"),
    (ruled(includes=[]), "syscalls[0].includes is not an object"),
    (ruled(includes={"cap": []}), 'syscalls[0].includes has the unknown key "cap"'),
    (ruled(excludes={"minKernel": "new"}), 'syscalls[0].excludes.minKernel is no version of a kernel: "new"'),
    (ruled(excludes={"minKernel": [4]}), "syscalls[0].excludes.minKernel is not a string"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG, ids=[sentence[:60] for _, sentence in WRONG])
def test_what_is_no_profile_is_refused_with_its_place(text: str, sentence: str) -> None:
    """Each fault has a sentence of its own, in one line."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value) == f"cannot use the seccomp profile: {sentence}"


def test_profile_is_read_whole() -> None:
    """Everything that the format can say arrives, also in podman's and in the oldest spelling."""
    text = profile(
        defaultAction="SCMP_ACT_ERRNO",
        defaultErrno="ENOSYS",
        archMap=[{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        syscalls=[
            {
                "name": "read",
                "action": "SCMP_ACT_KILL",
                "args": [{"index": 5, "value": 7, "valueTwo": 8, "op": "SCMP_CMP_MASKED_EQ"}],
                "includes": {"caps": ["CAP_BPF"], "arches": ["amd64"], "minKernel": "4.8"},
                "excludes": {},
                "comment": "anything",
            }
        ],
    )
    rule = Rule(
        "syscalls[0]",
        ("read",),
        Action("KILL_THREAD", 0),
        (Condition(5, "MASKED_EQ", 7, 8),),
        Filter(("CAP_BPF",), ("amd64",), (4, 8)),
        Filter((), (), None),
    )
    assert parse(text) == Profile(Action("ERRNO", 38), (), {"SCMP_ARCH_X86_64": ("SCMP_ARCH_X86",)}, (rule,))


def test_error_without_a_number_is_eperm() -> None:
    """As in both engines, and also where the default has another number."""
    read = parse(profile(defaultAction="SCMP_ACT_ERRNO", defaultErrnoRet=38, syscalls=[RULE]))
    assert (read.default.number, read.rules[0].action.number) == (38, 1)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
NAMES = st.sampled_from(["read", "socket", "ioctl", "waitpid", "semop", "no_such_call", "mmap2"])
NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 38, 2**32 - 1, 2**32, 2**63])
CONDITIONS = st.fixed_dictionaries(
    {"index": st.integers(0, 6), "value": NUMBERS, "op": st.sampled_from([f"SCMP_CMP_{name}" for name in OPERATORS])},
    optional={"valueTwo": NUMBERS},
)
ACTION = st.sampled_from([f"SCMP_ACT_{name}" for name in (*ACTIONS, "NOTIFY")])
RULES = st.fixed_dictionaries(
    {"names": st.lists(NAMES, max_size=3), "action": ACTION},
    optional={
        "args": st.lists(CONDITIONS, max_size=7) | ANYTHING,
        "errnoRet": st.integers(0, 5000) | ANYTHING,
        "includes": st.fixed_dictionaries({"caps": st.just(["CAP_BPF"])}) | ANYTHING,
        "excludes": ANYTHING,
    },
)
PROFILES = st.fixed_dictionaries(
    {"defaultAction": ACTION, "syscalls": st.lists(RULES, max_size=5)},
    optional={"architectures": st.just(["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_S390"]) | ANYTHING},
)


@pytest.mark.needs("libseccomp")
@settings(max_examples=300, deadline=None)
@given(document=ANYTHING | PROFILES)
def test_any_json_makes_a_program_or_a_sentence(document: object) -> None:
    """Whatever the JSON holds, it is compiled or refused as a whole, and never with a traceback."""
    try:
        program, sentence = compile_profile(json.dumps(document), ["BPF"], "x86_64"), ""
    except UsageError as error:
        program, sentence = b"\0" * 8, str(error)
    assert program
    assert len(program) % 8 == 0
    assert sentence.isascii()
    assert "\n" not in sentence


@settings(max_examples=300, deadline=None)
@given(text=st.text())
def test_any_text_is_refused_in_a_sentence(text: str) -> None:
    """What is no JSON at all is no profile."""
    with pytest.raises(UsageError):
        parse(text)
