"""The steps that turn an overlay into the root of a container: values that can be described and applied.

Every target is found inside the root by descriptor and mounted by descriptor. The three trees that security hangs
on, /proc, /sys and /dev, must be real directories: a link there is refused.
"""

from __future__ import annotations

import os
import stat

from quiltctl.model import sysctl
from quiltctl.model.value import Value
from quiltctl.runtime.linux import files, mounts
from quiltctl.runtime.rootfs.targets import open_directory, open_file, open_folder, open_kernel_file

LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
)


class Step(Value):
    """One thing done to the root. ``apply`` raises OSError; ``describe`` says it in a few words."""

    def describe(self) -> str:
        """Return what the step does, for people."""
        raise NotImplementedError

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        raise NotImplementedError


class Mount(Step):
    """Mount a new file system on a directory, which is made if the image lacks it."""

    kind: str
    target: str
    options: tuple[tuple[str, str | None], ...] = ()
    attributes: int = 0

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"mount {self.kind} on /{self.target}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        target_fd = open_directory(root_fd, self.target)
        mount_fd = mounts.new_mount(self.kind, self.options, attributes=self.attributes)
        mounts.attach_mount(mount_fd, target_fd, subject=f"/{self.target}")
        os.close(mount_fd)
        os.close(target_fd)


class AttachTree(Step):
    """Put a detached mount that was made outside on a directory, which is made if the image lacks it."""

    mount_fd: int
    target: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"attach /{self.target}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        target_fd = open_directory(root_fd, self.target)
        mounts.attach_mount(self.mount_fd, target_fd, subject=f"/{self.target}")
        os.close(self.mount_fd)
        os.close(target_fd)


class AttachFile(Step):
    """Lay a detached mount of a file over a file of the image, which is made if the image lacks it."""

    mount_fd: int
    target: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"attach /{self.target}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        target_fd = open_file(root_fd, self.target)
        mounts.attach_mount(self.mount_fd, target_fd, subject=f"/{self.target}")
        os.close(self.mount_fd)
        os.close(target_fd)


class FillDev(Step):
    """Make the links and folders of /dev, beside the devices that are there."""

    def describe(self) -> str:
        """Return what the step does, for people."""
        return "fill /dev"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        dev_fd = open_directory(root_fd, "dev")
        for target, name in LINKS:
            os.symlink(target, name, dir_fd=dev_fd)
        for name in ("pts", "shm", "mqueue"):
            os.mkdir(name, 0o755, dir_fd=dev_fd)
        os.close(dev_fd)


class SetSysctl(Step):
    """Write a kernel parameter of a namespace, through the /proc that shows the container's."""

    name: str
    value: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"set {self.name} = {self.value}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        path = f"proc/sys/{sysctl.path_of(self.name)}"
        try:
            fd = files.openat2(root_fd, path, os.O_WRONLY, resolve=files.RESOLVE_IN_ROOT | files.RESOLVE_NO_SYMLINKS)
            with open(fd, "wb", buffering=0) as file:
                file.write(self.value.encode())
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"sysctl {self.name}={self.value}") from error


class ReadOnly(Step):
    """Make a part of the root read-only, where the kernel or the image has it."""

    target: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"make /{self.target} read-only"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        target_fd = open_kernel_file(root_fd, self.target)
        if target_fd is None:
            return
        mount_fd = mounts.clone_mount(target_fd, attributes=mounts.RDONLY | mounts.LOCKED, subject=f"/{self.target}")
        mounts.attach_mount(mount_fd, target_fd, subject=f"/{self.target}")
        os.close(mount_fd)
        os.close(target_fd)


class Mask(Step):
    """Hide files behind /dev/null and directories behind one empty, read-only tmpfs, where they are there.

    One tmpfs for all: a superblock each would have all containers meet in the kernel's lists of superblocks.
    """

    targets: tuple[str, ...]

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"mask {', '.join('/' + target for target in self.targets)}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        null_fd = files.openat2(root_fd, "dev/null", os.O_PATH | os.O_NOFOLLOW, resolve=files.RESOLVE_NO_SYMLINKS)
        found = os.fstat(null_fd)
        if not stat.S_ISCHR(found.st_mode) or found.st_rdev != os.makedev(1, 3):
            raise OSError(22, "is not the null device", "/dev/null")
        empty = (("size", "0"), ("mode", "0555"), ("ro", None))
        empty_fd = mounts.new_mount("tmpfs", empty, attributes=mounts.RDONLY | mounts.LOCKED)
        attached = False
        for target in self.targets:
            target_fd = open_kernel_file(root_fd, target)
            if target_fd is None:
                continue
            is_directory = stat.S_ISDIR(os.fstat(target_fd).st_mode)
            # open_tree(2) clones what lies nowhere since Linux 6.15 only. So the tmpfs itself goes over the first one.
            clones = attached or not is_directory
            source_fd = empty_fd if is_directory else null_fd
            mount_fd = mounts.clone_mount(source_fd, subject=f"mask /{target}") if clones else os.dup(empty_fd)
            mounts.attach_mount(mount_fd, target_fd, subject=f"/{target}")
            attached |= is_directory
            os.close(mount_fd)
            os.close(target_fd)
        os.close(empty_fd)
        os.close(null_fd)


class MakeFolder(Step):
    """Make a directory of the image's own root, while that can be written."""

    target: str

    def describe(self) -> str:
        """Return what the step does, for people."""
        return f"make the directory /{self.target}"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        os.close(open_folder(root_fd, self.target))


class Seal(Step):
    """Make the root itself read-only; what is mounted on it stays as it is."""

    def describe(self) -> str:
        """Return what the step does, for people."""
        return "make / read-only"

    def apply(self, root_fd: int) -> None:
        """Do it, in a root given by its descriptor."""
        mounts.set_attributes(root_fd, mounts.RDONLY, subject="/")
