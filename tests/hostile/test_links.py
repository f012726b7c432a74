"""Links that an image brings, in every place where something is mounted or written: none leads to the host."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hostile.probes import NONE, NOTHING, Canary, cgroups_named, link, spoilt_image

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt


def leads_to(path: Path) -> tuple[str, ...]:
    """Return what a link can say to lead to a path of the host: straight, up and over, by /proc, by another link."""
    return str(path), f"{'../' * 20}..{path}", f"/proc/self/root{path}", f"/chain{path}"


CHAIN = link("chain", "../../../..")


def test_files_of_etc_stay_inside(quilt: Quilt, canary: Canary) -> None:
    """What is laid over /etc, with the host's network three files, reaches no file of the host.

    Seen red without RESOLVE_IN_ROOT in ``open_file``.
    """
    leads = leads_to(canary.path / "file")
    for turn in range(len(leads)):
        turned = leads[turn:] + leads[:turn]
        links = [
            link(f"etc/{name}", lead)
            for name, lead in zip(("hosts", "hostname", "resolv.conf"), turned[:3], strict=True)
        ]
        image = spoilt_image(quilt, CHAIN, *links)
        files = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
        for userns in ("auto", "host"):
            done = quilt("run", "--rm", "--network", "host", "--userns", userns, image, "cat", *files)
            canary.check(done.stdout)
            told = done.returncode == 125 and "the image" in done.stderr
            assert told or (done.returncode == 0 and "localhost" in done.stdout), done


def test_etc_itself_stays_inside(quilt: Quilt, canary: Canary) -> None:
    """/etc as a link is followed within the image, and nothing is made in a folder of the host.

    Seen red without RESOLVE_IN_ROOT in ``open_file`` and ``find_folder``.
    """
    for lead in (*leads_to(canary.path / "folder"), "/proc", "/sys", "/dev", "/proc/self/cwd", "/no/such"):
        done = quilt("run", "--rm", *NONE, spoilt_image(quilt, CHAIN, link("etc", lead)), "cat", "/etc/hosts")
        canary.check(done.stdout)
        assert done.returncode in {0, 125}, done
        assert (done.returncode == 0) == ("localhost" in done.stdout)
    assert quilt.traces() == NOTHING


def test_kernel_trees_must_be_real(quilt: Quilt, canary: Canary) -> None:
    """A link for /proc, /sys or /dev is refused, for what is masked there could be gone around by it.

    Seen red without RESOLVE_NO_SYMLINKS in ``open_directory``.
    """
    absolute, climbing, _, chained = leads_to(canary.path / "folder")
    for name, lead in (("proc", absolute), ("proc", "/tmp"), ("sys", climbing), ("sys", "proc"), ("dev", chained)):
        done = quilt("run", "--rm", *NONE, spoilt_image(quilt, CHAIN, link(name, lead)), "true")
        canary.check(done.stdout)
        assert (done.returncode, f"something else than a directory at {name}" in done.stderr) == (125, True), done
    assert quilt.traces() == NOTHING


def test_what_an_image_has_in_dev_does_not_show(quilt: Quilt, canary: Canary) -> None:
    """/dev is a tmpfs of its own, so links of the image there are not even seen, and what goes on them is in place.

    Seen red with the tmpfs of /dev mounted last.
    """
    folder = canary.path / "folder"
    planted = [link(f"dev/{name}", str(folder)) for name in ("shm", "pts", "mqueue", "null", "fd", "more")]
    image = spoilt_image(quilt, {"name": "dev", "type": tarfile.DIRTYPE, "mode": 0o755}, *planted)
    script = 'ls /dev; for d in shm mqueue pts; do echo x > /dev/$d/x; grep -c " /dev/$d " /proc/mounts; done'
    done = quilt("run", "--rm", *NONE, image, "sh", "-c", script)
    canary.check(done.stdout)
    assert "more" not in done.stdout
    assert done.stdout.split()[-3:] == ["1", "1", "1"]


def test_scratch_of_a_read_only_root_stays_inside(quilt: Quilt, canary: Canary) -> None:
    """With --read-only a tmpfs goes over /run, /tmp and /var/tmp; a link there is told, and the host gets no mount.

    Seen red without RESOLVE_NO_SYMLINKS and RESOLVE_IN_ROOT in ``open_directory``.
    """
    before = Path("/proc/self/mountinfo").read_text()
    for name, lead in zip(("run", "tmp", "var/tmp", "var"), leads_to(canary.path / "folder"), strict=True):
        image = spoilt_image(quilt, CHAIN, link(name, lead))
        done = quilt("run", "--rm", "--read-only", *NONE, image, "sh", "-c", f"echo x > /{name}/x")
        canary.check(done.stdout)
        assert (done.returncode, f"at {name}" in done.stderr) == (125, True), done
    assert Path("/proc/self/mountinfo").read_text() == before


def test_mask_is_not_gone_around_by_a_link(quilt: Quilt) -> None:
    """Where a link stands in the place of what shall be hidden, nothing is run: the mask would be in another place.

    Seen red with the mask passed over on ELOOP.
    """
    leads = ("../data", "/data", "data", "/proc/self/root/data")
    places = [link(f"place{number}", lead) for number, lead in enumerate(leads)]
    image = spoilt_image(quilt, {"name": "data/word", "content": b"hidden"}, *places)
    refused = [f"/place{number}" for number in range(len(leads))]
    said = ""
    for mask, code in (*((path, 125) for path in refused), ("/place1/word", 125), ("/data", 1), ("/data/word", 0)):
        run = ("run", "--rm", *NONE, "--security-opt", f"mask={mask}", image, "cat", "/data/word", "/place1/word")
        done = quilt(*run)
        assert done.returncode == code, done
        said += done.stdout
    assert said == ""


@pytest.mark.parametrize("userns", ["auto", "host"])
def test_workdir_of_an_image_makes_nothing_on_the_host(quilt: Quilt, userns: str) -> None:
    """A working directory by way of a descriptor of ours would make cgroups on the host: it is refused, nothing stays.

    Seen red without RESOLVE_NO_MAGICLINKS and RESOLVE_IN_ROOT in ``find_folder``.
    """
    for workdir in ("/proc/self/fd/3/made-by-link", "/link/made-by-link"):
        image = spoilt_image(quilt, link("link", "/proc/self/fd/3/.."), change=(f"WORKDIR {workdir}",))
        for more in ((), ("--read-only",)):
            done = quilt("run", "--rm", *NONE, "--userns", userns, *more, image, "true")
            assert done.returncode in {125, 126}, done
        assert cgroups_named("made-by-link") == []
    assert quilt.traces() == NOTHING


def test_workdir_of_an_image_is_made_inside(quilt: Quilt, canary: Canary) -> None:
    """Behind a link it is made where the link leads within the container.

    Seen red without RESOLVE_IN_ROOT in ``find_folder``, and the directory made before the change of root.
    """
    for lead in (*leads_to(canary.path / "folder")[:3], "../../tmp", "run/../run"):
        image = spoilt_image(quilt, CHAIN, link("place", lead), change=("WORKDIR /place/new/work",))
        for more in ((), ("--read-only",)):
            done = quilt("run", "--rm", *NONE, *more, image, "pwd", "-P")
            canary.check(done.stdout)
            assert (done.returncode, done.stdout.endswith("/new/work\n")) in {(0, True), (125, False), (126, False)}
    assert done.stdout == "/run/new/work\n"
