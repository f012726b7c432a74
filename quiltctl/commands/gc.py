"""`gc`: sweep what crashes and reboots left."""

from __future__ import annotations

import sys

from quiltctl.commands import _parameters as shared
from quiltctl.model.parameters import Flag, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.gc import Finding

VERB = Verb(
    summary="Sweep what crashes and reboots left behind.",
    description=(
        "Compares the database with the kernel and the disk, both ways, and mends the difference. Quiet when there is "
        "nothing to say; one line for each thing mended; safe at any time, also twice at once. Ends with 125 only "
        "when something could not be mended."
    ),
    parameters=(
        Flag(("--dry-run",), "Say what would be done, and do nothing."),
        shared.JSON,
        Option(("--exited-older-than",), "Remove containers that ended longer ago than this.", metavar="DURATION"),
        Flag(("--images",), "Remove images that no container uses."),
        Option(("--events-older-than",), "Forget events from longer ago than this.", metavar="DURATION"),
    ),
    examples=(
        ("quiltctl gc", "mend, quietly"),
        ("quiltctl gc --dry-run", "look first"),
        ("*/5 * * * * root quiltctl gc --exited-older-than 24h --events-older-than 720h", "a line for /etc/cron.d"),
    ),
)


def command(
    paths: Paths,
    *,
    dry_run: bool,
    json: bool,
    exited_older_than: str | None,
    images: bool,
    events_older_than: str | None,
) -> int:
    """Mend, and tell what was mended."""
    from quiltctl.db.connection import open_to_write
    from quiltctl.model.times import parse_duration
    from quiltctl.runtime.lifecycle.gc import Wish, collect

    wish = Wish(
        dry_run=dry_run,
        exited_older_than_ns=parse_duration(exited_older_than) if exited_older_than else None,
        images=images,
        events_older_than_ns=parse_duration(events_older_than) if events_older_than else None,
    )
    findings = collect(paths, open_to_write(paths), wish) or []
    return show(findings, as_json=json, dry_run=dry_run)


def show(findings: list[Finding], *, as_json: bool, dry_run: bool = False) -> int:
    """Print the findings and return the exit code: 125 when one could not be mended."""
    if as_json:
        from quiltctl.model.document import encode

        rows = [
            {"kind": one.kind, "name": one.name, "action": one.action, "problem": one.problem or None}
            for one in findings
        ]
        sys.stdout.write(f"{encode(rows, indent=4)}\n")
    else:
        for one in findings:
            stream = sys.stderr if one.problem else sys.stdout
            done = f"could not be {one.action}: {one.problem}" if one.problem else one.action
            stream.write(f"{one.kind} {one.name}: {'would be ' if dry_run else ''}{done}\n")
    return 125 if any(one.problem for one in findings) else 0
