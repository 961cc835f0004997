"""What scripts reject, through the real Postfix: the sender is told why, and nobody else loses the mail."""

import pytest

from harness.lmtp import Client
from harness.process import wait_until
from harness.sending import field
from harness.sieve import EMAIL1, EMAIL2, mail

pytestmark = pytest.mark.needs_root

ANN = "ann@example.com"  # who sends, and reads what comes back
REJECT = 'require "reject"; reject "%s";'


def activate_ereject(here, script):
    """ManageSieve of Dovecot does not know it, so it cannot be stored that way."""
    here.activate("keep;")
    path = here.daemon.vhosts / "example.com/email1/sieve/own.sieve"
    path.write_text(script)


@pytest.fixture
def rejecting(sending_site, database):
    def start(script, **settings):
        database.add_user(ANN)
        here = sending_site(**settings)
        here.activate(script)
        return here

    return start


def returned(here, n=1):
    """What came back to Ann."""
    mailbox = here.daemon.mailbox("example.com/ann")
    wait_until(lambda: len(mailbox.files()) >= n, 60, "what comes back")
    messages = mailbox.messages()
    assert len(messages) == n
    return [message.bytes.decode() for message in messages]


def status(here, sender=ANN, to=EMAIL1, body=None):
    """The reply of lmtpd to the message, all its lines."""
    with Client(here.daemon.socket) as client:
        client.hello()
        [reply] = client.deliver(to, body=body or mail(), sender=sender)
        return reply


# --- the reason -------------------------------------------------------------

# name: (reason as the script has it, lines of the reply)
REASONS = {
    "line": ("Not here.", ["Not here."]),
    "lines": ("Not here.\r\nTry elsewhere:\r\n\r\nx@example.net", ["Not here.", "Try elsewhere:", "", "x@example.net"]),
    "UTF-8": ("Nicht möglich: 日本", ["Nicht m?glich: ??"]),
    "controls": ("a\tb", ["a b"]),
}


def test_reasons(rejecting):
    here = rejecting(REJECT % "x")
    for name, (reason, lines) in REASONS.items():
        here.activate(REJECT % reason)
        reply = status(here)
        assert reply.status == "550 5.7.1", name
        assert reply.lines == [f"<{EMAIL1}> {lines[0]}", *lines[1:]], name
    assert here.shown() == {}


def test_long_reason(rejecting):
    """No line is longer than SMTP allows, and a text without end has one."""
    here = rejecting(REJECT % ("word " * 2000))
    reply = status(here)
    assert reply.status == "550 5.7.1"
    assert 500 < sum(map(len, reply.lines)) < 1200 and len(reply.lines) <= 10
    assert max(map(len, reply.lines)) <= 500
    here.activate(REJECT % ("line\r\n" * 100))
    assert len(status(here).lines) == 10


def test_bounce(rejecting):
    """The sender gets the reason, for the one of two recipients who rejects; the other one has the mail."""
    here = rejecting(REJECT % "Not here, Ann.\r\nCall me.")
    qid = here.postfix.send([EMAIL1, EMAIL2], mail("both", From=ANN), ANN)
    [sent] = here.postfix.wait_until_sent(qid)
    assert sent["to"] == EMAIL2
    [bounced] = here.postfix.deliveries(qid, "bounced")
    assert (bounced["to"], bounced["dsn"]) == (EMAIL1, "5.7.1")
    [back] = returned(here)
    assert field(back, "Return-Path") == "<>"
    assert "Not here, Ann." in back and "Call me." in back
    assert EMAIL1 in back and f"<{EMAIL2}>" not in back
    assert here.shown() == {}
    assert here.shown(EMAIL2) == {"INBOX": [("both", [])]}
    [line] = here.log(event="delivery", to=f"<{EMAIL1}>")
    assert (line["status"], line["code"], line["dsn"]) == ("rejected", "550", "5.7.1")


