"""Whom lmtpd and Dovecot's LMTP with Pigeonhole answer by vacation, and what with."""

import re

import pytest

from harness.peers import SENDER, shown_of
from harness.process import wait_until
from harness.sieve import EMAIL1, mail, shown

pytestmark = pytest.mark.needs_root

VACATION = 'require ["vacation"];\n'


def ask(**fields):
    """A message that is answered."""
    return mail("Hello", **{"From": SENDER, "Message-ID": "<q@example.net>", **fields})


# name: (what is behind require, message)
NOTICES = {
    "plain": ('vacation "Away.";', ask()),
    "lines": ('vacation text:\r\nI am away.\r\n\r\n..dotted\r\n..\r\nBye.\r\n.\r\n;', ask()),
    "lf": ('vacation "a\nb\n\nc";', ask()),
    "UTF-8": ('vacation "Ich bin nicht da. Grüße, 日本語";', ask()),
    "subject": ('vacation :subject "Not here" "Away.";', ask()),
    "empty subject": ('vacation :subject "" "Away.";', ask()),
    "subject of UTF-8": ('vacation :subject "Nicht da: Grüße" "Away.";', ask()),
    "long subject": (f'vacation :subject "{"word " * 40}" "Away.";', ask()),
    "long subject of UTF-8": (f'vacation :subject "{"Wörter " * 30}" "Away.";', ask()),
    "long word": (f'vacation :subject "{"x" * 200}" "Away.";', ask()),
    "no subject": ('vacation "Away.";', ask().replace(b"Subject: Hello\r\n", b"")),
    "encoded subject": ('vacation "Away.";', ask(Subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?= and more")),
    "long original subject": ('vacation "Away.";', ask(Subject="many " * 60)),
    "folded subject": ('vacation "Away.";', ask(Subject="one\r\n two\r\n\tthree")),
    "from": ('vacation :from "Me <email1@example.com>" "Away.";', ask()),
    "from of UTF-8": ('vacation :from "Mé <other@example.com>" "Away.";', ask()),
    "from that is encoded": (
        'vacation :from "=?utf-8?Q?M=C3=A9?= <other@example.com>" "Away.";', ask()),
    "addresses": ('vacation :addresses ["x@example.com", "alias@example.com"] "Away.";',
                  ask(To="Alias <ALIAS@example.com>")),
    "mime": ('vacation :mime text:\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nA\r\n--x--\r\n.\r\n;',
             ask()),
    "name of the sender": ('vacation "Away.";', ask(From='"Ann, B." <Ann@example.net>')),
    "encoded name of the sender": ('vacation "Away.";', ask(From="=?utf-8?Q?=C3=84nn?= <ann@example.net>")),
    "another sender in the header": ('vacation "Away.";', ask(From="bob@example.net")),
    "Sender": ('vacation "Away.";', ask(From="bob@example.net", Sender="Ann <ann@example.net>")),
    "references": ('vacation "Away.";', ask(References="<a@b> <c@d>")),
    "many references": ('vacation "Away.";', ask(References="\r\n ".join(f"<{i}.{'r' * 30}@example.net>" for i in range(30)))),
    "no id": ('vacation "Away.";', ask(References="<a@b>").replace(
        b"Message-ID: <q@example.net>\r\n", b"")),
    "to several": ('vacation "Away.";', ask(To=f"x@example.net, E <{EMAIL1}>, y@example.net")),
}


def test_notices(make_peers):
    """Each case from a sender of its own, since one is answered ten times a day."""
    peers = make_peers()
    found = {}
    for i, (name, (script, text)) in enumerate(NOTICES.items()):
        peers.activate(VACATION + script)
        sender = f"ann{i}@example.net"
        text = re.sub(rb"(?i)\b(ann)@example.net", rb"\g<1>%d@example.net" % i, text)
        found[name] = [[shown_of(taken) for taken in one] for one in peers.sends(text, sender=sender)]
    for name, (ours, theirs) in found.items():
        assert ours == theirs, name


# Who gets no notice: what is changed in a message that is answered, or from whom it comes.
UNANSWERED = {
    "nobody": {"sender": ""},
    "the user": {"sender": EMAIL1},
    "the user in capitals": {"sender": EMAIL1.upper()},
    "one of :addresses": {"sender": "alias@example.com"},
    "a daemon": {"sender": "MAILER-DAEMON@example.net"},
    "listserv": {"sender": "listserv@example.net"},
    "majordomo": {"sender": "majordomo@example.net"},
    "requests": {"sender": "dev-request@example.net"},
    "requests of a bounce": {"sender": "dev-request+x@example.net"},
    "an owner": {"sender": "owner-dev@example.net"},
    **{f"a list ({name})": {name: "<x>"} for name in (
        "List_Id", "List_Owner", "List_Subscribe", "List_Post", "List_Unsubscribe", "List_Help", "List_Archive")},
    "automatic": {"Auto_Submitted": "auto-generated"},
    "automatic, with a comment": {"auto_submitted": "AUTO-replied; x=y"},
    **{f"precedence {value}": {"Precedence": value} for value in ("junk", "bulk", "list", "Bulk")},
    "suppressed": {"X_Auto_Response_Suppress": "OOF"},
    "suppressed, among others": {"X_Auto_Response_Suppress": "DR, All"},
    "to another": {"To": "other@example.com"},
    "to nobody": {"To": "undisclosed-recipients:;"},
}
ANSWERED = {
    "Auto-Submitted no": {"Auto_Submitted": "no"},
    "precedence first-class": {"Precedence": "first-class"},
    "another suppression": {"X_Auto_Response_Suppress": "DR"},
    "copied": {"To": "other@example.com", "Cc": f"E <{EMAIL1}>"},
    "again": {"To": "other@example.com", "Resent_To": EMAIL1},
    "spam": {"X_Spam_Flag": "YES"},
    "an owner, at the end": {"sender": "dev-owner@example.net"},
    "in capitals": {"To": EMAIL1.upper()},
    "by :addresses": {"To": "Alias@example.com"},
}


def who_is_answered(peers, cases):
    """name: [is it by lmtpd, by Pigeonhole]"""
    found = {}
    for i, (name, case) in enumerate(cases.items()):
        sender = case.get("sender", f"ann{i}@example.net")
        fields = {key: value for key, value in case.items() if key != "sender"}
        text = mail(f"m{i}", **{"From": sender or "x@example.net", **fields})
        assert peers.deliver(text, sender=sender) == ["250 2.0.0"] * 2
        found[name] = ["vacation" in peers.log(), len(peers.sinks[1].take()) == 1]
    return found


def test_who_is_answered(make_peers):
    peers = make_peers()
    peers.activate(VACATION + 'vacation :addresses "alias@example.com" "Away.";')
    assert who_is_answered(peers, UNANSWERED) == {name: [False, False] for name in UNANSWERED}
    assert who_is_answered(peers, ANSWERED) == {name: [True, True] for name in ANSWERED}
    wait_until(lambda: len(peers.sinks[0].taken) == len(ANSWERED), 60, "the notices")
    assert shown(peers.here.dovecot) == shown(peers.there)


def test_settings_of_notices(make_peers):
    """Answered is who writes to an alias that lmtpd does not know, from the user's address."""
    peers = make_peers(sieve={"vacation_from": "recipient", "vacation_check_recipient": False},
                       sieve_vacation_send_from_recipient="yes", sieve_vacation_dont_check_recipient="yes")
    peers.activate(VACATION + 'vacation "Away.";')
    ours, theirs = ([shown_of(taken) for taken in one] for one in peers.sends(mail("x", From=SENDER, To="a@example.com")))
    assert ours == theirs
    assert ours[0][0] == EMAIL1
    assert who_is_answered(peers, {"nobody": {"sender": ""}}) == {"nobody": [False, False]}
