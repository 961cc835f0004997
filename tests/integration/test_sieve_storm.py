"""What would never end, or be too much: two who answer each other, one who writes a thousand times, one whose answers always differ.

Whom nobody answers at all stands in test_sieve_vacation.
"""

import pytest

from harness.correspondents import Letter, Post, ids_of
from harness.process import wait_until
from harness.scripts import write_script
from harness.sending import field
from harness.sieve import EMAIL1, EMAIL2, deliver, mail
from harness.sink import Sink

VACATION = 'require "vacation"; vacation "I am away.";'
DIFFERS = ('require ["vacation", "variables"]; if header :matches "Subject" "*" { set "s" "${1}"; } '
           'vacation :handle "${s}" "I am away.";')
MESSAGES = 1000
PAIR_MAX = 10  # notices in a day from one mailbox to one address
QUESTIONS = 3


@pytest.mark.needs_root
@pytest.mark.parametrize("vacation_from", ["null", "recipient"])
def test_two_on_holiday(sending_site, vacation_from):
    """The notice of whom one writes to is not answered, whatever its sender in the envelope. When he writes himself, that is."""
    here = sending_site(sieve={"vacation_from": vacation_from})
    for user in (EMAIL1, EMAIL2):
        here.activate(VACATION, user)
    for n, (user, other) in enumerate([(EMAIL1, EMAIL2), (EMAIL2, EMAIL1)]):
        before = len(here.messages(other))
        for number in range(QUESTIONS):
            here.send([user], mail(f"{n}.{number}", From=other, To=user), other)
        here.wait_for(other, before + 1)
        notice = here.messages(other)[-1]
        assert field(notice, "Auto-Submitted") == "auto-replied (vacation)"
        assert field(notice, "Return-Path") == ("<>" if vacation_from == "null" else f"<{user}>")
        # What answers to that would be in the queue, or be counted.
        wait_until(lambda: here.postfix.queue() == [], 60, "end of the queue")
        assert here.daemon.submissions()["notices"] == n + 1
        assert len(here.log(event="vacation", status="sent")) == n + 1
        assert len(here.messages(user)) == n + QUESTIONS and len(here.messages(other)) == before + 1


@pytest.fixture
def away(make_lmtpd):
    """away(script): an lmtpd with a script of the first user, and where its mail goes."""
    sinks = []

    def start(script):
        sinks.append(Sink())
        daemon = make_lmtpd(sieve={"enabled": True, "submission": f"inet:127.0.0.1:{sinks[-1].port}"})
        write_script(daemon.vhosts / "example.com/email1", script)
        return daemon.start(), sinks[-1]

    yield start
    for sink in sinks:
        sink.close()


def test_thousand_of_one(away):
    """Over several connections at once: one notice, one mark."""
    daemon, sink = away(VACATION)
    sender = "ann@example.net"
    Post(daemon, [Letter(sender, mail(f"m{number}")) for number in range(MESSAGES)])
    wait_until(lambda: sink.taken, 60, "notice")
    # Those that come later are sent later.
    deliver(daemon.socket, EMAIL1, sender="bob@example.net")
    wait_until(lambda: len(sink.taken) > 1, 60, "another notice")
    assert sorted(taken.recipients for taken in sink.take()) == [[sender], ["bob@example.net"]]
    home = daemon.vhosts / "example.com/email1"
    assert len(ids_of(home / ".dovecot.lda-dupes")) == 2
    assert len(list(home.glob("Maildir/new/*"))) == MESSAGES + 1


def test_answers_that_differ(away):
    """A script that makes each answer another one is stopped by the rate of the two."""
    daemon, sink = away(DIFFERS)
    n = PAIR_MAX + 5
    for number in range(n):
        assert deliver(daemon.socket, EMAIL1, body=mail(f"m{number}"), sender="ann@example.net") == ["250 2.0.0"]
    deliver(daemon.socket, EMAIL1, sender="bob@example.net")
    wait_until(lambda: len(sink.taken) > PAIR_MAX, 60, "all notices")
    assert sorted(taken.recipients[0] for taken in sink.take()) == ["ann@example.net"] * PAIR_MAX + ["bob@example.net"]
    assert len(daemon.log(event="vacation", level="warning")) == n - PAIR_MAX
