"""Numbers for monitoring systems, as values: what is measured, and each measurement with its labels."""

from __future__ import annotations

from quiltctl.model.value import Value

GAUGE = "gauge"
COUNTER = "counter"
"""What only rises, until it begins anew; its name ends in ``_total``."""


class Metric(Value):
    """One metric with its samples: labels, and a number each. Its name ends in its unit, bytes or seconds."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[dict[str, str], float], ...] = ()
