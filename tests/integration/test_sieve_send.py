"""What scripts send: redirect, vacation, reject, notify, through the real Postfix and back."""

import re
import smtplib

import pytest

from harness.sending import field
from harness.sieve import EMAIL1, EMAIL2, mail

pytestmark = pytest.mark.needs_root

VACATION = 'require ["vacation"]; vacation :days 3 :subject "Away" "I am away.";'


# --- redirect ---------------------------------------------------------------

def test_redirect(sending_site):
    """It goes to Postfix before the client is told; nothing stays here."""
    here = sending_site()
    here.activate(f'redirect "{EMAIL2}";')
    [sent] = here.send([EMAIL1], mail("forward"), "outside@example.net")
    assert sent["said"].startswith("250 2.0.0")
    [message] = here.wait_for(EMAIL2)
    assert field(message, "Subject") == "forward"
    assert field(message, "X-Sieve-Redirected-From") == EMAIL1
    assert field(message, "Return-Path") == "<outside@example.net>"
    assert len(re.findall("^Return-Path:", message, re.MULTILINE)) == 1
    assert here.shown() == {}
    [line] = here.log(event="delivery", to=f"<{EMAIL1}>")
    assert (line["status"], line["redirect"], line["code"]) == ("redirected", f"<{EMAIL2}>", "250")


def test_redirect_with_a_copy(sending_site):
    here = sending_site()
    here.activate(f'require "copy"; redirect :copy "{EMAIL2}";')
    here.send([EMAIL1], mail("both"), "outside@example.net")
    here.wait_for(EMAIL2)
    assert here.shown() == {"INBOX": [("both", [])]}


def test_redirect_is_refused(sending_site, directory):
    """What nobody takes is kept, and whose script it is reads why: the user, or the admin alone."""
    after = directory / "after.sieve"
    after.write_text('require "copy"; redirect :copy "nothing@example.com";')
    for path in (directory, after):
        path.chmod(0o755)
    here = sending_site(sieve={"after": [str(after)]})
    here.activate('require "copy";\nredirect :copy "nobody@example.com";')
    [sent] = here.send([EMAIL1], mail("refused"), "outside@example.net")
    assert sent["said"].startswith("250 2.0.0")
    assert here.shown() == {"INBOX": [("refused", [])]}
    lines = here.log(event="redirect")
    assert [line["level"] for line in lines] == ["warning"] * 2
    for line, target in zip(lines, ("nobody", "nothing")):
        assert line["reason"].startswith(
            f"{EMAIL1}: refused for good, so the mailbox keeps the message: to {target}@example.com: 550 5.1.1")
    _, line = (here.daemon.vhosts / "example.com/email1/.dovecot.sieve.log").read_text().splitlines()
    assert line.startswith("own: line 2: error: msgid=<refused@example.net>: "
                           "not redirected, so the mailbox keeps the message: to nobody@example.com: 550 5.1.1")


def test_redirect_loop(sending_site):
    """Two who redirect to each other: the message stays with whom it has come to before."""
    here = sending_site()
    here.activate(f'redirect "{EMAIL2}";')
    here.activate(f'redirect "{EMAIL1}";', EMAIL2)
    here.send([EMAIL1], mail("loop"), "outside@example.net")
    here.wait_for(EMAIL1)
    assert here.messages(EMAIL2) == []


def test_redirect_waits_for_the_submission(sending_site):
    """Without Postfix's word the message is not taken, and nothing of it stored."""
    here = sending_site(sieve={"submission": "inet:127.0.0.1:1"})
    here.activate(f'require ["copy", "fileinto", "mailbox"]; redirect "{EMAIL2}"; fileinto :create "Work";')
    assert here.deliver(body=mail("later")) == ["451 4.3.0"]
    [line] = here.log(event="delivery")
    assert "folder" not in line and line["script"] == "own"
    assert line["status"] == "deferred" and line["reason"].startswith(f"to {EMAIL2}: ")
    assert "127.0.0.1:1" in line["reason"] and "refused" in line["reason"]
    assert here.shown() == {}


def test_submission_changes_with_a_reload(sending_site):
    """What comes afterwards goes to the other server, on each thread."""
    here = sending_site()
    here.activate(f'redirect "{EMAIL2}";')
    right, wrong = (f"inet:127.0.0.1:{port}" for port in (here.postfix.port, 1))
    for turn, (submission, status) in enumerate([(right, "250 2.0.0"), (wrong, "451 4.3.0"), (right, "250 2.0.0")]):
        here.daemon.configure(sieve={"enabled": True, "submission": submission})
        here.daemon.reload()
        # More than there are threads.
        assert [here.deliver(body=mail(f"{turn} {i}"))[0] for i in range(8)] == [status] * 8
    here.wait_for(EMAIL2, 16)


# --- vacation ---------------------------------------------------------------

def test_vacation(sending_site):
    """One notice to a sender, however many messages; none to a list."""
    here = sending_site()
    here.activate(VACATION)
    here.send([EMAIL1], mail("question", From=EMAIL2))
    here.send([EMAIL1], mail("again", From=EMAIL2))
    [notice] = here.wait_for(EMAIL2)
    assert field(notice, "Subject") == "Away"
    assert field(notice, "Auto-Submitted") == "auto-replied (vacation)"
    assert field(notice, "In-Reply-To") == "<question@example.net>"
    assert field(notice, "Return-Path") == "<>"
    assert "I am away." in notice
    assert here.shown() == {"INBOX": [("again", []), ("question", [])]}
    first, second = here.log(event="delivery", to=f"<{EMAIL1}>")
    assert first["vacation"] == f"<{EMAIL2}>" and "vacation" not in second


# --- reject -----------------------------------------------------------------

def test_reject(sending_site):
    """The reason is in the reply, and so in Postfix's bounce."""
    here = sending_site()
    here.activate('require "reject"; reject text:\nNot here.\nTry elsewhere.\n.\n;')
    with smtplib.SMTP("127.0.0.1", here.postfix.port) as client:
        client.sendmail(EMAIL2, [EMAIL1], mail("unwanted", From=EMAIL2))
    [bounce] = here.wait_for(EMAIL2)
    assert "550-5.7.1" in bounce or "550 5.7.1" in bounce
    assert "Not here." in bounce and "Try elsewhere." in bounce
    assert here.shown() == {}
    assert here.deliver(body=mail("nobody"), sender="") == ["250 2.0.0"]
    assert here.shown() == {"INBOX": [("nobody", [])]}


# --- notify -----------------------------------------------------------------

def test_notify(sending_site):
    here = sending_site()
    here.activate(f'require "enotify"; notify :message "You have mail" "mailto:{EMAIL2}";')
    here.send([EMAIL1], mail("news"), "outside@example.net")
    [told] = here.wait_for(EMAIL2)
    assert field(told, "Subject") == "You have mail"
    assert field(told, "Auto-Submitted").startswith("auto-notified")
    assert here.shown() == {"INBOX": [("news", [])]}
