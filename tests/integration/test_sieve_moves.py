"""A mailbox moves from Dovecot's LMTP with Pigeonhole to lmtpd, and back: nobody is told twice, and no mail is lost."""

import struct
import time

import pytest

from harness.peers import SENDER, sending_to
from harness.process import wait_until
from harness.sieve import EMAIL1, Site, deliver, mail
from harness.sink import Sink

pytestmark = pytest.mark.needs_root

DAY = 86400
VACATION = 'require ["vacation"];\nvacation :days 7 "Away.";'
REDIRECT = 'redirect "to@example.net";'
DUPLICATE = 'require ["duplicate", "fileinto", "mailbox"];\nif duplicate { fileinto :create "Seen"; }'


class Moving(Site):
    """One home, which both deliver to. Both send to the same server."""

    def __init__(self, daemon, dovecot, sink):
        super().__init__(daemon, dovecot)
        self.sink = sink

    def by_us(self, text, sender=SENDER):
        """Whom something is sent to."""
        assert self.deliver(EMAIL1, body=text, sender=sender) == ["250 2.0.0"]
        # A notice comes when the answer is there; what will not come the log does not tell of.
        n = sum(name in self.log(event="delivery")[-1] for name in ("vacation", "redirect"))
        wait_until(lambda: len(self.sink.taken) >= n, 60, "what is sent")
        return self.sent()

    def by_dovecot(self, text, sender=SENDER):
        assert deliver(self.dovecot.socket, EMAIL1, body=text, sender=sender) == ["250 2.0.0"]
        return self.sent()

    def by(self, who, text, **options):
        return (self.by_us if who == "lmtpd" else self.by_dovecot)(text, **options)

    def sent(self):
        return [recipient for taken in self.sink.take() for recipient in taken.recipients]

    def marks(self):
        """What .dovecot.lda-dupes has that has not expired: id: until when."""
        path = self.daemon.vhosts / "example.com/email1/.dovecot.lda-dupes"
        data = path.read_bytes() if path.exists() else b""
        found, at = {}, 4
        while at < len(data):
            until, n_id, n_user = struct.unpack_from("=III", data, at)
            at += 12
            if until > time.time():
                found[data[at:at + n_id]] = until
            at += n_id + n_user
        return found


@pytest.fixture
def moving(make_lmtpd, make_sieve_dovecot):
    sink = Sink()

    def start(sieve=None, **settings):
        daemon = make_lmtpd(sieve={"enabled": True, "submission": f"inet:127.0.0.1:{sink.port}", **(sieve or {})})
        dovecot = make_sieve_dovecot(daemon.vhosts, more=sending_to(sink, settings))
        return Moving(daemon.start(), dovecot, sink)

    yield start
    sink.close()


WAYS = [("dovecot", "lmtpd"), ("lmtpd", "dovecot")]


def question(i, sender=SENDER):
    return mail(f"m{i}", From=sender)


@pytest.mark.parametrize("first, then", WAYS)
def test_vacation(moving, first, then):
    """Who was answered is not answered by the other one, nor after a move back; another sender is, and a new text is told."""
    here = moving()
    here.activate(VACATION)
    assert here.by(first, question(1)) == [SENDER]
    assert here.by(then, question(2)) == here.by(first, question(3)) == here.by(then, question(4)) == []
    assert here.by(then, question(5, "bob@example.net"), sender="bob@example.net") == ["bob@example.net"]
    assert here.by(first, question(6, "bob@example.net"), sender="BOB@example.net") == []
    here.activate(VACATION.replace("Away.", "Away until May."))
    assert here.by(then, question(7)) == [SENDER]
    assert here.by(first, question(8)) == []
    assert here.shown() == {"INBOX": [(f"m{i}", []) for i in range(1, 9)]}


@pytest.mark.parametrize("first, then", WAYS)
def test_redirect(moving, first, then):
    """The same message again stays here; another one is redirected."""
    here = moving()
    here.activate(REDIRECT)
    assert here.by(first, mail("one")) == ["to@example.net"]
    assert here.shown() == {}
    assert here.by(then, mail("one")) == here.by(first, mail("one")) == []
    assert here.shown() == {"INBOX": [("one", [])] * 2}
    assert here.by(then, mail("two")) == ["to@example.net"]
    assert here.by(first, mail("two")) == []
    assert here.shown() == {"INBOX": [("one", [])] * 2 + [("two", [])]}


@pytest.mark.parametrize("first, then", WAYS)
def test_duplicate(moving, first, then):
    here = moving()
    here.activate(DUPLICATE)
    for who, text in ((first, "one"), (then, "one"), (then, "two"), (first, "two"), (first, "three")):
        here.by(who, mail(text))
    assert here.shown() == {"INBOX": [("one", []), ("three", []), ("two", [])], "Seen": [("one", []), ("two", [])]}


@pytest.mark.parametrize("first, then", WAYS)
def test_what_was_put_off_is_not_remembered(moving, first, then):
    """What the server of mail did not take is answered and redirected by the other one."""
    here = moving()
    here.sink.refusals["MAIL"] = b"451 4.3.0 Later"
    here.activate(VACATION)
    assert deliver({"dovecot": here.dovecot, "lmtpd": here.daemon}[first].socket, EMAIL1, body=question(1),
                   sender=SENDER) == ["250 2.0.0"]
    if first == "lmtpd":
        here.daemon.wait_for_log(event="vacation", status="deferred")
        wait_until(lambda: here.marks() == {}, 60, "what is forgotten")
    here.sink.refusals.clear()
    assert here.by(then, question(2)) == [SENDER]


# --- how long ---------------------------------------------------------------

# What the script says, and the seconds that are remembered; from a day to 60, as lmtpd has them.
# Of time(2): some milliseconds behind the clock that time.time() reads, so sometimes a second.
CLOCK_REALTIME_COARSE = 5
PERIODS = [("", 7 * DAY), (":days 0", DAY), (":days 1", DAY), (":days 30", 30 * DAY), (":days 60", 60 * DAY),
           (":days 365", 60 * DAY), (":days 4000000000", 60 * DAY), (":seconds 0", DAY), (":seconds 60", DAY),
           (":seconds 100000", 100000), (":seconds 4000000000", 60 * DAY)]


@pytest.mark.parametrize("who", ["dovecot", "lmtpd"])
def test_periods(moving, who):
    here = moving(sieve_vacation_min_period="1d", sieve_vacation_max_period="60d", sieve_vacation_default_period="7d")
    for i, (said, seconds) in enumerate(PERIODS):
        sender = f"ann{i}@example.net"
        here.activate(f'require ["vacation-seconds"];\nvacation {said} "Away.";')
        known = here.marks()
        before = int(time.clock_gettime(CLOCK_REALTIME_COARSE))
        assert here.by(who, question(i, sender), sender=sender) == [sender]
        after = int(time.time()) + 1
        [until] = [until for name, until in here.marks().items() if name not in known]
        assert before + seconds <= until <= after + seconds, said
