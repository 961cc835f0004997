"""The disk that is measured: an ext4 with a journal, in an image on a loop device.

Run in a mount namespace of its own. The loop device goes with the mount and the image has no name
any more, so nothing is left even when the run is killed.
"""

import contextlib
import itertools
import os
import threading
import time

from harness.disk import make_image
from harness.process import MAIL_GROUP, MAIL_ID, run_checked

MEGABYTES = 32 << 10
BYTES_PER_INODE = 8192
# Mailboxes that are measured as existing ones are an hour old.
AGE = 3600


class Filesystem:
    def __init__(self, base):
        self.image = base / "mail.img"
        self.path = base / "mail"
        self.path.mkdir()

    def make(self, trees, n_warm):
        """trees: for each directory to be made below the root, the numbers of its mailboxes.
        n_warm: bytes that are written and removed."""
        make_image(self.image, MEGABYTES, "mkfs.ext4", "-q", "-F", "-i", BYTES_PER_INODE)
        self._mount()
        os.chown(self.path, MAIL_ID, MAIL_GROUP)
        with acting_as_mail_user():
            inodes = [make_mailbox(f"{self.path}/{name}/example.com/u{number}")
                      for name, numbers in trees.items() for number in numbers]
        self.unmount()
        self._age(inodes)
        self._mount()
        self.image.unlink()
        self._warm(n_warm)

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

    def _warm(self, n):
        """Memory that a virtual machine has never used is slow."""
        block = bytes(1 << 20)
        with open(self.path / "warm", "wb") as file:
            for _ in range(n // len(block)):
                file.write(block)
            os.fsync(file.fileno())
        (self.path / "warm").unlink()
        self.sync()

    def unmount(self):
        run_checked("umount", self.path)

    def sync(self):
        run_checked("sync", "-f", self.path)

    def _age(self, inodes):
        born = int(time.time()) - AGE
        script = "".join(f"sif <{inode}> crtime @{born}\n" for inode in inodes)
        run_checked("debugfs", "-w", "-f", "/dev/stdin", self.image, input=script, timeout=600)


@contextlib.contextmanager
def acting_as_mail_user():
    """What is made inside belongs to the owner of the mail."""
    before = os.umask(0o077)
    os.setegid(MAIL_GROUP)
    os.seteuid(MAIL_ID)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.umask(before)


def make_mailbox(home):
    """Returns the inode of its new/."""
    os.makedirs(f"{home}/Maildir")
    for name in ("cur", "tmp", "new"):
        os.mkdir(f"{home}/Maildir/{name}")
    return os.stat(f"{home}/Maildir/new").st_ino


def new_of(root, number):
    return f"{root}/example.com/u{number}/Maildir/new"


def fill(root, number, n, part="new"):
    """Puts n small messages into a mailbox."""
    text = b"Subject: old\r\n\r\n"
    with acting_as_mail_user():
        for i in range(n):
            name = f"1700000000.M{i}P1Q{i}.old,S={len(text)},W={len(text)}"
            with open(f"{new_of(root, number)}/../{part}/{name}", "wb") as file:
                file.write(text)


def count_files(root, numbers):
    """Messages in new/ of these mailboxes."""
    n = 0
    for number in numbers:
        with contextlib.suppress(FileNotFoundError):
            n += len(os.listdir(new_of(root, number)))
    return n


def remove_files(root, numbers):
    for number in numbers:
        with contextlib.suppress(FileNotFoundError), os.scandir(new_of(root, number)) as entries:
            for entry in entries:
                os.unlink(entry)


@contextlib.contextmanager
def marking(root, number):
    """A client that marks messages as read and takes that back, a hundred times a second."""
    cur = f"{new_of(root, number)}/../cur"
    is_over = threading.Event()

    def mark():
        names = itertools.cycle([name.split(":")[0] for name in os.listdir(cur)][:1000])
        while not is_over.wait(0.01):
            name = f"{cur}/{next(names)}"
            for flags, others in (("", ":2,S"), (":2,S", "")):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(name + flags, name + others)
                    break

    thread = threading.Thread(target=mark)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
