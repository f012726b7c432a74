"""Links that a container itself has planted: by an earlier run, or while somebody joins it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from tests.hostile.probes import NONE, NOTHING, Canary, cgroups_named, link, spoilt_image

if TYPE_CHECKING:
    from tests.e2e.conftest import Quilt


def run_twice(quilt: Quilt, plant: str, then: str, *flags: str, image: str = "box") -> tuple[int, str]:
    """Run a container that plants something, start it again, and return the code and all that the second run said."""
    script = f"if [ -e /planted ]; then {then}; exit 0; fi; {plant}; echo > /planted"
    first = quilt("run", "--name", "c", *NONE, *flags, image, "sh", "-c", script)
    assert first.returncode == 0, first
    started = quilt("start", "c")
    code = int(quilt.ok("wait", "c")) if started.returncode == 0 else started.returncode
    said = quilt("logs", "c")
    quilt.ok("rm", "c")
    return code, started.stderr + said.stdout + said.stderr


@pytest.mark.parametrize("userns", ["auto", "host"])
def test_etc_that_was_replaced_stays_inside(quilt: Quilt, canary: Canary, userns: str) -> None:
    """A container cannot remove /etc/hosts, which is a mount, but it can lay another link in the place of /etc.

    Seen red without RESOLVE_IN_ROOT in ``open_file`` and ``find_folder``.
    """
    image = spoilt_image(quilt, link("etc", "settings"), {"name": "settings/hosts"})
    for lead in (canary.path / "folder", f"../../../../..{canary.path}/folder", "/proc/self/root/tmp"):
        plant = f"rm /etc && ln -s {lead} /etc"
        code, said = run_twice(quilt, plant, "cat /etc/hosts", "--userns", userns, image=image)
        canary.check(said)
        assert (code, "localhost" in said) in {(0, True), (125, False)}, said
    assert quilt.traces() == NOTHING


def test_kernel_tree_that_was_unmounted_and_replaced_is_refused(quilt: Quilt) -> None:
    """With CAP_SYS_ADMIN a container can take /proc off and plant a link; its next start tells it.

    Seen red without RESOLVE_NO_SYMLINKS in ``open_directory``.
    """
    plant = "umount -l /proc; rmdir /proc && ln -s /was /proc"
    code, said = run_twice(quilt, plant, "cat /proc/keys", "--cap-add", "SYS_ADMIN")
    assert (code, "something else than a directory at proc" in said) == (125, True), said


@pytest.mark.parametrize("plant", ["mv /srv /moved", "cp -a /srv /moved", "mv /srv /moved; ln -s /moved /srv"])
def test_mask_holds_after_what_is_above_was_moved(quilt: Quilt, plant: str) -> None:
    """What the image has behind a mask does not show in the next run, wherever its folder was moved or copied to.

    Seen red without the mask.
    """
    image = spoilt_image(quilt, {"name": "srv/data/word", "content": b"hidden"})
    then = "cat /srv/data/word /moved/data/word"
    _, said = run_twice(quilt, plant, then, "--security-opt", "mask=/srv/data", image=image)
    assert "hidden" not in said


def test_folder_that_is_swapped_while_it_is_joined_leads_nowhere(quilt: Quilt) -> None:
    """A working directory that turns into links to descriptors and back, all the while `exec -w` and restarts go on.

    Seen red without RESOLVE_NO_MAGICLINKS and RESOLVE_IN_ROOT, and without the check of getcwd.
    """
    swap = (
        "while :; do for n in 5 6 7 8 9; do ln -s /proc/self/fd/$n /next; mv -T /next /work; done;"
        " rm /work; mkdir /work; rmdir /work; done"
    )
    quilt.ok("run", "-d", "--name", "c", *NONE, "box", "sh", "-c", f"{swap} 2>/dev/null")
    over = threading.Event()

    def restart() -> None:
        while not over.wait(0.8):
            quilt("stop", "-t", "0", "c")
            quilt("start", "c")

    restarting = threading.Thread(target=restart)
    restarting.start()
    seen = set()
    with contextlib.ExitStack() as undo:
        undo.callback(restarting.join)
        undo.callback(over.set)
        for _ in range(40):
            done = quilt("exec", "-w", "/work", "c", "sh", "-c", "/bin/pwd -P; ls; mkdir made-by-link")
            seen.add((done.returncode, *done.stdout.split()[1:]))
    # 0: in the folder; 1: it was removed meanwhile; 126: it was a link or not there; 125: the container was down.
    assert {code for code, *_ in seen} <= {0, 1, 125, 126, 137}, seen
    assert all(not words for _, *words in seen), seen
    assert cgroups_named("made-by-link") == []
