"""The members of an archive, one after the other, each with all that its headers say of it."""

from __future__ import annotations

from quiltctl.errors import ImageError
from quiltctl.runtime import pax, sparse, tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from quiltctl.runtime.archive import Archive

    Records = dict[bytes, list[bytes]]

_LONGEST_HEADER = 1 << 20
"""What extended headers may hold, each and all of a member: it is kept in memory. Linux allows 64 KiB of attributes."""
_GLOBAL_KEYS = frozenset((b"uid", b"gid", b"mtime"))


def members(archive: Archive) -> Iterator[tar.Member]:
    """Yield the members up to the archive's end mark.

    After each one its content, ``stored_bytes`` long, may be taken from the archive; what is not taken is passed over.

    Raises:
        ImageError: the archive is damaged or truncated, or holds a kind of member that is not known.
    """
    everywhere: Records = {}
    header = _first(archive)
    while header is not None:
        records, header = _extended(archive, header, everywhere)
        if header is None:
            break
        member = _member(header, records, archive)
        end = archive.offset + _padded(member.stored_bytes)
        yield member
        archive.skip(end - archive.offset)
        header = _next(archive)


def _first(archive: Archive) -> tar.Header | None:
    """Return the first header; what is wrong with it says that this is no archive at all."""
    if archive.at_end():
        raise ImageError("it is empty")
    try:
        return _next(archive)
    except ImageError as error:
        raise ImageError(
            "it is not a tar archive, nor one compressed with gzip, xz or zstd",
            hint="give a root filesystem as tar, tar.gz, tar.xz, tar.zst, or as a folder",
        ) from error


def _next(archive: Archive) -> tar.Header | None:
    """Return the next header, or None at the end mark.

    The mark is asked for, which tar does not do: an archive cut between two members is not taken for a whole one.
    """
    block = archive.read(tar.BLOCK)
    return None if block == tar.END else tar.parse(block)


def _extended(archive: Archive, header: tar.Header | None, everywhere: Records) -> tuple[Records, tar.Header | None]:
    """Read the headers that only describe, and return what they say with the header of the member they describe."""
    records: Records = dict(everywhere)
    start = archive.offset
    while header is not None and header.kind not in tar.KINDS:
        # Each adds to the others, and of those that add nothing there is no end in an archive that has none.
        if archive.offset - start > _LONGEST_HEADER:
            raise ImageError(f"the archive is damaged: more than {_LONGEST_HEADER} bytes describe one member")
        if header.kind in {tar.PAX, tar.PAX_SOLARIS}:
            records.update(pax.parse(_content(archive, header)))
        elif header.kind == tar.PAX_GLOBAL:
            said = pax.parse(_content(archive, header))
            everywhere.update({key: said[key] for key in _GLOBAL_KEYS & said.keys()})
            records.update({key: value for key, value in everywhere.items() if key not in records})
        elif header.kind == tar.GNU_LONG_NAME:
            records[b"path"] = [tar.text(_content(archive, header))]
        elif header.kind == tar.GNU_LONG_LINK:
            records[b"linkpath"] = [tar.text(_content(archive, header))]
        elif header.kind != tar.GNU_VOLUME:
            raise ImageError(
                f"{tar.shown(header.name)} is of the unknown kind {tar.shown(header.kind)}",
                hint="make the archive with tar, without --multi-volume and --incremental",
            )
        header = _next(archive)
    return records, header


def _content(archive: Archive, header: tar.Header) -> bytes:
    if header.size_bytes > _LONGEST_HEADER:
        raise ImageError(f"the archive is damaged: an extended header of {header.size_bytes} bytes")
    return archive.read(_padded(header.size_bytes))[: header.size_bytes]


def _padded(size: int) -> int:
    return -(-size // tar.BLOCK) * tar.BLOCK


def _content_bytes(header: tar.Header, records: Records) -> int:
    """Return how much follows the header: nothing for links, folders and devices, whatever their size field says."""
    return pax.integer(records, b"size", header.size_bytes) if header.kind in tar.WITH_CONTENT else 0


def _member(header: tar.Header, records: Records, archive: Archive) -> tar.Member:
    stored = _content_bytes(header, records)
    holes = None
    if header.kind == tar.GNU_SPARSE:
        holes = sparse.old_map(header, archive)  # its further blocks are not counted as content
    elif header.kind in tar.WITH_CONTENT:
        before = archive.offset
        holes = sparse.pax_map(records) or sparse.stored_map(records, archive)
        stored -= archive.offset - before  # and a map of format 1.0 is
    length, extents = holes or (stored, ())
    if holes and sum(size for _, size in extents) != stored:
        raise ImageError("the archive is damaged: a file with holes is not as long as its map says")
    return tar.Member(
        name=pax.name(records, b"GNU.sparse.name", pax.name(records, b"path", header.name)),
        kind=tar.REGULAR if header.kind in tar.WITH_CONTENT else header.kind,
        mode=header.mode,
        uid=pax.integer(records, b"uid", header.uid),
        gid=pax.integer(records, b"gid", header.gid),
        mtime_ns=pax.mtime_ns(records, header.mtime_s),
        link=pax.name(records, b"linkpath", header.link),
        stored_bytes=stored,
        size_bytes=length,
        extents=extents,
        sparse=holes is not None,
        xattrs=pax.xattrs(records),
    )
