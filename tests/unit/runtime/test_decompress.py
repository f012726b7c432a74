"""Decompression by what the first bytes are."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.errors import ImageError
from quiltctl.runtime.decompress import decompressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def zstd(data: bytes) -> bytes:
    """Compress as the zstd program does."""
    try:
        from compression.zstd import compress  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports.zstd import compress
    packed: bytes = compress(data)
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstd}
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
"""A frame that pzstd writes first and every reader passes over (RFC 8878, 3.1.2)."""
# Does not compress, and is more than is taken out at a time.
LARGE = random.Random(1).randbytes(3 << 20)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the data in pieces, as a pipe may."""
    return (data[start : start + size] for start in range(0, len(data), size))


def unpack(data: bytes, size: int = 1 << 18) -> bytes:
    """Return what is in the data."""
    return b"".join(decompressed(cut(data, size)))


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_decompressed_is_what_was_compressed(kind: str, size: int) -> None:
    """Whatever the pieces it comes in, what was packed comes out."""
    data = b"some text " * 1000
    assert unpack(PACKERS[kind](data), size) == data


@pytest.mark.parametrize("kind", PACKERS)
def test_decompressed_takes_streams_one_after_the_other(kind: str) -> None:
    """Files that were joined, and zeros at the end, are what all the tools take."""
    packed = PACKERS[kind](LARGE) + PACKERS[kind](b"") + PACKERS[kind](b"tail") + bytes(1024)
    assert unpack(packed) == LARGE + b"tail"


@pytest.mark.parametrize("kind", PACKERS)
def test_decompressed_bomb_comes_in_small_pieces(kind: str) -> None:
    """A little that becomes very much is never held whole."""
    pieces = [len(piece) for piece in decompressed(iter([PACKERS[kind](bytes(64 << 20))]))]
    assert sum(pieces) == 64 << 20
    assert max(pieces) <= 1 << 20


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("left", [0.1, 0.5, 0.999])
def test_decompressed_data_that_ends_too_early_is_truncated(kind: str, left: float) -> None:
    """However much is missing, it is an error and not less data."""
    packed = PACKERS[kind](LARGE)
    with pytest.raises(ImageError, match="truncated"):
        unpack(packed[: int(len(packed) * left)])


@pytest.mark.parametrize("kind", PACKERS)
def test_decompressed_data_with_a_wrong_byte_is_damaged(kind: str) -> None:
    """The checksums of the formats are looked at."""
    packed = bytearray(PACKERS[kind](b"some text " * 1000) if kind != "zstd" else zstd_with_checksum())
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(ImageError, match=r"damaged|truncated"):
        unpack(bytes(packed))


def zstd_with_checksum() -> bytes:
    """Compress as the program zstd does, which adds a checksum, and the library does not."""
    try:
        from compression.zstd import (  # type: ignore[import-not-found,unused-ignore]
            CompressionParameter,
            compress,
        )
    except ImportError:
        from backports.zstd import CompressionParameter, compress
    packed: bytes = compress(b"some text " * 1000, options={CompressionParameter.checksum_flag: 1})
    return packed


@pytest.mark.parametrize("kind", PACKERS)
def test_decompressed_data_with_rubbish_behind_it_is_damaged(kind: str) -> None:
    """What follows the end must be another stream."""
    with pytest.raises(ImageError, match=r"damaged|truncated"):
        unpack(PACKERS[kind](b"text") + b"rubbish that is no stream")


def test_decompressed_zstd_may_begin_with_a_skippable_frame() -> None:
    """As pzstd writes it."""
    assert unpack(SKIPPABLE + zstd(b"text")) == b"text"


@pytest.mark.parametrize("data", [bz2.compress(b"text"), b"PK\x03\x04 and so on", b"7z\xbc\xaf\x27\x1c"])
def test_decompressed_names_what_it_does_not_know(data: bytes) -> None:
    """A kind that is known by its first bytes and not supported is said, with the way out."""
    with pytest.raises(ImageError, match="which is not known here") as caught:
        unpack(data)
    assert caught.value.hint is not None


@given(st.binary(max_size=2000), st.integers(1, 100))
def test_decompressed_leaves_other_data_alone(data: bytes, size: int) -> None:
    """What is not compressed is yielded as it is; what looks so and is not is an ImageError and nothing else."""
    try:
        assert unpack(data, size) == data
    except ImageError:
        assert data[:2] == b"\x1f\x8b" or data[:3] == b"BZh" or data[:4] in {b"\x28\xb5\x2f\xfd", b"PK\x03\x04"}
