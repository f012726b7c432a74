"""The program that the kernel asks, on cgroup v2, whether a process may use a device: rules as eBPF instructions.

It is given ``struct bpf_cgroup_dev_ctx`` (linux/bpf.h): ``access_type``, which is (access << 16) | kind, then major
and minor, and returns 1 for yes. The instructions are written here by hand, in the encoding of
Documentation/bpf/standardization/instruction-set.rst: eight bytes each.
"""

from __future__ import annotations

import sys

from quiltctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from quiltctl.model.device import DeviceRule

# linux/bpf.h: BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_*.
_KINDS = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

# Registers: the result, the context, and what is read from it.
_RESULT, _CONTEXT, _KIND, _ASKED, _MAJOR, _MINOR = range(6)

# Instruction classes and modes put together, linux/bpf_common.h and linux/bpf.h.
_LOAD_32 = 0x61  # LDX | MEM | W
_COPY = 0xBF  # ALU64 | MOV | X
_SET = 0xB7  # ALU64 | MOV | K
_SHIFT_RIGHT = 0x74  # ALU | RSH | K
_AND = 0x54  # ALU | AND | K
_JUMP_UNLESS_EQUAL = 0x55  # JMP | JNE | K
_JUMP_IF_ANY_BIT = 0x45  # JMP | JSET | K
_JUMP = 0x05  # JMP | JA
_EXIT = 0x95  # JMP | EXIT
_HALF = 0xFFFF
_ANY = -1
"""Where a number stands in a rule, any."""
_MOST_RULES = 4096
"""Of seven instructions at most, over which a jump of 16 bits must lead."""


def assemble(rules: Iterable[DeviceRule]) -> bytes:
    """Return the program that says yes if one of the rules allows the whole of the access that is asked for.

    As the v1 controller does, rules for the same devices count as one: ``c 1:3 r`` and ``c 1:3 w`` allow O_RDWR.
    Rules stand below their kind and their major number, those for any number first. A number that fits ends the
    search, or leads to where all is read anew: so the verifier, which walks every way with what it learned on it,
    walks each rule once, and not once for each rule before it.

    Raises:
        UsageError: there are too many rules for the jumps over them.
    """
    kinds = _sort(rules)
    if kinds is None:
        return _ALLOW  # and nothing behind it: the verifier refuses instructions that cannot be reached
    parts = [_instruction(_SET, _RESULT, immediate=0), _READ]
    for kind, majors in kinds.items():
        tests = [_any_major(majors.pop(_ANY, {}))]
        tests += [_if_equal(_MAJOR, major, _one_major(minors)) for major, minors in majors.items()]
        parts.append(_if_equal(_KIND, _KINDS[kind], b"".join(tests) + _DENY))
    return b"".join((*parts, _DENY))


def _sort(rules: Iterable[DeviceRule]) -> dict[str, dict[int, dict[int, int]]] | None:
    """Return the access bits by kind, major and minor, or None if one rule allows everything."""
    kinds: dict[str, dict[int, dict[int, int]]] = {}
    for count, rule in enumerate(rules):
        if rule.kind == "a":
            return None
        if count == _MOST_RULES:
            raise UsageError(f"cannot limit devices: there are more than {_MOST_RULES} rules", hint="use * in rules")
        major, minor = (_ANY if number is None else number for number in (rule.major, rule.minor))
        minors = kinds.setdefault(rule.kind, {}).setdefault(major, {})
        minors[minor] = minors.get(minor, 0) | sum(_ACCESS[letter] for letter in rule.access)
    return kinds


def _any_major(minors: dict[int, int]) -> bytes:
    """Return the tests for any major number. Where only access lacks, what follows may still allow it."""
    whole = _if_within(minors.pop(_ANY, 0))
    tests: list[bytes] = []
    behind = 0
    for minor, bits in reversed(minors.items()):
        tests.append(_if_equal(_MINOR, minor, _if_within(bits) + _instruction(_JUMP, offset=behind)))
        behind += len(tests[-1]) // 8
    return whole + b"".join(reversed(tests)) + (_READ if tests else b"")


def _one_major(minors: dict[int, int]) -> bytes:
    """Return the tests for one major number, behind which nothing else can allow it."""
    tests = [_if_within(minors.pop(_ANY, 0))]
    tests += [_if_equal(_MINOR, minor, _if_within(bits) + _DENY) for minor, bits in minors.items()]
    return b"".join((*tests, _DENY))


def _if_equal(register: int, number: int, body: bytes) -> bytes:
    """Return the body, jumped over unless the register holds the number."""
    return _instruction(_JUMP_UNLESS_EQUAL, register, offset=len(body) // 8, immediate=number) + body


def _if_within(bits: int) -> bytes:
    """Return the yes to whoever asks for nothing but these bits; also one that a later kernel brings is refused."""
    if not bits:
        return b""
    return _instruction(_JUMP_IF_ANY_BIT, _ASKED, offset=len(_ALLOW) // 8, immediate=_HALF & ~bits) + _ALLOW


def _instruction(code: int, target: int = 0, source: int = 0, *, offset: int = 0, immediate: int = 0) -> bytes:
    """Return one ``struct bpf_insn``. Both machines that quiltctl knows put the low nibble of the registers first."""
    registers = target | source << 4
    return bytes((code, registers)) + offset.to_bytes(2, sys.byteorder) + immediate.to_bytes(4, sys.byteorder)


_ALLOW = _instruction(_SET, _RESULT, immediate=1) + _instruction(_EXIT)
_DENY = _instruction(_EXIT)
_READ = b"".join(
    (
        _instruction(_LOAD_32, _KIND, _CONTEXT, offset=0),
        _instruction(_COPY, _ASKED, _KIND),
        _instruction(_SHIFT_RIGHT, _ASKED, immediate=16),
        _instruction(_AND, _KIND, immediate=_HALF),
        _instruction(_LOAD_32, _MAJOR, _CONTEXT, offset=4),
        _instruction(_LOAD_32, _MINOR, _CONTEXT, offset=8),
    )
)
