"""Filesystems of the tests' own, in files: small ones, and one whose power can be cut."""

import contextlib
import ctypes
import os
import subprocess
from typing import NamedTuple

import pytest

from harness.process import MAIL_GROUP, MAIL_ID, run, run_checked, wait_until

CLONE_NEWNS = 0x20000
MS_REC = 1 << 14
MS_PRIVATE = 1 << 18


def unshare_mounts():
    """Nobody else sees the mounts of the tests, and the kernel undoes them, loop devices included,
    with the last process: even where no cleanup runs."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def make_image(path, megabytes, *mkfs):
    """A filesystem in a file."""
    with open(path, "wb") as image:
        image.truncate(megabytes << 20)
    run_checked(*mkfs, path)


class Mount:
    """source is an image with the option loop, or what mount(8) takes for the type."""

    def __init__(self, source, path, options="loop", kind="auto"):
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        done = run("mount", "-t", kind, "-o", options, source, path)
        if done.returncode != 0:
            pytest.skip(f"CANNOT MOUNT {kind} ({options}) HERE: {done.stderr.strip()}")

    def remount(self, options):
        run_checked("mount", "-o", f"remount,{options}", self.path)

    def close(self):
        """Once more is no mistake."""
        if os.path.ismount(self.path) and run("umount", self.path).returncode != 0:
            run_checked("umount", "--lazy", self.path)


def leave_blocks(path, n):
    """Fills the filesystem up to n blocks; returns the file that does it."""
    fill = path / "fill"
    fill.unlink(missing_ok=True)
    os.sync()
    with open(fill, "wb") as file:
        for _ in range(100):
            status = os.statvfs(path)
            size = os.fstat(file.fileno()).st_size + (status.f_bavail - n) * status.f_frsize
            if status.f_bavail == n:
                break
            if status.f_bavail < n:
                file.truncate(size)
                continue
            with contextlib.suppress(OSError):  # others took it
                os.posix_fallocate(file.fileno(), 0, size)
    return fill


class Filesystem(NamedTuple):
    mkfs: tuple
    # What makes it whole again where no journal does; it says 1 when it had to.
    repair: tuple = ()
    n_reserved_inodes: int = None  # that have no name; None: nobody knows how many there are
    options: str = ""
    way: str = "strict"  # that lmtpd takes there


EXT4 = ("mkfs.ext4", "-q", "-F", "-m", "0")
FILESYSTEMS = {
    "ext4": Filesystem(EXT4, n_reserved_inodes=10, way="one commit"),
    "ext4, data=writeback": Filesystem(
        EXT4, n_reserved_inodes=10, options="data=writeback", way="one commit"),
    "ext4, data=journal": Filesystem(
        EXT4, n_reserved_inodes=10, options="data=journal", way="one commit"),
    "ext4 without a journal": Filesystem(
        (*EXT4, "-O", "^has_journal"), repair=("e2fsck", "-f", "-y"), n_reserved_inodes=10),
    "XFS": Filesystem(("mkfs.xfs", "-q", "-f"), way="one commit"),
    "btrfs": Filesystem(("mkfs.btrfs", "-q", "-f")),
}


class CuttableDisk:
    """A disk that can be copied at any instant as it is then: what a power cut would leave. Its image
    lies on an XFS, where a copy shares the blocks and is made at one stroke. One that is lossy loses
    what it has in its cache: see lossydisk.c, whose program that is."""

    def __init__(self, base, program):
        self.base = base
        self.program = program
        self.n_cuts = 0
        image = base / "xfs.img"
        make_image(image, 4096, "mkfs.xfs", "-q", "-m", "reflink=1")
        self.host = Mount(image, base / "xfs")
        image.unlink()  # the mount keeps it, and nothing is left behind it
        self.image = self.host.path / "disk"
        self.filesystem = None
        self.mail = None
        self.lossy = None

    def format(self, path, filesystem="ext4", is_lossy=False):
        """Mounts an empty one, the owner of the mail's."""
        self.discard()
        self.filesystem = FILESYSTEMS[filesystem]
        make_image(self.image, 1024, *self.filesystem.mkfs)
        options = ",".join(filter(None, ["loop", self.filesystem.options]))
        self.mail = Mount(self._start_lossy() if is_lossy else self.image, path, options)
        os.chown(path, MAIL_ID, MAIL_GROUP)

    def _start_lossy(self):
        directory = self.base / "lossy"
        directory.mkdir(exist_ok=True)
        self.lossy = subprocess.Popen([self.program, self.image, directory, "-f", "-s"])
        wait_until((directory / "disk").exists, 60, "the disk with a cache")
        return directory / "disk"

    def cut(self):
        """Returns the copy."""
        self.n_cuts += 1
        copy = self.host.path / f"cut{self.n_cuts}"
        if self.lossy:
            # The number is the seed of its coins.
            (self.base / "lossy/cut").write_text(f"{self.n_cuts} {copy}")
        else:
            run_checked("cp", "--reflink=always", self.image, copy)
        return copy

    @contextlib.contextmanager
    def after(self, copy):
        """The directory where the copy is mounted, by whatever makes it whole after a power cut. The
        disk itself must be gone by then: btrfs and XFS take nothing that exists twice."""
        self.discard()
        if self.filesystem.repair:
            repaired = run(*self.filesystem.repair, copy)
            assert repaired.returncode in (0, 1), repaired.stdout
        mount = Mount(copy, self.base / "after")
        try:
            yield mount.path
        finally:
            mount.close()
            copy.unlink()

    def discard(self):
        if self.mail:
            self.mail.close()
            self.mail = None
        if self.lossy:
            run_checked("umount", self.base / "lossy")
            self.lossy.wait(30)
            self.lossy = None

    def close(self):
        self.discard()
        self.host.close()

    def assert_no_litter(self, path):
        """All inodes of a copy have names: a file that had none yet is gone."""
        if self.filesystem.n_reserved_inodes is not None:
            n_used, reached = used_inodes(path)
            assert n_used == self.filesystem.n_reserved_inodes + len(reached), (n_used, len(reached))


def used_inodes(path):
    """What the filesystem says, and what can be reached by name: the same, unless some are lost."""
    status = os.statvfs(path)
    reached = {entry.stat(follow_symlinks=False).st_ino for entry in walk(path)}
    return status.f_files - status.f_ffree, reached


def walk(path):
    with os.scandir(path) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path)
