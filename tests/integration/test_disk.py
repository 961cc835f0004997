"""Disks that are full, broken, read-only or gone, each a filesystem of its own."""

import errno
import fcntl
import os
import shutil
import struct
from pathlib import Path

import pytest

from harness.audit import Audit, Ledger
from harness.disk import leave_blocks, make_image
from harness.lmtp import message
from harness.load import Load, add_mailboxes
from harness.process import MAIL_GROUP, MAIL_ID, run, run_checked, wait_until

pytestmark = pytest.mark.needs_root

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"
BODY = message("x" * 70 + "\r\n") * 300

# Of <linux/ext4.h>: the filesystem fails at once, and what lies in memory is lost.
EXT4_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_WITHOUT_FLUSH = 2


@pytest.fixture
def daemon(lmtpd):
    return lmtpd()


@pytest.fixture
def small_ext4(mount, directory):
    """small_ext4(path): 16 MiB there, the owner of the mail's."""

    def make(path):
        image = directory / "small.img"
        make_image(image, 16, "mkfs.ext4", "-q", "-F", "-m", "0")
        mounted = mount(image, path)
        os.chown(path, MAIL_ID, MAIL_GROUP)
        shutil.rmtree(path / "lost+found")
        return mounted

    return make


def clear(vhosts):
    for domain in vhosts.glob("*.com"):
        shutil.rmtree(domain)


def deliver(daemon, status):
    """To two new mailboxes. Whoever is refused has nothing; returns whether both got it."""
    with daemon.session() as session:
        replies = session.deliver(EMAIL1, EMAIL2, body=BODY)
    for reply, name in zip(replies, ("email1", "email2")):
        stored = daemon.mailbox(f"example.com/{name}").messages()
        assert reply.status == ("250 2.0.0" if stored else status)
    files = [path for path in daemon.vhosts.glob("*.com/**/*") if path.is_file()]
    assert len(files) == len(daemon.reached())
    return all(reply.code == 250 for reply in replies)


# --- full -------------------------------------------------------------------

def test_every_inode_short(daemon, mount):
    """Directories, files and names: whichever the disk has no inode for, nothing is left over."""
    tmpfs = mount("none", daemon.vhosts, f"uid={MAIL_ID},gid={MAIL_GROUP},mode=700", "tmpfs")
    outcomes = []
    for n in range(2, 20):
        clear(daemon.vhosts)
        tmpfs.remount(f"nr_inodes={n}")
        outcomes.append(deliver(daemon, "452 4.3.1"))
    assert outcomes == sorted(outcomes) and set(outcomes) == {False, True}


def test_every_block_short(daemon, small_ext4):
    small_ext4(daemon.vhosts)
    outcomes = []
    for n in range(60):
        clear(daemon.vhosts)
        leave_blocks(daemon.vhosts, n)
        outcomes.append(deliver(daemon, "452 4.3.1"))
    assert outcomes[0] is False and outcomes[-1] is True


def test_quota(daemon, mount, directory):
    """The quota of the filesystem is full: the same as a full disk."""
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("NO mkfs.btrfs HERE, so no quota")
    image = directory / "btrfs.img"
    make_image(image, 128, "mkfs.btrfs", "-q")
    mount(image, daemon.vhosts)
    os.chown(daemon.vhosts, MAIL_ID, MAIL_GROUP)
    if run("btrfs", "quota", "enable", daemon.vhosts).returncode != 0:
        pytest.skip("THIS KERNEL HAS NO QUOTA in btrfs")
    run_checked("btrfs", "qgroup", "limit", "2M", daemon.vhosts)
    big = message("x" * 70 + "\r\n") * 3000
    n_saved = 0
    with daemon.session() as session:
        while (reply := session.deliver(EMAIL1, body=big)[0]).code == 250:
            n_saved += 1
            assert n_saved < 20, "the quota does not hold"
        assert reply.status == "452 4.3.1"
        assert os.strerror(errno.EDQUOT) in daemon.output()
        assert len(daemon.mailbox("example.com/email1").messages()) == n_saved > 0
        run_checked("btrfs", "qgroup", "limit", "none", daemon.vhosts)
        assert session.deliver(EMAIL1, body=big)[0].code == 250
    assert len(daemon.mailbox("example.com/email1").messages()) == n_saved + 1


# --- broken -----------------------------------------------------------------

def refusal(daemon):
    with daemon.session() as session:
        return session.deliver(EMAIL1)[0].status


