"""Mixed mail for a long time, while the database, the disk and lmtpd itself come and go.

Two lmtpds serve the same mailboxes, most of which have scripts. One is killed and restarted now and then; the
other stays, and what it takes of the machine must stay too. ./dev soak goes on for an hour.
"""

import os
import random
import shutil
import signal
import statistics
import time
from typing import NamedTuple

import pytest

from harness.audit import Audit, Ledger
from harness.disk import leave_blocks, make_image
from harness.load import Load, add_mailboxes
from harness.process import MAIL_GROUP, MAIL_ID
from harness.scripts import BROKEN, EDITS, ENDLESS, FLAGS, FOLDERS, NONE, Scripts

pytestmark = [pytest.mark.needs_root, pytest.mark.heavy]

WINDOW_SECONDS = 30
WINDOWS_AT_LEAST = 4
SENDERS = 6  # for each lmtpd

SCRIPTS = Scripts(NONE, FOLDERS, FLAGS, EDITS, BROKEN, **{"d1.example.com/u1": ENDLESS})

HEADLINE = ("window  faults   saved  INBOX deferred  broken | of the lmtpd that stays: "
            "ms median   ms 99 %  RSS KiB  files  threads")


class Window(NamedTuple):
    """What was seen of the lmtpd that stays, when it had nothing to do at the end of a window."""

    median: float  # milliseconds from the last dot to the reply
    worst: float
    memory: int
    descriptors: int
    threads: int


class Machine:
    """Both lmtpds, their disk and their database, and all that can happen to them."""

    def __init__(self, stays, goes, database, rng):
        self.stays, self.goes, self.database, self.rng = stays, goes, database, rng
        self.faults = []

    def fail(self):
        """One fault begins and ends. Each comes as often as the others."""
        if not self.faults:
            self.faults = [self.freeze_database, self.kill_database, self.fill_disk, self.reload,
                           self.restart, self.kill]
            self.rng.shuffle(self.faults)
        self.faults.pop()()

    def last(self):
        time.sleep(self.rng.uniform(0.2, 1.5))

    def freeze_database(self):
        self.database.freeze()
        self.last()
        self.database.thaw()

    def kill_database(self):
        self.database.kill()
        self.last()
        self.database.start()

    def fill_disk(self):
        fill = leave_blocks(self.stays.vhosts, 0)
        self.last()
        fill.unlink()

    def reload(self):
        self.stays.signal(signal.SIGHUP)
        self.goes.signal(signal.SIGHUP)

    def restart(self):
        assert self.goes.stop(120) == 0  # a script may take the processor
        self.goes.start()

    def kill(self):
        self.goes.kill()
        self.goes.start()


@pytest.fixture
def machine(make_lmtpd, database, mount, directory):
    stays = make_lmtpd(mysql={"timeout": 1}, sieve={"enabled": True})
    make_image(directory / "disk.img", 4096, "mkfs.ext4", "-q", "-F", "-m", "0")
    mount(directory / "disk.img", stays.vhosts)
    os.chown(stays.vhosts, MAIL_ID, MAIL_GROUP)
    goes = make_lmtpd(mysql={"timeout": 1}, sieve={"enabled": True},
                      maildir={"home": f"{stays.vhosts}/%d/%n"})
    return Machine(stays.start(), goes.start(), database, random.Random(1))


def remove_mail(vhosts):
    for path in vhosts.rglob("*,S=*"):
        path.unlink()


def remove_mailboxes(vhosts):
    for path in vhosts.glob("*.example.com"):
        shutil.rmtree(path)


def measure(daemon, load):
    waits = [taken * 1000 for _, taken in load.latencies]
    worst = statistics.quantiles(waits, n=100)[98]
    return Window(statistics.median(waits), worst, daemon.memory(), daemon.descriptors(),
                  daemon.threads())


def run_window(machine, number, mailboxes, seconds):
    """Load and faults, then an audit of all mail, which is removed. Returns the measures."""
    ledger = Ledger()
    SCRIPTS.write(machine.stays.vhosts, mailboxes)
    addresses = SCRIPTS.file(mailboxes)
    end = time.monotonic() + seconds
    n_faults = 0
    options = {"n_senders": SENDERS, "drains": True, "rudeness": 0.01, "pause": 0.1}
    with Load(machine.stays.connect, ledger, addresses, seed=2 * number, **options) as load, \
            Load(machine.goes.connect, ledger, addresses, seed=2 * number + 1, **options) as other:
        while time.monotonic() < end:
            time.sleep(machine.rng.uniform(0.1, 1.5))
            machine.fail()
            n_faults += 1
            load.check()
            other.check()
    for daemon in (machine.stays, machine.goes):
        daemon.wait_until_alone()
    audit = Audit(machine.stays.vhosts, ledger)
    n_inbox = audit.take_inbox_for_folders()
    audit.assert_clean()
    window = measure(machine.stays, load)
    print(f"{number:6} {n_faults:7} {len(ledger.saved):7} {n_inbox:6} {load.n_deferred + other.n_deferred:8} "
          f"{load.n_broken + other.n_broken:7} | {window.median:35.1f} {window.worst:9.1f} "
          f"{window.memory >> 10:8} {window.descriptors:6} {window.threads:8}", flush=True)
    (remove_mail, remove_mailboxes)[number % 2](machine.stays.vhosts)
    for daemon in (machine.stays, machine.goes):
        daemon.assert_sane()
        os.truncate(daemon.log_path, 0)
    return window


def test_soak(machine, database, pytestconfig):
    """Every acknowledged message is there once in each folder that scripts want; twice only if nobody read the reply;
    none is torn.
    Memory, descriptors, threads and waiting times stay what they were."""
    mailboxes = add_mailboxes(database)
    seconds = pytestconfig.getoption("--soak")
    n_windows = max(WINDOWS_AT_LEAST, seconds // WINDOW_SECONDS)
    print(f"\n{HEADLINE}")
    windows = [run_window(machine, number, mailboxes, seconds / n_windows)
               for number in range(n_windows)]
    # The first ones warm up.
    early, late = windows[n_windows // 4:n_windows // 2], windows[-(n_windows // 4):]
    assert max(w.memory for w in late) < 1.25 * max(w.memory for w in early) + (8 << 20)
    assert max(w.descriptors for w in late) <= max(w.descriptors for w in early) + 8
    assert max(w.threads for w in late) <= max(w.threads for w in early)
    assert (statistics.median(w.median for w in late)
            < 10 * statistics.median(w.median for w in early) + 100)
