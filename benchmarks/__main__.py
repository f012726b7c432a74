"""`script/bench`: quiltctl beside podman and bare crun, in one run, alternating; medians and ratios."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import engines, report, rows

PEERS = {"podman": engines.podman, "crun": engines.crun}


def main() -> int:
    """Measure, print the table, and write the JSON if a file was named."""
    options = _options()
    wanted = set(options.rows.split(",")) if options.rows else set(rows.ROWS)
    if options.quick:
        wanted -= {"ps-500"}
    unknown = wanted - set(rows.ROWS)
    if unknown:
        print(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(rows.ROWS)}", file=sys.stderr)
        return 2
    peers = [name for name in PEERS if name in options.peers.split(",") and shutil.which(name)]
    with ExitStack() as undo:
        scratch = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="quilt-bench-")))
        tar = busybox_tar(scratch)
        compared = [engines.quiltctl(options.command, scratch, tar)]
        undo.callback(compared[0].close)
        for name in peers:
            compared.append(PEERS[name](scratch, tar))
            undo.callback(compared[-1].close)
        repeat, rounds = (5, 1) if options.quick else (options.repeat, 3)
        measured = rows.measure(compared, wanted, scratch, repeat=repeat, rounds=rounds)
        versions = {name: _version(name) for name in peers}
    result = report.document(measured, {"quiltctl": _version(options.command), **versions})
    print(report.table(result))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few repetitions, and not the rows that need 500 containers"
    )
    parser.add_argument("--rows", metavar="A,B", help=f"only these: {', '.join(rows.ROWS)}")
    parser.add_argument("--peers", metavar="A,B", default=",".join(PEERS), help="compare with these where installed")
    parser.add_argument("--repeat", type=int, default=21, help="how often each command is timed (21)")
    parser.add_argument("--json", metavar="FILE", help="also write everything, with all samples, to a file")
    parser.add_argument("--command", default=os.path.join(sys.prefix, "bin", "quiltctl"), help=argparse.SUPPRESS)
    return parser.parse_args()


def busybox_tar(scratch: Path) -> Path:
    """Return a root filesystem around busybox, as small as it can be."""
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("bench: busybox is missing; as root, run: apt-get install busybox-static")
    tree, tar = scratch / "tree", scratch / "busybox.tar"
    for folder in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(busybox, tree / "bin" / "busybox")
    for applet in ("true", "sleep", "sh", "dd", "httpd"):
        (tree / "bin" / applet).symlink_to("busybox")
    (tree / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    with tarfile.open(tar, "w") as archive:
        archive.add(tree, arcname=".")
    return tar


def _version(command: str) -> str:
    said = subprocess.run([command, "--version"], check=False, capture_output=True, text=True).stdout
    return said.splitlines()[0] if said else "unknown"


if __name__ == "__main__":
    sys.exit(main())