def test_read_only(daemon, database, small_ext4):
    """In the midst of load; nothing is lost, and all goes on when it can be written again."""
    disk = small_ext4(daemon.vhosts)
    ledger = Ledger()
    with Load(daemon.connect, ledger, add_mailboxes(database, 1, 20, 5), n_senders=4, drains=True,
              pause=0.1) as load:
        wait_until(lambda: len(ledger.saved) > 5, 60, "deliveries")
        with load.held():
            wait_until(lambda: not run("mount", "-o", "remount,ro", disk.path).returncode, 60,
                       "the end of files that are open")
        assert refusal(daemon) == "451 4.2.0"
        assert os.strerror(errno.EROFS) in daemon.output()
        n_deferred = load.n_deferred
        wait_until(lambda: load.n_deferred > n_deferred, 60, "refusals")
        disk.remount("rw")
        n_saved = len(ledger.saved)
        wait_until(lambda: len(ledger.saved) > n_saved, 60, "deliveries again")
    assert refusal(daemon) == "250 2.0.0"
    shutil.rmtree(daemon.vhosts / "example.com")
    Audit(daemon.vhosts, ledger).assert_clean()


def test_disk_that_dies(daemon, database, cuttable_disk):
    """Nothing is promised from the moment on that the disk fails, and the next disk is used."""
    cuttable_disk.format(daemon.vhosts)
    ledger = Ledger()
    with Load(daemon.connect, ledger, add_mailboxes(database, 1, 50, 10)) as load:
        wait_until(lambda: len(ledger.saved) > 50, 60, "deliveries")
        root = os.open(daemon.vhosts, os.O_RDONLY)
        fcntl.ioctl(root, EXT4_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_FLUSH))
        os.close(root)
        n_deferred = load.n_deferred
        wait_until(lambda: load.n_deferred > n_deferred + 10, 60, "refusals")
        assert refusal(daemon) == "451 4.2.0"
        assert os.strerror(errno.EIO) in daemon.output()
    copy = cuttable_disk.cut()
    cuttable_disk.format(daemon.vhosts)
    assert refusal(daemon) == "250 2.0.0"
    with cuttable_disk.after(copy) as path:
        # What was being named may be there though it was refused: that cannot be known.
        audit = Audit(path, ledger)
        assert audit.n_promised > 50
        assert (audit.lost, audit.torn, audit.left) == ([], [], [])


# --- gone -------------------------------------------------------------------

def test_mail_root_vanishes(daemon):
    """It is not made anew: an unmounted disk must not be filled from below."""
    with daemon.session() as session:
        assert session.deliver(EMAIL1)[0].code == 250
        away = daemon.vhosts.rename(daemon.vhosts.with_name("away"))
        assert session.deliver(EMAIL1)[0].status == "451 4.2.0"
        assert not daemon.vhosts.exists()
        assert f"{daemon.vhosts}/" in daemon.wait_for_log(status="deferred")[0]["reason"]
        away.rename(daemon.vhosts)
        assert session.deliver(EMAIL1)[0].code == 250
    assert len(daemon.mailbox("example.com/email1").messages()) == 2


# --- the way to the disk ----------------------------------------------------

@pytest.mark.parametrize("mkfs, settings, way", [
    (["mkfs.ext4", "-q", "-F"], {}, "one commit: ext4 with a journal"),
    (["mkfs.ext4", "-q", "-F"], {"commit": "strict"}, "strict: maildir.commit says so"),
    (["mkfs.ext4", "-q", "-F", "-O", "^has_journal"], {}, "strict: ext4 without a journal"),
    (["mkfs.ext4", "-q", "-F", "-O", "fast_commit"], {}, "strict, named files: ext4 with fast_commit"),
    (["mkfs.ext2", "-q", "-F"], {}, "strict: a kind of filesystem"),
], ids=["journal", "strict", "no journal", "fast_commit", "ext2"])
@pytest.mark.needs_root
def test_way_to_the_disk(make_lmtpd, faults, directory, mount, mkfs, settings, way):
    """Root looks at the superblock before the daemon is somebody else."""
    trace = directory / "trace"
    daemon = make_lmtpd(maildir=settings, environment=faults(trace=trace))
    make_image(directory / "image", 32, *mkfs)
    mount(directory / "image", daemon.vhosts)
    os.chown(daemon.vhosts, MAIL_ID, MAIL_GROUP)
    run_checked(*daemon.command("--storage"))
    daemon.start()
    assert daemon.told()["commits"]["way"].startswith(way)
    assert refusal(daemon) == "250 2.0.0"
    steps = [line.split(" ", 1) for line in trace.read_text().splitlines()]
    synced = [path for what, path in steps if what == "sync"]
    directories = [path for path in synced if Path(path).is_dir()]
    assert bool(directories) == way.startswith("strict")
    assert len(synced) - len(directories) == (2 if way.startswith("strict") else 1)
    assert any("/Maildir/tmp/" in path for path in synced) == ("named files" in way)


def test_storage_without_root(lmtpd):
    """Without root's word ext4 is strict: nothing is hoped for."""
    daemon = lmtpd()
    way = daemon.told()["commits"]["way"]
    assert way.split(":")[0] in ("strict", "one commit")
    assert "ext4 with a journal" not in way
