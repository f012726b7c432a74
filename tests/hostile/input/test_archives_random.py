"""Random hostile archives: whatever comes together, nothing outside changes and nothing half stays."""

from __future__ import annotations

import gzip
import lzma
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from types import ModuleType

    from tests.hostile.input.conftest import Store

pytestmark = pytest.mark.needs("root")
EXAMPLES = int(os.environ.get("QUILT_EXAMPLES", "0")) or 400
"""More of them by hand: QUILT_EXAMPLES=20000 script/test tests/hostile/input/test_archives_random.py."""
# Few words, so that members meet, replace each other, and pass through each other's links.
WORDS = [b"a", b"b", b"c", b"..", b".", b"", b"sentinel", b"file", b"inner", b"\xff", b".wh.a", b"x" * 256]
OUT = [b"SENTINEL", b"SENTINEL/file", b"../../../sentinel", b"/", b"/proc/self/root", b"/proc/self/cwd", b"/etc/passwd"]
plain_names = st.sampled_from([b"a", b"b", b"a/b", b"a/file", b"b/file", b"b/inner/file", b"a/a", b"c/a/b"])
wild_names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(b"/".join) | st.sampled_from(OUT)
plain_members = st.fixed_dictionaries(
    {
        "name": plain_names,
        "kind": st.sampled_from([b"0", b"0", b"5", b"2", b"2", b"2", b"1", b"6", b"3"]),
        "link": plain_names | st.sampled_from(OUT[:3]),
    },
    optional={"content": st.just(b"hostile"), "mode": st.just(0o4777), "uid": st.sampled_from([5, 65535])},
)
numbers = st.sampled_from([0, 1, 5, 65535, 65536, b"\xff" * 8, b"\x80" + b"\1" * 7, b"x", b""])
KEYS = [
    *(b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"GNU.sparse.map", b"GNU.sparse.size"),
    *(b"GNU.sparse.major", b"GNU.sparse.realsize", b"GNU.sparse.offset", b"GNU.sparse.numbytes", b"GNU.sparse.name"),
    *(b"SCHILY.xattr." + name for name in (b"trusted.overlay.opaque", b"user.a", b"security.capability", b"user.\xff")),
]
VALUES = [b"0", b"1", b"5", b"", b"-1", b"y", b"0,5", b"2,3,5,2", b"9" * 30, b"1e5", b"\0", b"a", b"../x", b"SENTINEL"]
records = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=3)
wild_members = st.fixed_dictionaries(
    {
        "name": wild_names,
        "kind": st.sampled_from([b"0", b"0", b"5", b"2", b"2", b"1", b"1", b"6", b"3", b"7", b"S", b"\0"]),
    },
    optional={
        "link": wild_names,
        "content": st.sampled_from([b"hostile", b"1\n0\n5\n".ljust(512, b"\0") + b"hello", b"x" * 513]),
        "mode": st.sampled_from([0, 0o644, 0o7777, b"\xff"]),
        "uid": numbers,
        "gid": numbers,
        "size": st.sampled_from([0, 1, 512, 1 << 32, b"\xff" * 12, b"\x80" + b"\7" * 11]),
        "mtime": st.sampled_from([0, b"\xff" * 12, b"\x80" + b"\7" * 11]),
        "pax": records,
    },
)
wild_blocks = st.one_of(
    wild_members,
    st.tuples(st.sampled_from([b"x", b"g", b"L", b"K", b"V", b"Z"]), wild_names | st.binary(max_size=30)),
    st.binary(min_size=1, max_size=600),
)
archives: st.SearchStrategy[list[Any]] = st.lists(plain_members, min_size=1, max_size=8) | st.lists(
    plain_members | wild_blocks, min_size=1, max_size=8
)
changes: st.SearchStrategy[list[tuple[float, int]]] = st.just([]) | st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=3
)
ends = st.sampled_from([bytes(1024), bytes(1024), bytes(512), b""])
wraps = st.sampled_from([bytes, bytes, gzip.compress, lzma.compress])


def written(raw: ModuleType, outside: bytes, chosen: list[Any]) -> bytes:
    """Return the blocks of what was chosen, and the place of the sentinel where its name stands."""
    out = []
    for one in chosen:
        if isinstance(one, dict):
            own = {key: _placed(value, outside) for key, value in one.items() if key != "pax"}
            pairs = [(key, _placed(value, outside)) for key, value in one.get("pax", ())]
            out.append(raw.member(**own, pax=pairs))
        else:
            out.append(raw.extended(one[1] + b"\0", one[0]) if isinstance(one, tuple) else raw.padded(one))
    return b"".join(out)


def _placed(value: Any, outside: bytes) -> Any:
    return value.replace(b"SENTINEL", outside) if isinstance(value, bytes) else value


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(archives, changes, ends, wraps)
def test_random_archive_is_safe_or_refused(
    store: Store, raw: ModuleType, chosen: list[Any], changed: list[tuple[float, int]], end: bytes, wrap: Any
) -> None:
    """What ``Store.attack`` promises holds for any archive. Red without RESOLVE_IN_ROOT or O_EXCL."""
    data = bytearray(written(raw, os.fsencode(store.sentinel), chosen))
    for place, byte in changed:
        data[int(place * len(data))] = byte
    event("refused" if store.attack(wrap(bytes(data) + end)) else "let in")
