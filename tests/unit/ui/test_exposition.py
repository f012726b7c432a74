"""Metrics as text, read back by the library's own parsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.model.metric import COUNTER, GAUGE, Metric
from quiltctl.ui import exposition
from tests.metric_families import parse_openmetrics, parse_prometheus

if TYPE_CHECKING:
    from collections.abc import Iterable

    Family = tuple[str, str, dict[tuple[tuple[str, str], ...], float]]

METRICS = (
    Metric("quilt_build_info", GAUGE, "The version.", (({"version": "1"}, 1),)),
    Metric("quilt_used_seconds_total", COUNTER, 'A "help"\nin two lines \\.', (({"id": "a"}, 1.5), ({"id": "b"}, 0))),
    Metric("quilt_size_bytes", GAUGE, "Big.", (({}, 2**52 + 1),)),
    Metric("quilt_nothing_total", COUNTER, "Never."),
)


def read(families: Iterable[Any]) -> dict[str, Family]:
    """Return type, help and numbers of each name."""
    found = {}
    for family in families:
        samples = {tuple(sorted(s.labels.items())): s.value for s in family.samples}
        names = {s.name for s in family.samples} or {family.name}
        assert len(names) == 1
        found[names.pop()] = (family.type, family.documentation, samples)
    return found


EXPECTED: dict[str, Family] = {
    "quilt_build_info": (GAUGE, "The version.", {(("version", "1"),): 1.0}),
    "quilt_used_seconds_total": (
        COUNTER,
        'A "help"\nin two lines \\.',
        {(("id", "a"),): 1.5, (("id", "b"),): 0.0},
    ),
    "quilt_size_bytes": (GAUGE, "Big.", {(): float(2**52 + 1)}),
}


def test_openmetrics_is_read_back_as_it_was() -> None:
    """By the strict parser: names, types, helps, labels and numbers, and the end that says it is whole."""
    text = exposition.write_out(METRICS, "openmetrics")

    found = read(parse_openmetrics(text))

    assert found == {**EXPECTED, "quilt_nothing": (COUNTER, "Never.", {})}
    assert text.endswith("\n# EOF\n")
    assert "# UNIT quilt_used_seconds seconds\n" in text


def test_prometheus_is_read_back_as_it_was() -> None:
    """By the parser of the older format, in which counters have their whole name."""
    text = exposition.write_out(METRICS, "prometheus")

    found = read(parse_prometheus(text))

    assert {name: found[name] for name in EXPECTED} == EXPECTED
    assert "# TYPE quilt_used_seconds_total counter\n" in text
    assert "EOF" not in text


def test_openmetrics_is_also_text_of_the_older_format() -> None:
    """What node_exporter reads: the same numbers, and no type that it does not know."""
    text = exposition.write_out(METRICS, "openmetrics")

    families = list(parse_prometheus(text))

    numbers = {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}
    assert numbers == {(name, labels): n for name, (_, _, samples) in EXPECTED.items() for labels, n in samples.items()}
    types = {line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")}
    assert types == {"gauge", "counter"}


@pytest.mark.parametrize("format", exposition.FORMATS)
@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_label_may_hold_anything(format: str, value: str) -> None:
    """Names of images are their owners' choice: none ends its line, or makes another."""
    text = exposition.write_out((Metric("quilt_x", GAUGE, "X.", (({"image": value, "name": "n"}, 1),)),), format)

    parse = parse_openmetrics if format == "openmetrics" else parse_prometheus
    (family,) = parse(text)

    assert [(s.labels, s.value) for s in family.samples] == [({"image": value, "name": "n"}, 1.0)]
