"""The power fails while mail is delivered: whatever was acknowledged before is whole after it.

A cut is a copy of the disk at one instant. A disk that keeps its cache has what had been written to
it, and lacks what lay in the memory of the machine. One that loses its cache lacks some of what had
been written since it was last told to flush it, too.
./dev powercut makes many cuts.

ext4 with fast_commit is not among them: of some cuts neither the kernel (6.18) nor e2fsck (1.47) makes a
filesystem again, whatever is written to it. --check warns of it.
"""

import itertools
import random
import time

import pytest

from harness.audit import Audit
from harness.disk import FILESYSTEMS
from harness.load import Load, add_mailboxes
from harness.process import run_checked
from harness.scripts import AWAY, EDITS, FLAGS, FOLDERS, FORWARD, FORWARD_COPY, NONE, ONCE, Scripts
from harness.sent import SendingLedger, Taker

pytestmark = [pytest.mark.needs_root, pytest.mark.heavy]

CUTS_OF_A_ROUND = 5
N_AGAIN = 40  # what the senders bring again after a cut
# Where it can be seen; and one that loses nothing has less to find.
DISKS = {"keeps its cache": 1, "loses its cache": 10}


class Totals:
    def __init__(self):
        self.cuts = self.acknowledged = self.files = self.lost = self.torn = self.again = 0
        self.complaints = []

    def add(self, audit):
        self.cuts += 1
        self.acknowledged += audit.n_promised
        self.files += audit.found.total()
        self.lost += len(audit.lost)
        self.torn += len(audit.torn)
        if not audit.is_clean:
            self.complaints.append(f"cut {self.cuts}: {audit}")

    def __str__(self):
        return (f"{self.cuts:5} cuts {self.acknowledged:8} acknowledged {self.files:8} found "
                f"{self.lost:6} lost {self.torn:6} torn"
                + (f" {self.again:6} brought again" if self.again else ""))


@pytest.fixture(scope="module")
def table():
    """A line for each kind of disk, said at the end."""
    lines = []
    yield lines
    print("", *lines, sep="\n", flush=True)


def cut_at_any_time(disk, ledger, rng):
    time.sleep(rng.uniform(0.02, 0.3))
    return len(ledger.saved), disk.cut()


def cut_after_a_reply(disk, ledger, rng):
    """As soon as somebody was told that it is saved."""
    time.sleep(rng.uniform(0, 0.1))
    return ledger.wait_for_more(), disk.cut()


# Many senders meet all states of the disk, but what one of them forgets to sync, another one's sync
# writes out with it: the journal is one for all. A lone one has nobody to mend that, and its few
# mailboxes are soon no new ones, whose way is synced too.
CROWD = (cut_at_any_time, 1000, {"n_senders": 12})
LONE = (cut_after_a_reply, 3, {"n_senders": 1, "pause": 0.05})
SCRIPTS = Scripts(NONE, FOLDERS, FLAGS, EDITS)
SENDING = Scripts(FORWARD, FORWARD_COPY, AWAY, ONCE)


def into_folders(vhosts, addresses):
    """Each user's mail into one of three folders, which are made as they are needed, and a list's into one of each of
    its users."""
    def folder(address):
        return f"Folder{len(address) % 3}.Sub"

    return {
        address.replace("@", f"+{folder(address)}@"):
            tuple(f"{mailbox}/.{folder(address)}" for mailbox in mailboxes)
        for address, mailboxes in addresses.items()
    }


def by_scripts(vhosts, addresses):
    """As their scripts say: into several folders, with flags and keywords, or with other headers."""
    SCRIPTS.write(vhosts, addresses)
    return SCRIPTS.file(addresses)


def by_sending(vhosts, addresses):
    """To the server that takes it, which loses nothing, and into INBOX, as their scripts say."""
    SENDING.write(vhosts, addresses)
    return SENDING.file(addresses)


CROWD_OF_FOLDERS = (*CROWD, into_folders)
LONE_FOLDERS = (*LONE, into_folders)
CROWD_OF_SCRIPTS = (*CROWD, by_scripts)
LONE_SCRIPTS = (*LONE, by_scripts)
CROWD_SENDS = (*CROWD, by_sending)
LONE_SENDS = (CROWD[0], 4, LONE[2], by_sending)
JUDGES = {by_scripts: SCRIPTS.judge, by_sending: SENDING.judge}
KINDS = {
    "users": [CROWD, LONE_FOLDERS, LONE, CROWD_OF_FOLDERS],
    "scripts": [CROWD_OF_SCRIPTS, LONE_SCRIPTS],
    "sending": [CROWD_SENDS, LONE_SENDS],
}


