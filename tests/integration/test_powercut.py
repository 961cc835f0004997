"""The power fails while mail is delivered: whatever was acknowledged before is whole after it.

A cut is a copy of the disk at one instant. It has what had been written out, and lacks what lay in
the memory of the machine; a disk that loses what it said it had written is not tested here.
./dev powercut makes many cuts.
"""

import itertools
import random
import time

import pytest

from harness.audit import Audit, Ledger
from harness.disk import used_inodes
from harness.load import Load, add_mailboxes

pytestmark = [pytest.mark.needs_root, pytest.mark.heavy]

CUTS_OF_A_ROUND = 5
# Of an empty ext4, beside what has a name.
RESERVED_INODES = 10


class Totals:
    def __init__(self):
        self.cuts = self.acknowledged = self.files = self.lost = self.torn = 0
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
        return (f"{self.cuts} cuts, {self.acknowledged} acknowledged, {self.files} found, "
                f"{self.lost} lost, {self.torn} torn")


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


@pytest.fixture
def cut_round(make_lmtpd, database, cuttable_disk):
    """cut_round(n, totals, kind, **lmtpd): n cuts while mail comes to an empty disk, audited."""
    mailboxes = add_mailboxes(database)

    def cut(n, totals, kind, **settings):
        cut_once, n_addresses, settings_of_load = kind
        daemon = make_lmtpd(**settings)
        cuttable_disk.format(daemon.vhosts)
        daemon.start()
        ledger = Ledger()
        rng = random.Random(totals.cuts)
        addresses = dict(itertools.islice(mailboxes.items(), n_addresses))
        with Load(daemon.connect, ledger, addresses, seed=totals.cuts, **settings_of_load) as load:
            cuts = [cut_once(cuttable_disk, ledger, rng) for _ in range(n)]
        assert (load.n_deferred, load.n_broken) == (0, 0), daemon.output()
        assert daemon.stop() == 0
        Audit(daemon.vhosts, ledger).assert_clean()
        for n_saved, copy in cuts:
            with cuttable_disk.after(copy) as path:
                totals.add(Audit(path, ledger, n_saved))
                n_used, reached = used_inodes(path)
                # A file that had no name yet is gone: the journal gives its inode back.
                assert n_used == RESERVED_INODES + len(reached), (n_used, len(reached))

    return cut


def test_power_cuts(cut_round, pytestconfig):
    n_cuts = pytestconfig.getoption("--cuts")
    totals = Totals()
    for kind in itertools.cycle([CROWD, LONE]):
        cut_round(min(CUTS_OF_A_ROUND, n_cuts - totals.cuts), totals, kind)
        print(totals, flush=True)
        if totals.cuts >= n_cuts:
            break
    assert totals.acknowledged > 0
    assert totals.complaints == []


@pytest.mark.parametrize("fault, kind", [
    ({"fsync_skip": 1}, CROWD), ({"fsync_skip": 1, "fsync_on": "directories"}, LONE),
], ids=["nothing synced", "no directory synced"])
def test_it_would_be_seen(cut_round, faults, fault, kind):
    """Without syncing mail is lost, and so it is when only directories are not synced: else the
    test above would prove nothing. A missing sync of the way to a new mailbox cannot be seen like
    this, since ext4 writes its whole journal with the first sync that comes; for that the tests of
    the order of calls are there."""
    totals = Totals()
    cut_round(4, totals, kind, environment=faults(**fault))
    print(f"{fault}: {totals}")
    assert totals.lost > 0
