"""The disk that is measured: an ext4 with a journal, in an image on a loop device.

Run in a mount namespace of its own. The loop device goes with the mount and the image has no name
any more, so nothing is left even when the run is killed.
"""

import os

from harness.process import MAIL_GROUP, MAIL_ID, run_checked

IMAGE_SIZE = 24 << 30
BYTES_PER_INODE = 8192
# Mailboxes that are measured as existing ones are an hour old.
AGE = 3600


class Filesystem:
    def __init__(self, base):
        self.image = base / "disk.img"
        self.path = base / "disk"
        self.path.mkdir()

    def make(self, mailboxes):
        """mailboxes: for each directory to be made below the root, the local parts in it."""
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_SIZE)
        run_checked("mkfs.ext4", "-q", "-F", "-i", BYTES_PER_INODE, self.image)
        self._mount()
        new = [make_mailbox(self.path / name / "example.com" / local)
               for name, locals_ in mailboxes.items() for local in locals_]
        for name in mailboxes:
            for path in (self.path / name, self.path / name / "example.com"):
                os.chown(path, MAIL_ID, MAIL_GROUP)
        inodes = [path.stat().st_ino for path in new]
        self.unmount()
        self._age(inodes)
        self._mount()
        self.image.unlink()

    def _mount(self):
        # Direct: the image is not cached once more, and a flush means the disk below.
        device = run_checked(
            "losetup", "--find", "--show", "--direct-io=on", self.image).strip()
        try:
            # No thread that initialises inode tables while others are measured.
            run_checked("mount", "-o", "noinit_itable", device, self.path)
        finally:
            # Busy, it is detached when the mount goes.
            run_checked("losetup", "--detach", device)

    def unmount(self):
        run_checked("umount", self.path)

    def _age(self, inodes):
        born = int(os.stat(self.image).st_mtime) - AGE
        script = "".join(f"sif <{inode}> crtime @{born}\n" for inode in inodes)
        run_checked("debugfs", "-w", "-f", "/dev/stdin", self.image, input=script, timeout=600)


def make_mailbox(home):
    maildir = home / "Maildir"
    paths = [home, maildir, maildir / "cur", maildir / "tmp", maildir / "new"]
    paths[0].mkdir(parents=True)
    for path in paths[1:]:
        path.mkdir()
    for path in paths:
        os.chown(path, MAIL_ID, MAIL_GROUP)
        os.chmod(path, 0o700)
    return paths[-1]


def count_files(root, numbers):
    """Messages in new/ of the mailboxes uN of these numbers."""
    n = 0
    for number in numbers:
        try:
            n += len(os.listdir(root / f"example.com/u{number}/Maildir/new"))
        except FileNotFoundError:
            pass
    return n


def remove_files(root, numbers):
    for number in numbers:
        try:
            with os.scandir(root / f"example.com/u{number}/Maildir/new") as entries:
                for entry in entries:
                    os.unlink(entry)
        except FileNotFoundError:
            pass
