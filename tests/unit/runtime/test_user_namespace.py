"""Where ranges of ids come from."""

from __future__ import annotations

import pytest

from quiltctl.db.id_ranges import SLOT
from quiltctl.errors import UsageError
from quiltctl.runtime import user_namespace


def test_pool_is_apart_from_what_others_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the ids of directory services and of systemd-nspawn, below systemd's foreign ids; 2,245 whole slots."""
    monkeypatch.delenv("QUILT_ID_POOL", raising=False)
    first, size = user_namespace.find_pool()
    assert (first > 2_000_200_000, first + size <= 2_147_352_576) == (True, True)
    assert (first % SLOT, divmod(size, SLOT)) == (0, (2245, 0))


def test_pool_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin who gives these ids to others says which ones are free."""
    monkeypatch.setenv("QUILT_ID_POOL", "1000000:131072")
    assert user_namespace.find_pool() == (1000000, 131072)


@pytest.mark.parametrize("text", ["x", "1", "1:", "0:65536", "-1:5", "4294967295:1", "1:4294967295", "1:2:3"])
def test_pool_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A misspelt variable never means the default."""
    monkeypatch.setenv("QUILT_ID_POOL", text)
    with pytest.raises(UsageError, match="QUILT_ID_POOL"):
        user_namespace.find_pool()
