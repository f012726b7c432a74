"""`image import`: make an image of a root filesystem."""

from __future__ import annotations

from quiltctl.commands._parameters import JSON
from quiltctl.model.parameters import Argument, Flag, Option, Refused, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from quiltctl.paths import Paths
    from quiltctl.runtime.lifecycle.import_image import Imported

VERB = Verb(
    summary="Import a root filesystem as an image.",
    description="The source is a tar archive, plain or compressed with gzip, xz or zstd, known by what it holds and not"
    " by its name; or a folder; or - for standard input. It is unpacked once, and the same content is kept once."
    " Device nodes are left out, for each container gets its own /dev; so is what is mounted below a folder."
    " Extended attributes are kept where they are file capabilities or user.*. Owners above 65535 are refused."
    " Either all of it is imported, or nothing. Prints the id of the image.",
    parameters=(
        Option(
            ("--change", "-c"),
            "Set CMD, ENTRYPOINT, ENV, LABEL, STOPSIGNAL, USER or WORKDIR; repeatable.",
            multiple=True,
            metavar="INSTRUCTION",
        ),
        Option(("--message", "-m"), "A comment that stays with the image.", metavar="TEXT"),
        Flag(("--quiet", "-q"), "Show no progress."),
        JSON,
        Refused(("--arch",), "images are of this machine's architecture"),
        Refused(("--os",), "images are for Linux"),
        Refused(("--variant",), "images are of this machine's architecture"),
        Refused(("--signature-policy",), "a root filesystem carries no signature"),
        Argument("source", "Archive, folder, or - for standard input.", completes="file"),
        Argument("name", "Name for the image: [HOST/]PATH[:TAG].", required=False),
    ),
    examples=(
        ("quiltctl image import rootfs.tar.gz debian", "as localhost/debian:latest"),
        (
            "quiltctl image import -c 'CMD [\"/bin/sh\"]' -c USER=nobody ./rootfs web:1",
            "a folder, with a configuration",
        ),
        ("podman export app | quiltctl image import - app", "from another engine"),
    ),
)


def command(
    paths: Paths,
    *,
    change: list[str],
    message: str | None,
    quiet: bool,
    json: bool,
    source: str,
    name: str | None,
) -> int:
    """Import and print the id."""
    from quiltctl.commands._image_changes import parse_changes
    from quiltctl.db.connection import open_to_write
    from quiltctl.runtime.lifecycle.import_image import import_image, source_bytes
    from quiltctl.ui.progress import progress
    from quiltctl.ui.safe import write
    from quiltctl.ui.show import show_json

    config = parse_changes(change, comment=message or "")
    connection = open_to_write(paths)
    if quiet:
        imported = import_image(paths, connection, source, name=name or "", config=config)
    else:
        with progress(f"Importing {source}", source_bytes(source)) as advance:
            imported = import_image(paths, connection, source, name=name or "", config=config, advance=advance)
    if json:
        show_json(_document(imported), indent=2)
    else:
        write(f"sha256:{imported.image.id}\n")
    return 0


def _document(imported: Imported) -> dict[str, object]:
    image = imported.image
    return {
        "Id": image.id,
        "Name": image.name,
        "New": imported.is_new,
        "Layers": [f"sha256:{digest}" for digest in image.layers],
        "Files": imported.files,
        "SkippedDevices": imported.skipped_devices,
        "Size": image.size_bytes,
    }