def test_ereject(rejecting):
    here = rejecting("keep;")
    activate_ereject(here, REJECT.replace("reject", "ereject") % "Not here.")
    qid = here.postfix.send([EMAIL1], mail("unwanted", From=ANN), ANN)
    [back] = returned(here)
    assert "Not here." in back
    assert [row["dsn"] for row in here.postfix.deliveries(qid, "bounced")] == ["5.7.1"]
    assert here.shown() == {}


def test_reject_of_a_report(rejecting):
    """Nobody could be told, and the message does not vanish; what a program has sent is told of, as all else."""
    here = rejecting(REJECT % "Not here.")
    qid = here.postfix.send([EMAIL1], mail("report"), "")
    here.postfix.wait_until_sent(qid)
    assert here.shown() == {"INBOX": [("report", [])]}
    here.postfix.send([EMAIL1], mail("automatic", Auto_Submitted="auto-generated"), ANN)
    assert "Not here." in returned(here)[0]
    assert here.shown() == {"INBOX": [("report", [])]}


def test_reject_after_a_copy_is_no_reject(rejecting):
    """A script that has stored the message may not reject it: it fails, and the message stays."""
    here = rejecting('require "reject"; keep; reject "Not here.";')
    qid = here.postfix.send([EMAIL1], mail("kept", From=ANN), ANN)
    here.postfix.wait_until_sent(qid)
    assert here.shown() == {"INBOX": [("kept", [])]}


# --- lists and retries ------------------------------------------------------

def test_list(rejecting, database):
    """Of a list that lmtpd expands the others keep their mail, and no sender hears that they did not; if all reject, it is
    rejected."""
    for destination in (EMAIL1, EMAIL2):
        database.add_alias("list@example.com", destination)
    here = rejecting(REJECT % "Not here.")
    assert here.deliver("list@example.com", body=mail("list"), sender=ANN) == ["250 2.0.0"]
    assert here.shown() == {}
    assert here.shown(EMAIL2) == {"INBOX": [("list", [])]}
    [line] = here.log(event="alias")
    assert line["level"] == "warning" and line["reason"] == (
        f"list@example.com: {EMAIL1} is left out, since its script rejects the message: Not here.")
    here.activate(REJECT % "Nor here.", EMAIL2)
    reply = status(here, to="list@example.com", body=mail("rejected"))
    assert reply.status == "550 5.7.1"
    # A report has no sender to be told: all keep it.
    assert here.deliver("list@example.com", body=mail("report"), sender="") == ["250 2.0.0"]
    assert here.shown() == {"INBOX": [("report", [])]}
    assert here.shown(EMAIL2) == {"INBOX": [("list", []), ("report", [])]}
    assert here.log(event="alias") == [line]


def test_two_recipients_by_lmtp(rejecting):
    """Each has a reply of its own."""
    here = rejecting(REJECT % "Not here.")
    assert here.deliver(EMAIL1, EMAIL2, body=mail("both"), sender=ANN) == ["550 5.7.1", "250 2.0.0"]
    assert here.deliver(EMAIL2, EMAIL1, body=mail("again"), sender=ANN) == ["250 2.0.0", "550 5.7.1"]
    assert here.shown(EMAIL2) == {"INBOX": [("again", []), ("both", [])]}


def test_soft_bounce(rejecting):
    """It is put off, stays in Postfix's queue, and is delivered once the script takes it."""
    here = rejecting(REJECT % "Not here.", lmtp={"soft_bounce": True})
    assert status(here).status == "450 4.7.1"
    qid = here.postfix.send([EMAIL1], mail("later", From=ANN), ANN)
    [deferred, *_] = here.postfix.wait_until_deferred(qid)
    assert deferred["dsn"] == "4.7.1" and "Not here." in deferred["said"]
    here.activate("keep;")
    here.postfix.flush()
    here.postfix.wait_until_sent(qid)
    assert here.shown() == {"INBOX": [("later", [])]}
