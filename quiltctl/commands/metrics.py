"""`metrics`: numbers for Prometheus, and for whatever reads its formats."""

from __future__ import annotations

import sys

from quiltctl import errors
from quiltctl.model.parameters import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.model.metric import Metric
    from quiltctl.paths import Paths

OPENMETRICS = "openmetrics"
VERB = Verb(
    summary="Print numbers for Prometheus and other monitoring.",
    description="In the format OpenMetrics, which node_exporter's textfile collector reads as well; `--format"
    " prometheus` is the older one, in which that knows the types of all numbers. Nothing is written but the file that"
    " --output names, and that at once: whoever reads it finds the old one or the new one.",
    parameters=(
        Option(("--output", "-o"), "Write a file that everybody may read.", metavar="FILE", completes="file"),
        Option(
            ("--format",), "The format.", choices=(OPENMETRICS, "prometheus"), default=OPENMETRICS, metavar="FORMAT"
        ),
    ),
    examples=(
        ("quiltctl metrics", "all there is, now"),
        (
            "* * * * * root quiltctl metrics --format prometheus -o /var/lib/node_exporter/quilt.prom",
            "a line for /etc/cron.d",
        ),
    ),
)


def command(paths: Paths, *, output: str | None, format: str) -> int:
    """Print or write all metrics."""
    from quiltctl.ui import exposition, safe

    text = exposition.write_out(_collect(paths), format)
    if output is not None:
        _write(output, text)
    else:
        safe.write(safe.harmless(text) if sys.stdout.isatty() else text)
    return 0


def _collect(paths: Paths) -> list[Metric]:
    from quiltctl.commands._container_metrics import of_containers
    from quiltctl.commands._root_metrics import of_root
    from quiltctl.db import tallies
    from quiltctl.db.connection import open_to_read, translated
    from quiltctl.runtime.lifecycle.sample import sample

    connection = open_to_read(paths)
    with translated(paths.database):
        usages = sample(paths, connection, all=True)
        counts = tallies.count(connection)
        states = [usage.container.state for usage in usages]
        return [*of_root(connection, paths, states, counts), *of_containers(usages, counts.oom_kills)]


def _write(output: str, text: str) -> None:
    from quiltctl.runtime import whole_file

    try:
        whole_file.write(output, text)
    except FileExistsError as error:
        raise errors.UsageError(
            f"cannot write the metrics to {output}: {error.strerror}",
            hint="name a file, or leave --output out to have them on standard output",
        ) from error
    except OSError as error:
        raise errors.QuiltError(
            f"cannot write the metrics to {output}: {error.strerror}",
            hint="name a file in a folder that is there and has room",
        ) from error
