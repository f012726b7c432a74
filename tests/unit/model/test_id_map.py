"""The ids of a container, and what --userns, --uidmap and --gidmap ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import UsageError
from quiltctl.model import id_map
from quiltctl.model.id_map import UserNamespace


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("host", UserNamespace("host")),
        ("auto", UserNamespace("auto")),
        ("private", UserNamespace("auto")),
        ("auto:size=1000", UserNamespace("auto", size=1000)),
        ("keep-id", UserNamespace("keep-id")),
        ("keep-id:uid=7,gid=8", UserNamespace("keep-id", uid=7, gid=8)),
        ("container:web", UserNamespace("container", container="web")),
    ],
)
def test_user_namespace_is_read(text: str, wanted: UserNamespace) -> None:
    """The modes that podman has, where they mean something here."""
    assert id_map.parse_user_namespace(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "Host", "nomap", "host:1", "auto:size", "auto:size=0", "auto:size=x", "auto:uid=1", "container:"]
)
def test_user_namespace_that_is_none_is_refused(text: str) -> None:
    """A misspelt mode is an error that lists them, never the host's namespace."""
    with pytest.raises(UsageError, match="--userns"):
        id_map.parse_user_namespace(text)


@pytest.mark.parametrize(
    "text", ["", "0", "0:1:2:3", "a:1:2", "0:1:0", "-1:0:1", "0:4294967295:1", "0:1:4294967295", "٣:1:1"]
)
def test_mapping_that_is_none_is_refused(text: str) -> None:
    """Three numbers, of which none leaves the 32 bits that an id has."""
    with pytest.raises(UsageError, match="--uidmap"):
        id_map.parse_mapping(text, "--uidmap")


def test_mapping_without_a_size_is_of_one() -> None:
    """As podman has it."""
    assert id_map.parse_mapping("0:1000", "--uidmap") == "0:1000:1"


@pytest.mark.parametrize(
    ("mappings", "why"),
    [
        (("0:1000:10", "9:5000:1"), "overlap inside"),
        (("0:1000:10", "10:1009:1"), "overlap on the host"),
        (("1:1000:10",), "id 0 of the container is not mapped"),
        (tuple(f"{n}:{n + 5000}:1" for n in range(341)), "340"),
    ],
)
def test_map_that_the_kernel_would_refuse_is_refused(mappings: tuple[str, ...], why: str) -> None:
    """Before anything is made, and with the reason."""
    with pytest.raises(UsageError, match=why):
        id_map.check_map(mappings, "--uidmap")


@given(st.integers(0, 65535), st.integers(1, 65535), st.integers(1, 1 << 30))
def test_keeping_maps_every_id_once_and_one_to_itself(inside: int, outside: int, first: int) -> None:
    """Whatever id is kept, all ids of the container have one of the host, and the kept one has the caller's."""
    first += 65536  # a range does not hold the ids of people
    mappings = id_map.keeping(first, 65536, inside=inside, outside=outside)
    assert id_map.check_map(mappings, "keep-id") == mappings
    assert id_map.host_id(mappings, inside) == outside
    assert [id_map.host_id(mappings, n) for n in (0, 65535) if n != inside] == [
        first + n for n in (0, 65535) if n != inside
    ]
    assert sum(int(mapping.split(":")[2]) for mapping in mappings) == 65536


def test_host_id_of_the_unmapped_is_none() -> None:
    """Beyond the map there is nobody; without a map everybody is himself."""
    assert (id_map.host_id(("0:1000:10",), 10), id_map.host_id((), 10)) == (None, 10)
