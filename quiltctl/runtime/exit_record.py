"""The exit record: what the shim writes beside the container before anybody touches the database.

A few lines of text in a format of its own, so that any later quiltctl reads it:

    quiltctl-exit 1
    generation 3
    code 137
    reason stopped
    oom_killed 0
    oom_kills 0
    finished_at 1790000000000000000

It is written by the shim's watch (runtime/shim/ending.py), durably and before the row, and stays until the container
is removed: a commit of the database may be lost with the power, and then this is what tells.
"""

from __future__ import annotations

from quiltctl.model.value import Value

NAME = "exit"
FORMAT = "quiltctl-exit 1"


class ExitRecord(Value):
    """How one run of a container ended."""

    generation: int
    code: int
    reason: str
    oom_killed: bool
    """Whether that is what it ended by."""
    oom_kills: int
    """How many of its processes were killed for memory; a record of an older version does not say."""
    finished_at: int


def read(container_dir: str, generation: int) -> ExitRecord | None:
    """Return the record of this run, or None: not written, of an older run, or unreadable."""
    try:
        with open(f"{container_dir}/{NAME}", "rb", buffering=0) as file:
            text = file.read().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parse(text, generation)


def parse(text: str, generation: int) -> ExitRecord | None:
    """Return what the text of a record says of this run, or None."""
    first, *lines = text.splitlines() or [""]
    facts = dict(line.split(" ", 1) for line in lines if " " in line)
    if first != FORMAT or facts.get("generation") != str(generation):
        return None
    try:
        return ExitRecord(
            generation=generation,
            code=int(facts["code"]),
            reason=facts["reason"],
            oom_killed=facts["oom_killed"] == "1",
            oom_kills=int(facts.get("oom_kills", "0")),
            finished_at=int(facts["finished_at"]),
        )
    except (KeyError, ValueError):
        return None
