"""A small process that runs commands and measures them, so that the measuring costs nothing that could be seen.

It stays where it was started: the one for the peers lives in a mount namespace of its own (peers.py).
Each line on its standard input is a JSON request, and it answers each with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any

Argv = list[str]


def timed(argvs: list[Argv], at_once: int) -> dict[str, Any]:
    """Run the commands, so many at a time, and return the whole time in ns and the exit codes in order of ending."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as this function)
    quiet = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
    ]
    waiting, running, codes = list(reversed(argvs)), 0, []
    begun = time.perf_counter_ns()
    while waiting or running:
        if waiting and running < at_once:
            argv = waiting.pop()
            os.posix_spawnp(argv[0], argv, os.environ, file_actions=quiet)
            running += 1
            continue
        codes.append(os.waitstatus_to_exitcode(os.wait4(-1, 0)[1]))
        running -= 1
    ns = time.perf_counter_ns() - begun
    errors.seek(0)
    return {"ns": ns, "codes": codes, "err": errors.read().decode(errors="replace")}


def captured(argv: Argv) -> dict[str, Any]:
    """Run one command and return what it said."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    return {"codes": [done.returncode], "out": done.stdout, "err": done.stderr}


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = captured(request["argvs"][0]) if request["capture"] else timed(request["argvs"], request["at_once"])
        print(json.dumps(answer), flush=True)


@dataclass
class Agent:
    """The other end: starts the process, sends requests, and complains when a command failed."""

    process: subprocess.Popen[str]
    requests: IO[str]
    answers: IO[str]

    @classmethod
    def start(cls, *, through: Argv | None = None) -> Agent:
        """Start an agent, by way of another command where one is given."""
        argv = [*(through or []), sys.executable, os.path.abspath(__file__)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdin is None or process.stdout is None:
            raise BrokenPipeError
        return cls(process, process.stdin, process.stdout)

    def time(self, argvs: list[Argv], at_once: int = 1) -> int:
        """Return the nanoseconds that the commands take."""
        return int(self._ask(argvs, at_once=at_once, capture=False)["ns"])

    def say(self, argv: Argv) -> str:
        """Return what a command prints."""
        return str(self._ask([argv], at_once=1, capture=True)["out"])

    def _ask(self, argvs: list[Argv], *, at_once: int, capture: bool) -> dict[str, Any]:
        self.requests.write(json.dumps({"argvs": argvs, "at_once": at_once, "capture": capture}) + "\n")
        self.requests.flush()
        answer: dict[str, Any] = json.loads(self.answers.readline())
        if any(answer["codes"]):
            message = f"{' '.join(argvs[0][:12])} failed with {max(answer['codes'])}: {answer['err']}"
            raise RuntimeError(message)
        return answer

    def stop(self) -> None:
        """End the process."""
        self.requests.close()
        self.answers.close()
        self.process.wait()


if __name__ == "__main__":
    serve()
