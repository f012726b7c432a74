"""Where the cgroups of a root lie, whoever owns the tree."""

from __future__ import annotations

import pytest

from quiltctl.commands import _container_options
from quiltctl.paths import DEFAULT_ROOT, Paths
from quiltctl.runtime.cgroup import place

PATHS = Paths(DEFAULT_ROOT)
ID = "ab" * 32


@pytest.mark.parametrize(
    ("parent", "delegated", "container", "shim"),
    [
        ("", False, f"quilt/{ID}", "quilt/shims"),
        ("ci/job", False, f"ci/job/quilt-{ID}", "quilt/shims"),
        ("my.slice", False, f"my.slice/quilt-{ID}", "quilt/shims"),
        ("", True, f"system.slice/quilt.scope/{ID}", "system.slice/quilt.scope/shims"),
        ("my.slice", True, f"my.slice/quilt-my.scope/{ID}", "my.slice/quilt-my.scope/shims"),
        ("a.service/x", True, f"a.service/x/quilt-{ID}", "system.slice/quilt.scope/shims"),
    ],
)
def test_place_of_a_container_and_its_shim(
    monkeypatch: pytest.MonkeyPatch,
    *,
    parent: str,
    delegated: bool,
    container: str,
    shim: str,
) -> None:
    """In a scope, the shim lies beside the container: it keeps the scope."""
    monkeypatch.setattr(place, "is_delegated", lambda: delegated)
    assert place.of_container(PATHS, ID, parent) == container
    assert place.of_shim(PATHS, parent) == shim


def test_two_roots_do_not_meet() -> None:
    """The tag of a root that is not the usual one stands in all its names."""
    other = Paths("/srv/other")
    assert other.tag in place.of_container(other, ID, "ci")
    assert other.tag in place.of_shim(other)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/ci/job/", "ci/job"),
        ("my.slice", "my.slice"),
        ("a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice"),
        ("x/a-b.slice", "x/a-b.slice"),
        ("", ""),
    ],
)
def test_slice_is_found_by_its_name(given: str, path: str) -> None:
    """As systemd.slice(5) has it: each dash is a step."""
    assert place.expand(given) == path


@pytest.mark.parametrize("given", ["a-b.slice", "/a-b.slice", "my.slice/"])
def test_shim_of_a_run_lives_where_that_of_a_start_does(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """One is asked by what the command line says, the other by what the row does."""
    monkeypatch.setattr(place, "is_delegated", lambda: True)
    by_line = _container_options.shim_cgroup(PATHS, {"cgroup_parent": given, "cgroups": "enabled"})
    assert by_line == place.of_shim(PATHS, place.expand(given))
    assert by_line.startswith(place.expand(given))
