"""The parsers of prometheus_client, which judge what `metrics` writes. Its own are not annotated; these names are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

parse_openmetrics: Callable[[str], Iterable[Any]] = openmetrics
parse_prometheus: Callable[[str], Iterable[Any]] = prometheus
