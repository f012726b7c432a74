"""What was measured, as a table for people and as JSON."""

from __future__ import annotations

import os
import platform
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.rows import ROWS

if TYPE_CHECKING:
    from benchmarks.rows import Measured


def document(measured: Measured, versions: dict[str, str]) -> dict[str, Any]:
    """Return everything: the machine, the versions, and for each row medians, ratios and samples."""
    return {
        "machine": {"kernel": platform.release(), "cpus": os.cpu_count(), "arch": platform.machine()},
        "versions": versions,
        "rows": [_row(key, measured.samples[key]) for key in ROWS if key in measured.samples],
    }


def _row(key: str, samples: dict[str, list[float]]) -> dict[str, Any]:
    title, unit, must_reach = ROWS[key]
    medians = {engine: round(median(values), 4) for engine, values in samples.items()}
    ours = medians.get("quiltctl", 0)
    return {
        "row": key,
        "what": title,
        "unit": unit,
        "must_reach": must_reach,
        "medians": medians,
        "ratios": {engine: round(ours / value, 3) for engine, value in medians.items() if engine != "quiltctl"},
        "samples": {engine: [round(value, 4) for value in values] for engine, values in samples.items()},
    }


def table(report: dict[str, Any]) -> str:
    """Return the rows as a Markdown table: quiltctl, what it must reach, and each peer with quiltctl's part of it."""
    peers = [name for name in report["versions"] if name in {"podman", "crun"}]
    lines = [["what", "quiltctl", "must reach", *peers]]
    for row in report["rows"]:
        ours, most = row["medians"]["quiltctl"], row["must_reach"]
        target = "" if most is None else f"<= {most:g} {row['unit']}{'' if ours <= most else '  MISSED'}"
        cells = [row["what"], _amount(ours, row["unit"]), target]
        for peer in peers:
            theirs = row["medians"].get(peer)
            cells.append("" if theirs is None else f"{_amount(theirs, row['unit'])} ({row['ratios'][peer]:.2f} x)")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    text.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in text)


def _amount(value: float, unit: str) -> str:
    return f"{value:.3f} {unit}" if value < 1 else f"{value:.1f} {unit}"
