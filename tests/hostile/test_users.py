"""Who a program runs as, against images that lie about their users and callers that have groups to leak."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hostile.probes import NONE, NOTHING, compiled, link, spoilt_image

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt

USERS = (
    "root:x:0:0::/root:/bin/sh\n"
    "long:x:5:5::/long:/bin/sh\n"
    "1:x:0:0::/:\n"
    "007:x:0:0::/:\n"
    "twice:x:8:8::/first:\n"
    "twice:x:0:0::/second:\n"
    "negative:x:-1:-1::/:\n"
    "most:x:4294967295:4294967295::/:\n"
    "last:x:4294967294:4294967294::/:\n"
    "above:x:65536:65536::/:\n"
    "zeros:x:0000000000000000000000009:9::/:\n"
    "arabic:x:\u0661:\u0661::/:\n"
    "short:x:9\n"
    "cut\u2028torn:x:0:0::/:\n"
    "feed\x0cfed:x:0:0::/:\n"
    "nul:x:9:9::/h\0me:\n"
    "equals:x:9:9::/a=b:\n"
    ":x:0:0::/:\n"
)
GROUPS = "root:x:0:\nmany:x:4294967294:last\nhigh:x:70000:twice\nown:x:44:long\nown:x:45:long\nbad:x:-5:long\n9:x:0:\n"


def who(quilt: Quilt, user: str) -> tuple[int, str]:
    """Return the code of `exec -u`, and what it came to: uid, gid, groups and home, or the reason why to nothing."""
    done = quilt(
        "exec", "-u", user, "c", "sh", "-c", r"sed -n 's/^\([UG]id\|Groups\):\s*//p' /proc/self/status; echo $HOME"
    )
    reason = done.stderr.partition("\n")[0].removeprefix("Error: cannot exec in c: ")
    if done.returncode:
        return done.returncode, reason
    uids, gids, groups, home = (line.split() for line in done.stdout.splitlines())
    assert len({*uids}) == len({*gids}) == 1
    return 0, f"{uids[0]}:{gids[0]} in {' '.join(groups)} at {home[0]}"


def test_exec_as_a_number_is_that_number(quilt: Quilt) -> None:
    """`exec -u 1` has uid 1 in every place, no group of the caller's, and no right of root's.

    Seen red with setresuid left out.
    """
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    look = ("grep", "-E", "^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb)", "/proc/self/status")
    seen = [line.split() for line in quilt.ok("exec", "-u", "1", "c", *look).splitlines()]
    nothing = "0000000000000000"
    assert seen == [
        ["Uid:", "1", "1", "1", "1"],
        ["Gid:", "1", "1", "1", "1"],
        ["Groups:", "1"],
        ["CapPrm:", nothing],
        ["CapEff:", nothing],
        ["CapAmb:", nothing],
    ]


@pytest.mark.parametrize("userns", ["auto", "host"])
def test_groups_of_the_caller_stay_outside(quilt: Quilt, userns: str) -> None:
    """Whoever is in groups as he runs or joins a container is in none of them inside.

    Seen red with setgroups left out.
    """

    def call(*words: str) -> str:
        done = subprocess.run(
            [quilt.command, *words],
            env=quilt.environment,
            extra_groups=[4, 27, 4242],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    call("run", "-d", "--name", "c", *NONE, "--userns", userns, "box", "sleep", "1000")
    look = ("sed", "-n", r"s/^Groups:\s*//p")
    said = [
        call("exec", "c", *look, "/proc/1/status"),
        call("exec", "c", *look, "/proc/self/status"),
        call("exec", "-u", "tester", "c", *look, "/proc/self/status"),
        call("run", "--rm", *NONE, "--userns", userns, "-u", "7:8", "box", *look, "/proc/self/status"),
    ]
    assert said == ["0", "0", "1000 2000", "8"]


CAPABILITY = "SCHILY.xattr.security.capability"


def test_null_device_of_the_host_keeps_its_owner(quilt: Quilt) -> None:
    """A program gets its streams for its own, but /dev/null only where that is the container's.

    Seen red with the host's /dev/null opened for the streams of `exec` that are not wanted.
    """
    before = os.stat("/dev/null")
    quilt.ok("run", "-d", "--name", "c", "-u", "1000:1000", *NONE, "--userns", "host", "box", "sleep", "1000")
    for words in (("exec",), ("exec", "-d"), ("exec", "-i"), ("exec", "-u", "1")):
        quilt.ok(*words, "c", "true", stdin=b"")
    after = os.stat("/dev/null")
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


BEYOND = "its user or one of its groups is beyond the ids of the container"
UNKNOWN = ("negative", "most", "-1", "zeros", "arabic", "short", "torn", "fed", "nul", "strange", "\u0661", "0x1", " 5")


def test_image_that_lies_about_its_users(quilt: Quilt) -> None:
    """Numbers are numbers, the first of two wins, and what is no entry to a libc is none to us.

    Seen red with splitlines, with names looked up before numbers, and without the checks of a line's ids.
    """
    files = ({"name": "etc/passwd", "content": USERS.encode()}, {"name": "etc/group", "content": GROUPS.encode()})
    quilt.ok("run", "-d", "--name", "c", *NONE, spoilt_image(quilt, *files), "sleep", "1000")
    expected = {
        "long": (0, "5:5 in 5 44 45 at /long"),
        "1": (0, "1:0 in 0 at /"),
        "007": (0, "7:0 in 0 at /"),
        "twice:8": (0, "8:8 in 8 at /first"),
        "9:9": (0, "9:9 in 9 at /a=b"),
        "5:own": (0, "5:44 in 44 at /long"),
        **dict.fromkeys(("twice", "last", "above", "65536", "5:65536", "0:70000"), (126, BEYOND)),
        "4294967295": (126, "user or group id 4294967295 is out of range"),
        "5:4294967295": (126, "user or group id 4294967295 is out of range"),
        "5:nobodys": (126, 'unable to find group "nobodys" in the image'),
        **{name: (126, f'unable to find user "{name}" in the image') for name in UNKNOWN},
    }
    assert {user: who(quilt, user) for user in expected} == expected


SPOILS = (
    "mkfifo $f",
    "mkdir $f",
    "mknod $f c 1 5",
    "ln -s /proc/1/mem $f",
    "ln -s /proc/self/environ $f",
    "ln -s /dev/zero $f",
    "ln -s $f $f",
    "truncate -s 1T $f",
    "yes nobody:x:9:9::/: | head -c 3000000 > $f; echo tester:x:5:5::/: >> $f",
)


def test_passwd_that_is_no_list_of_users(quilt: Quilt) -> None:
    """Whatever stands in its place, a number works at once, a name is unknown, and neither waits.

    Seen red without O_NONBLOCK.
    """
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sleep", "1000")
    for spoil in SPOILS:
        quilt("exec", "c", "sh", "-c", f"for f in /etc/passwd /etc/group; do rm -rf $f; {spoil}; done")
        begun = time.monotonic()
        assert who(quilt, "5") == (0, "5:0 in 0 at /"), spoil
        assert who(quilt, "tester") == (126, 'unable to find user "tester" in the image'), spoil
        assert time.monotonic() - begun < 10


def test_passwd_that_leads_to_the_host(quilt: Quilt) -> None:
    """A link out of the image finds no user of the host's.

    Seen red without RESOLVE_IN_ROOT.
    """
    canary = Path(tempfile.mkdtemp(prefix="quilt-canary-"))
    canary.chmod(0o755)
    (canary / "passwd").write_text("outsider:x:0:0::/:\n")
    for lead in (f"{canary}/passwd", f"../../../../../..{canary}/passwd", f"/proc/self/root{canary}/passwd"):
        image = spoilt_image(quilt, link("etc/passwd", lead))
        done = quilt("run", "--rm", *NONE, "-u", "outsider", image, "true")
        assert (done.returncode, "unable to find user" in done.stderr) == (126, True), done
    shutil.rmtree(canary)
    assert quilt.traces() == NOTHING


def test_ids_beyond_a_small_map(quilt: Quilt) -> None:
    """With a thousand ids the last is 999: what is beyond is refused, and nothing stays of it.

    Seen red with a range of 65,536 written for every size.
    """
    run = ("run", "--rm", *NONE, "--userns", "auto:size=1000")
    assert quilt.ok(*run, "-u", "999", "box", "id", "-u") == "999"
    for words in (("-u", "1000"), ("-u", "tester"), ("-u", "nobody"), ("-u", "0:1000"), ("--group-add", "1000")):
        done = quilt(*run, *words, "box", "id")
        assert (done.returncode, BEYOND in done.stderr, done.stdout) == (126, True, ""), done
    assert (
        quilt.ok(*run, "box", "sh", "-c", "stat -c %u:%g /home/tester; cat /proc/self/uid_map").split()[0]
        == "65534:65534"
    )
    assert quilt.traces() == NOTHING


CAPABLE = bytes.fromhex("01000002 00040000 00000000 00000000 00000000").decode("latin-1")
"""vfs_cap_data of version 2: CAP_NET_BIND_SERVICE permitted, and effective by itself."""


@pytest.mark.needs("gcc")
@pytest.mark.parametrize(
    ("flags", "risen", "bound"),
    [
        ((), "1000 1000 1000 0000000000000000", "1000 1000 1000 0000000000000000"),
        (("--security-opt", "no-new-privileges=false"), "1000 0 0 00000000800405fb", "1000 1000 1000 0000000000000400"),
        (("--security-opt", "no-new-privileges=false", "--cap-drop", "ALL"), "1000 0 0 0000000000000000", ""),
    ],
)
def test_setuid_and_capable_files(quilt: Quilt, flags: tuple[str, ...], risen: str, bound: str) -> None:
    """A setuid file and one with capabilities give nothing, or, where that is wished, what the container has at most.

    Seen red without no_new_privs, and with the bounding set left whole.
    """
    content = compiled("surface")
    image = spoilt_image(
        quilt,
        {"name": "bin/rise", "mode": 0o4755, "content": content},
        {"name": "bin/bind", "mode": 0o755, "content": content, "pax_headers": {CAPABILITY: CAPABLE}},
    )
    quilt.ok("run", "-d", "--name", "c", "-u", "1000:1000", *NONE, *flags, image, "sleep", "1000")
    assert quilt("exec", "c", "rise", "ids").stdout.strip() == risen
    assert quilt("exec", "c", "bind", "ids").stdout.strip() == bound
    uid_map = Path(f"/proc/{quilt.inspect('c')['State']['Pid']}/uid_map").read_text().split()
    assert int(uid_map[1]) >= 1 << 20
