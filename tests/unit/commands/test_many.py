"""Many references: all are done, errors are told as they come, the worst code counts."""

from __future__ import annotations

import errno
import sqlite3
import sys

import pytest

from quiltctl.commands._many import each
from quiltctl.errors import NotFound, ProgramNotFound


def act(reference: str) -> int | None:
    """Do to a reference what its name says."""
    if reference == "gone":
        raise NotFound("container", reference, hint="list them with: quiltctl ps -a")
    if reference == "absent":
        raise ProgramNotFound("no such program")
    if reference == "refused":
        raise PermissionError(errno.EACCES, "Permission denied", "openat2 x")
    if reference == "locked":
        raise sqlite3.OperationalError("nonsense")
    if reference == "defect":
        raise LookupError("oh")
    if reference == "unread":
        raise BrokenPipeError
    sys.stdout.write(f"{reference}\n")
    return 3 if reference == "three" else None


@pytest.mark.parametrize(
    ("references", "code", "out", "err"),
    [
        ([], 0, "", ""),
        (["a", "b"], 0, "a\nb\n", ""),
        (["a", "three", "b"], 3, "a\nthree\nb\n", ""),
        (
            ["a", "gone", "b"],
            125,
            "a\nb\n",
            'Error: no such container: "gone"\nhint: list them with: quiltctl ps -a\n',
        ),
        (
            ["absent", "gone"],
            127,
            "",
            'Error: no such program\nError: no such container: "gone"\nhint: list them with: quiltctl ps -a\n',
        ),
        (["refused", "a"], 125, "a\n", "Error: openat2 x: Permission denied\n"),
        (["locked"], 125, "", "Error: the database quilt.db refused: nonsense\n"),
        (
            ["defect", "a"],
            125,
            "a\n",
            "Error: internal error: LookupError: oh\nhint: this is a defect of quiltctl; QUILT_DEBUG=1 shows where\n",
        ),
    ],
)
def test_each_does_them_all(
    references: list[str], code: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure keeps no other reference from its turn."""
    assert (each(references, act), *capsys.readouterr()) == (code, out, err)


def test_each_tells_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For who reads JSON, an error is a document."""
    each(["absent"], act, as_json=True)
    document = '{"error": {"code": "program_not_found", "message": "no such program", "hint": null}}\n'
    assert capsys.readouterr().err == document


def test_each_ends_when_nobody_reads() -> None:
    """A closed pipe is the reader's choice: nothing more is done."""
    done: list[str] = []

    def note(reference: str) -> None:
        act(reference)
        done.append(reference)

    with pytest.raises(BrokenPipeError):
        each(["unread", "a"], note)
    assert done == []
