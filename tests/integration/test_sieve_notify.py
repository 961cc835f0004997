"""What notify sends, beside Pigeonhole."""

import pytest

from harness.peers import SENDER, shown_of
from harness.sieve import mail, shown

pytestmark = pytest.mark.needs_root

TO = "to@example.net"
NOTIFY = 'require ["enotify", "variables"];\n'

# name: (what is behind require, message)
NOTIFICATIONS = {
    "plain": (f'notify "mailto:{TO}";', mail("news")),
    "message": (f'notify :message "You have mail" "mailto:{TO}";', mail("news")),
    "message of UTF-8": (f'notify :message "Du hast Post, Grüße" "mailto:{TO}";', mail("news")),
    "long message": (f'notify :message "{"word " * 40}" "mailto:{TO}";', mail("news")),
    "variables": (f'if header :matches "Subject" "*" {{ notify :message "New: ${{1}}" "mailto:{TO}"; }}', mail("a b")),
    "urgent": (f'notify :importance "1" "mailto:{TO}";', mail("news")),
    "not urgent": (f'notify :importance "3" "mailto:{TO}";', mail("news")),
    "from": (f'notify :from "Me <email1@example.com>" "mailto:{TO}";', mail("news")),
    "subject and text": (f'notify "mailto:{TO}?subject=A%20subject&body=A%20text%0d%0aof%20lines";', mail("news")),
    "no subject": (f'notify "mailto:{TO}";', mail("news").replace(b"Subject: news\r\n", b"")),
    "encoded subject": (f'notify "mailto:{TO}";', mail("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=")),
    "field": (f'notify "mailto:{TO}?X-Own=y";', mail("news")),
    "options": (f'notify :options ["a=b"] "mailto:{TO}";', mail("news")),
}


def without_charset(notification):
    """And, where no text was asked for, without it: lmtpd says what :message does, and not only in the subject."""
    sender, recipients, fields, body = notification
    fields = [(name, value) for name, value in fields if name not in ("Content-Type", "Content-Transfer-Encoding")]
    return sender, recipients, fields, body if b"\n" in body else b""


def test_notifications(make_peers):
    peers = make_peers()
    found = {}
    for i, (name, (script, text)) in enumerate(NOTIFICATIONS.items()):
        peers.activate(NOTIFY + script.replace(TO, f"to{i}@example.net"))
        found[name] = [[without_charset(shown_of(taken)) for taken in one] for one in peers.sends(text)]
    differ = [(name, *pair) for name, pair in found.items() if pair[0] != pair[1]]
    assert differ == []


def recipients(taken):
    return sorted(recipient for one in taken for recipient in one.recipients)


def test_several(make_peers):
    """Each address has it once, whether it stands in To or Cc."""
    peers = make_peers()
    peers.activate(NOTIFY + 'notify "mailto:a@example.net?to=b@example.net&cc=c@example.net";')
    ours, theirs = peers.sends(mail("news"))
    assert recipients(ours) == recipients(theirs) == ["a@example.net", "b@example.net", "c@example.net"]


def subjects(taken):
    return [dict(shown_of(one)[2])["Subject"] for one in taken]


def test_two_texts(make_peers):
    """One address has both, in their order. Pigeonhole tells it the first alone."""
    peers = make_peers()
    peers.activate(NOTIFY + f'notify :message "one" "mailto:{TO}"; notify :message "two" "mailto:{TO}";')
    assert subjects(peers.sends(mail("news"), n=2)[0]) == ["one", "two"]


def test_programs_are_not_told_of(make_peers):
    """What a program has sent is stored, and nobody notified; what only says that none has is told of."""
    peers = make_peers()
    peers.activate(NOTIFY + f'notify "mailto:{TO}";')
    for value in ("auto-generated", "auto-replied (vacation)", "auto-notified; owner-email=\"x@example.net\""):
        assert peers.deliver(mail("automatic", Auto_Submitted=value)) == ["250 2.0.0"] * 2
    ours, theirs = peers.sends(mail("news", Auto_Submitted="no"))
    assert recipients(ours) == recipients(theirs) == [TO]
    assert shown(peers.here.dovecot) == shown(peers.there)


def test_refused(make_peers):
    """That nobody could be told keeps no mail from its mailbox."""
    peers = make_peers()
    peers.activate(NOTIFY + f'notify "mailto:{TO}";')
    peers.sinks[0].refusals[TO] = b"550 5.1.1 Not here"
    assert peers.here.deliver(body=mail("news"), sender=SENDER) == ["250 2.0.0"]
    peers.here.daemon.wait_for_log(event="notify", status="refused")
    assert peers.here.shown() == {"INBOX": [("news", [])]}