@pytest.fixture
def cut_round(make_lmtpd, database, cuttable_disk):
    """cut_round(n, totals, kind, filesystem, is_lossy, **lmtpd): n cuts while mail comes to an empty
    disk, audited."""
    mailboxes = add_mailboxes(database)
    takers = []

    def cut(n, totals, kind, filesystem, is_lossy, **settings):
        cut_once, n_addresses, settings_of_load, *aims = kind
        judge = JUDGES.get(*aims) if aims else None
        ledger = SendingLedger()
        taker = Taker(ledger)
        takers.append(taker)
        daemon = make_lmtpd(maildir={"detail": "create"},
                            sieve={"enabled": judge is not None,
                                   "submission": f"inet:127.0.0.1:{taker.port}"}, **settings)
        cuttable_disk.format(daemon.vhosts, filesystem, is_lossy)
        # As the unit does it, as root.
        run_checked(*daemon.command("--storage"))
        daemon.start()
        way = daemon.told()["commits"]["way"]
        assert way.startswith(f"{FILESYSTEMS[filesystem].way}: ")
        rng = random.Random(totals.cuts)
        addresses = dict(itertools.islice(mailboxes.items(), n_addresses))
        for aim in aims:
            addresses = aim(daemon.vhosts, addresses)
        with Load(daemon.connect, ledger, addresses, seed=totals.cuts, **settings_of_load) as load:
            cuts = [(*cut_once(cuttable_disk, ledger, rng), len(taker.entries)) for _ in range(n)]
        assert (load.n_deferred, load.n_broken) == (0, 0), daemon.output()
        assert daemon.stop() == 0
        Audit(daemon.vhosts, ledger, judge=judge, sent=taker.entries).assert_clean()
        entries = taker.entries
        for n_saved, copy, n_taken in cuts:
            taker.entries = entries[:n_taken]
            with cuttable_disk.after(copy) as path:
                audit = Audit(path, ledger, n_saved, judge, taker.entries)
                if cuttable_disk.filesystem.repair:
                    audit.left.clear()  # names come back that were taken away
                totals.add(audit)
                cuttable_disk.assert_no_litter(path)
                if aims == [by_sending]:
                    totals.again += bring_again(daemon, path, taker, n_saved)

    yield cut
    for taker in takers:
        taker.close()


def bring_again(daemon, path, taker, n_saved):
    """The power is back: senders bring again what they had no reply for, and no mark of a message that is not there may
    let it be discarded or taken for redirected. Returns how much."""
    ledger = taker.ledger
    daemon.configure(maildir={"home": f"{path}/%d/%n"})
    daemon.start()
    brought = ledger.bring_again(daemon, ledger.saved[n_saved:n_saved + N_AGAIN])
    assert daemon.stop() == 0
    audit = Audit(path, ledger, sent=taker.entries)
    assert [entry for entry in brought if audit.found[entry] == 0] == []
    return len(brought)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_power_cuts(cut_round, filesystem, disk, kinds, pytestconfig, table):
    n_cuts = max(2, pytestconfig.getoption("--cuts") * DISKS[disk] // max(DISKS.values()))
    n_round = max(2, min(CUTS_OF_A_ROUND, n_cuts // 4))
    totals = Totals()
    for kind in itertools.cycle(KINDS[kinds]):
        cut_round(min(n_round, n_cuts - totals.cuts), totals, kind, filesystem,
                  disk == "loses its cache")
        if totals.cuts >= n_cuts:
            break
    table.append(f"{filesystem:24} {disk:16} {kinds:8} {totals}")
    assert totals.acknowledged > 0
    assert totals.complaints == []


@pytest.mark.parametrize("filesystem, is_lossy, fault, kind", [
    ("ext4", False, {"fsync_skip": 1}, CROWD),
    ("ext4", False, {"fsync_skip": 1}, CROWD_OF_SCRIPTS),
    ("ext4", False, {"fsync_skip": 1, "fsync_on": "names"}, LONE),
    ("ext4 without a journal", True, {"fsync_skip": 1, "fsync_on": "names"}, CROWD),
], ids=["nothing synced", "nothing of scripts synced", "no name synced", "no name synced, no journal"])
def test_it_would_be_seen(cut_round, faults, filesystem, is_lossy, fault, kind, table):
    """Where less is synced mail is lost: else the test above would prove nothing. A missing sync of
    directories alone cannot be seen like this, since ext4 writes its whole journal with the first sync
    that comes; for that the tests of the order of calls are there."""
    totals = Totals()
    cut_round(4, totals, kind, filesystem, is_lossy, environment=faults(**fault))
    what = " ".join(map(str, fault.values()))
    table.append(f"{filesystem:24} {'without: ' + what:25} {totals}")
    assert totals.lost > 0
