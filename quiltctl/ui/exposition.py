"""Metrics as text, in the two formats of Prometheus. Names of labels and values are escaped by its library.

OpenMetrics is written with gauges and counters alone, and without times: so the older text format's readers take it
too, above all node_exporter's textfile collector, which knows no other types and refuses files with times. What they
lose is the type and the help of counters, whose lines have other names there.
"""

from __future__ import annotations

from quiltctl.model.metric import COUNTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from quiltctl.model.metric import Metric

OPENMETRICS = "openmetrics"
PROMETHEUS = "prometheus"
FORMATS = (OPENMETRICS, PROMETHEUS)
_UNITS = ("bytes", "seconds")
_TOTAL = "_total"


def write_out(metrics: Iterable[Metric], format: str) -> str:
    """Return metrics as the text of a format, one of FORMATS."""
    collector = _Collector(metrics)
    if format == PROMETHEUS:
        from prometheus_client.exposition import generate_latest

        classic: Callable[[Any], bytes] = generate_latest
        return classic(collector).decode()
    from prometheus_client.openmetrics import exposition

    modern: Callable[[Any], bytes] = exposition.generate_latest
    return modern(collector).decode()


class _Collector:
    """What the library takes for a registry."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        """Give each metric as the library has it: without ``_total``, with its unit."""
        from prometheus_client.metrics_core import Metric as Family  # 90 ms

        for metric in self._metrics:
            base = metric.name.removesuffix(_TOTAL) if metric.kind == COUNTER else metric.name
            unit = base.rpartition("_")[2]
            family = Family(base, metric.help, metric.kind, unit if unit in _UNITS else "")
            for labels, number in metric.samples:
                family.add_sample(metric.name, labels, number)
            yield family
