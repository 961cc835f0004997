"""lmtpd ends again and again while mail comes in, by SIGKILL, SIGTERM or not at all."""

import itertools
import random
import shutil
import smtplib
import threading
import time

import pytest

from harness.audit import Audit, Ledger
from harness.load import Letter, Load, add_mailboxes
from harness.process import wait_until


@pytest.fixture
def daemon(lmtpd):
    return lmtpd()


@pytest.fixture
def mailboxes(database):
    return add_mailboxes(database, n_users=50, n_aliases=30)


@pytest.mark.heavy
def test_audit_sees(daemon, mailboxes):
    """Whatever is wrong with a Maildir: else the audits of the other tests would say nothing."""
    ledger = Ledger()
    with Load(daemon.connect, ledger, mailboxes):
        wait_until(lambda: len(ledger.saved) > 300, 60, "deliveries")
    Audit(daemon.vhosts, ledger).assert_clean()
    paths = [path for path in sorted(daemon.vhosts.glob("*/*/Maildir/new/*"))
             if path.stat().st_nlink == 1]
    lost, cut, changed, second, other, half = paths[:6]
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    text = changed.read_bytes()
    changed.write_bytes(text[:-2] + (b"x" if text[-2:-1] != b"x" else b"y") + b"\n")
    shutil.copy(second, second.with_name("1" + second.name))
    shutil.copy(other, next(path.parent for path in paths if path.parent != other.parent))
    shutil.copy(half, half.parents[1] / "tmp")
    audit = Audit(daemon.vhosts, ledger)
    assert (len(audit.lost), len(audit.torn), len(audit.surplus), len(audit.left)) == (3, 2, 2, 1)
    assert not audit.is_clean


@pytest.mark.heavy
def test_killed(daemon, mailboxes):
    """Everything acknowledged is there; twice only what nobody knew to be there."""
    ledger = Ledger()
    rng = random.Random(1)
    with Load(daemon.connect, ledger, mailboxes, drains=True, rudeness=0.02):
        for _ in range(15):
            time.sleep(rng.uniform(0.05, 0.5))
            daemon.kill()
            daemon.start()
    assert len(ledger.saved) > 100 and ledger.doubtful
    daemon.wait_until_alone()
    Audit(daemon.vhosts, ledger).assert_clean()


def test_terminated(daemon, mailboxes):
    """A message past its last dot is answered before the end: nothing is in doubt or twice."""
    ledger = Ledger()
    rng = random.Random(2)
    with Load(daemon.connect, ledger, mailboxes, drains=True):
        for _ in range(10):
            time.sleep(rng.uniform(0.05, 0.5))
            assert daemon.stop() == 0
            daemon.start()
    assert len(ledger.saved) > 100
    assert ledger.doubtful == []
    Audit(daemon.vhosts, ledger).assert_clean()


def test_reloaded(daemon, mailboxes):
    """No client notices."""
    ledger = Ledger()
    with Load(daemon.connect, ledger, mailboxes) as load:
        for number in range(1, 11):
            daemon.configure(lmtp={"recipient_limit": 100 + number})
            daemon.reload()
    assert len(daemon.log(event="reload")) == 10
    assert (load.n_deferred, load.n_broken, ledger.doubtful) == (0, 0, [])
    Audit(daemon.vhosts, ledger).assert_clean()


class Submitter(threading.Thread):
    """Hands letters to Postfix, one after the other, each for one mailbox."""

    def __init__(self, postfix, ledger, number, ending):
        super().__init__(daemon=True)
        self.postfix, self.ledger, self.number, self.ending = postfix, ledger, number, ending
        self.error = None

    def run(self):
        rng = random.Random(self.number)
        try:
            with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as client:
                client.ehlo("client.example.net")
                for n in itertools.takewhile(lambda _: not self.ending.is_set(), itertools.count()):
                    local = f"email{1 + n % 2}"
                    letter = Letter(f"{self.number}.{n}", rng, {})
                    self.ledger.post(letter.id, letter.body)
                    client.sendmail("s@example.net", [f"{local}@example.com"], letter.bytes)
                    self.ledger.settle(letter.id, [f"example.com/{local}"])
                    time.sleep(rng.uniform(0, 0.05))
        except Exception as error:
            self.error = error


@pytest.mark.needs_root
@pytest.mark.heavy
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restarted_under_postfix(guide_machine, end):
    """Whatever Postfix took arrives, without a bounce, and soon after the last restart."""
    postfix, daemon = guide_machine
    n_logged = len(postfix.log())
    ledger, ending = Ledger(), threading.Event()
    submitters = [Submitter(postfix, ledger, number, ending) for number in range(6)]
    rng = random.Random(3)
    for submitter in submitters:
        submitter.start()
    for _ in range(8):
        time.sleep(rng.uniform(0.1, 1))
        getattr(daemon, end)()
        daemon.start()
    ending.set()
    for submitter in submitters:
        submitter.join(60)
        assert submitter.error is None
    # Postfix tries again every four seconds at the latest.
    wait_until(lambda: postfix.queue() == [], 40, "an empty queue")
    assert "status=bounced" not in postfix.log()[n_logged:]
    audit = Audit(daemon.vhosts, ledger)
    assert len(ledger.saved) > 50
    if end == "stop":
        audit.assert_clean()
    else:
        # Postfix sends again what was stored in the moment of the kill.
        assert (audit.lost, audit.torn, audit.left) == ([], [], [])
        assert len(audit.surplus) <= 8 * 20
