"""Device rules and requests as people write them."""

from __future__ import annotations

import json
import marshal

import pytest

from quiltctl.errors import UsageError
from quiltctl.model.device import (
    DeviceNode,
    DeviceRequest,
    DeviceRule,
    node_from,
    parse_device,
    parse_rule,
    rule_from,
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("c 42:* rmw", DeviceRule("c", 42, None, "rwm")),
        ("b 8:16 r", DeviceRule("b", 8, 16, "r")),
        ("c *:* m", DeviceRule("c", None, None, "m")),
        ("c 4095:1048575 wr", DeviceRule("c", 4095, 1048575, "rw")),
        ("a *:* rwm", DeviceRule("a", None, None, "rwm")),
    ],
)
def test_rule_is_read_and_written_as_the_kernel_reads_it(text: str, rule: DeviceRule) -> None:
    """Letters in any order are written in one, and what is written can be read again."""
    assert parse_rule(text) == rule
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c",
        "c 1:3",
        "c 1:3 ",
        "c 1:3 x",
        "c 1:3 rwmr",
        "d 1:3 r",
        "ab 1:3 r",
        " 1:3 r",
        "c 1 r",
        "c 1:3:5 r",
        "c -1:3 r",
        "c 1:+3 r",
        "c 4096:0 r",
        "c 0:1048576 r",
        "c \u0661:3 r",
        "c  1:3 r",
        "c 1:3 r\n",
    ],
)
def test_rule_that_is_none_is_refused(text: str) -> None:
    """The message quotes it, and the hint shows one."""
    with pytest.raises(UsageError, match="invalid device rule") as caught:
        parse_rule(text)
    assert caught.value.hint == "a kind, numbers or *, and letters of rwm, such as: c 42:* rwm"


@pytest.mark.parametrize("text", ["a 1:3 rwm", "a *:* r", "a *:3 rwm"])
def test_rule_for_all_kinds_cannot_seem_narrow(text: str) -> None:
    """To the kernel the letter a is everything, whatever follows."""
    with pytest.raises(UsageError, match='"a" means every access'):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("/dev/fuse", DeviceRequest("/dev/fuse", "/dev/fuse", "rwm")),
        ("/dev/sda:/dev/disk", DeviceRequest("/dev/sda", "/dev/disk", "rwm")),
        ("/dev/sda:r", DeviceRequest("/dev/sda", "/dev/sda", "r")),
        ("/dev/sda:/dev/disk:mr", DeviceRequest("/dev/sda", "/dev/disk", "rm")),
        ("/tmp/node:/dev//a/./b/", DeviceRequest("/tmp/node", "/dev/a/b", "rwm")),
        ("/dev/rwm:rw", DeviceRequest("/dev/rwm", "/dev/rwm", "rw")),
    ],
)
def test_device_is_read(text: str, request_: DeviceRequest) -> None:
    """Host, place in the container and access, of which only the first is needed."""
    assert parse_device(text) == request_


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "fuse",
        "vendor.com/class=name",
        "/dev/a:",
        "/dev/a:b",
        "/dev/a:rwx",
        "/dev/a:rr:r",
        "/dev/a:/dev/b:",
        "/dev/a:/dev/b:/dev/c",
        "/dev/a:/dev/b:r:w",
        "/dev/a\0",
        "/tmp/node",
        "/dev",
        "/dev/a:/dev/",
        "/dev/a:/dev/../etc/passwd",
        "/dev/a:/dev/b/..",
        "/dev/a:/etc/b",
        "/dev/a:/dev/pts/0",
        "/dev/a:/dev/shm",
        "/dev/a:/dev/ptmx",
        "/dev/fd",
    ],
)
def test_device_that_is_none_is_refused(text: str) -> None:
    """Also one that would stand outside /dev, or where the container has something of its own."""
    with pytest.raises(UsageError, match="invalid device") as caught:
        parse_device(text)
    assert caught.value.hint


def test_node_and_rule_come_back_from_json_and_marshal() -> None:
    """As plain lists, also with a name that is not UTF-8."""
    node = DeviceNode("a/b\udce9", "b", 8, 1, 0o660, 0, 6, "rw")
    for stored in (json.loads(json.dumps(node.to_list())), marshal.loads(marshal.dumps(node.to_list()))):
        assert node_from(stored) == node
    rule = node.rule
    assert rule == DeviceRule("b", 8, 1, "rw")
    for stored in (json.loads(json.dumps(rule.to_list())), marshal.loads(marshal.dumps(rule.to_list()))):
        assert rule_from(stored) == rule
