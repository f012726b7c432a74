"""What the columns of `top` show of a process."""

from __future__ import annotations

import pytest

from quiltctl.commands._top_fields import FIELDS, USUAL, Scene, document, named, row
from quiltctl.runtime.process_facts import Process

FULL = (1 << 41) - 1
SECOND = 10**9
PROCESS = Process(
    host_pid=4711,
    pid=7,
    ppid=1,
    pgid=6,
    comm="nginx",
    argv=("nginx", "-g", "daemon off;"),
    state="S",
    uids=(100_000, 100_033, 100_033, 100_033),
    gids=(100_000, 100_005, 100_005, 100_005),
    groups=(100_005, 99),
    tty="pts/0",
    cpu_ticks=150,
    started_ticks=100_000,
    nice=-5,
    virtual_bytes=10 << 20,
    resident_bytes=3 << 20,
    capabilities={"inh": 0, "prm": 0b101, "eff": 1 << 41, "bnd": FULL, "amb": 0},
    seccomp=2,
    label="?",
)
SCENE = Scene(
    ("0:100000:65536",),
    ("0:100000:65536",),
    {0: "root", 33: "web", 65534: "nobody"},
    {0: "wheel", 5: ""},
    last_capability=40,
    ticks_per_s=100,
    since_boot_ns=1010 * SECOND,
    now_ns=1_800_000_000 * SECOND,
)
TEXTS = {
    "args": "nginx -g daemon off;",
    "capamb": "none",
    "capbnd": "full",
    "capeff": "CAP_41",
    "capinh": "none",
    "capprm": "CHOWN,DAC_READ_SEARCH",
    "comm": "nginx",
    "etime": "10s",
    "group": "5",
    "groups": "5,65534",
    "hgroup": "100005",
    "hgroups": "100005,99",
    "hpid": "4711",
    "huid": "100033",
    "huser": "100033",
    "label": "?",
    "nice": "-5",
    "pcpu": "15.000",
    "pgid": "6",
    "pid": "7",
    "ppid": "1",
    "rgroup": "wheel",
    "rss": "3072",
    "ruser": "root",
    "seccomp": "filter",
    "state": "S",
    "time": "1s",
    "tty": "pts/0",
    "uid": "33",
    "user": "web",
    "vsz": "10240",
}


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"stime"}))
def test_column_shows_what_is_known_inside(name: str) -> None:
    """Ids are the container's, with its own names, the host's where the name begins with h; an id it lacks is 65534."""
    assert row(PROCESS, SCENE, [name]) == [TEXTS[name]]


def test_json_has_numbers_bytes_seconds_and_arrays() -> None:
    """What a script would have to take apart is taken apart."""
    names = ("pid", "rss", "vsz", "etime", "time", "pcpu", "capprm", "groups", "stime", "user", "capbnd")

    made = document(PROCESS, SCENE, names)

    assert len(made.pop("capbnd")) == 41
    assert made == {
        "pid": 7,
        "rss": 3 << 20,
        "vsz": 10 << 20,
        "etime": 10.0,
        "time": 1.5,
        "pcpu": 15.0,
        "capprm": ["CHOWN", "DAC_READ_SEARCH"],
        "groups": ["5", "65534"],
        "stime": "2027-01-15T07:59:50Z",
        "user": "web",
    }


def test_process_without_a_command_line_has_its_name_in_brackets() -> None:
    """As ps(1) shows it."""
    bare = Process(**{**PROCESS.to_dict(), "argv": ("",)})

    assert row(bare, SCENE, ["args"]) == ["[nginx]"]


def test_process_that_began_just_now_took_no_share_of_it() -> None:
    """Nothing is divided by nothing, nor is a time below zero."""
    young = Process(**{**PROCESS.to_dict(), "started_ticks": 101_001})

    assert row(young, SCENE, ["etime", "pcpu"]) == ["0s", "0.000"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("pid", "user,args"), ["pid", "user", "args"]),
        (("%p,%C", " comm "), ["pid", "pcpu", "comm"]),
        (("pid,,",), ["pid"]),
        (("pid", "PID", "%q"), ["pid", None, None]),
        ((",",), []),
        ((), []),
    ],
)
def test_words_are_names_of_columns(words: tuple[str, ...], names: list[str | None]) -> None:
    """With commas between them or one by one, by name or by the code of ps(1)."""
    assert named(words) == names


def test_usual_columns_are_podmans() -> None:
    """The heading that scripts know."""
    headings = [FIELDS[name].heading for name in USUAL]

    assert headings == ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"]
