"""The whole way in: SMTP to Postfix, LMTP to lmtpd, a file in the Maildir."""

import smtplib

import pytest

from harness.lmtp import message
from harness.process import run, wait_until

pytestmark = pytest.mark.needs_root

EMAIL1 = "email1@example.com"


def test_mail_to_an_alias(guide_machine):
    postfix, daemon = guide_machine
    qid = postfix.send(["alias@example.com"], message())
    [sent] = postfix.wait_until_sent(qid)
    assert sent["to"] == EMAIL1
    assert sent["dsn"] == "2.0.0"
    assert sent["said"].startswith(f"250 2.0.0 <{EMAIL1}> ") and sent["said"].endswith(" Saved")
    stored = daemon.mailbox("example.com/email1").message()
    assert b"Subject: test\n" in stored.content
    assert stored.field("Delivered-To") == EMAIL1
    assert stored.field("Return-Path") == "<sender@example.net>"
    assert postfix.queue() == []


def test_queue_id_is_in_the_log(guide_machine):
    postfix, daemon = guide_machine
    qid = postfix.send([EMAIL1], message())
    [sent] = postfix.wait_until_sent(qid)
    [line] = daemon.wait_for_log(event="delivery")
    assert line["qid"] == qid
    assert line["session"] in sent["said"]


def test_swaks_through_postfix(guide_machine):
    postfix, daemon = guide_machine
    done = run("swaks", "--server", f"127.0.0.1:{postfix.port}", "--from", "sender@example.net",
               "--to", "alias@example.com", "--helo", "client.example.net")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: daemon.reached() == {"example.com/email1": 1}, 60, "delivery")


@pytest.mark.parametrize("address", ["nobody@example.com", "nobody+x@example.com"])
def test_unknown_user_is_refused_at_smtp_time(guide_machine, address):
    postfix, daemon = guide_machine
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.ehlo("client.example.net")
        client.mail("sender@example.net")
        assert client.rcpt(address)[0] == 550
    with daemon.session() as session:
        session.mail()
        assert session.rcpt(address).status == "550 5.1.1"


def test_detail(guide_machine):
    postfix, daemon = guide_machine
    qid = postfix.send(["email1+lists@example.com"], message())
    [sent] = postfix.wait_until_sent(qid)
    assert sent["to"] == "email1+lists@example.com"
    assert daemon.reached() == {"example.com/email1": 1}


def test_two_aliases_of_one_mailbox(guide_machine, database):
    """Postfix asks twice for the same recipient: two replies, one message."""
    postfix, daemon = guide_machine
    database.add_alias("info@example.com", EMAIL1)
    qid = postfix.send(["alias@example.com", "info@example.com", EMAIL1], message())
    sent = postfix.wait_until_sent(qid, 3)
    assert {row["to"] for row in sent} == {EMAIL1}
    assert daemon.reached() == {"example.com/email1": 1}


def test_sixty_recipients(guide_machine, database):
    """More than Postfix puts into one transaction."""
    postfix, daemon = guide_machine
    names = [f"member{number}" for number in range(60)]
    for name in names:
        database.add_user(f"{name}@example.com")
    qid = postfix.send([f"{name}@example.com" for name in names], message())
    sent = postfix.wait_until_sent(qid, 60)
    assert {row["to"] for row in sent} == {f"{name}@example.com" for name in names}
    assert daemon.reached() == {f"example.com/{name}": 1 for name in names}


def test_mixed_recipients(guide_machine, database):
    """One mailbox vanishes between Postfix's look and ours: it bounces alone."""
    postfix, daemon = guide_machine
    database.add_alias("team@example.com", f"{EMAIL1}, gone@example.com")
    qid = postfix.send(["team@example.com"], message(), sender="")
    wait_until(lambda: len(postfix.deliveries(qid)) == 2, 60, "two outcomes")
    outcomes = {row["to"]: (row["status"], row["dsn"]) for row in postfix.deliveries(qid)}
    assert outcomes == {EMAIL1: ("sent", "2.0.0"), "gone@example.com": ("bounced", "5.1.1")}
    assert daemon.reached() == {"example.com/email1": 1}


def test_bytes_of_the_body(guide_machine):
    """8BITMIME is announced, so Postfix passes 8-bit bytes and NUL as they are."""
    postfix, daemon = guide_machine
    text = "Grüße".encode("latin-1") + b"\xff\xfe\0nul\r\n.dot\r\n..\r\n" + b"x" * 900 + b"\r\n"
    body = b"Subject: bytes\r\n\r\n" + text
    qid = postfix.send([EMAIL1], body, options=["BODY=8BITMIME"])
    postfix.wait_until_sent(qid)
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.content.endswith(b"\n\n" + text.replace(b"\r\n", b"\n"))


def test_utf8_address(guide_machine, database):
    postfix, daemon = guide_machine
    database.add_user("jörg@example.com")
    body = "Subject: Grüße\r\n\r\nText\r\n".encode()
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.ehlo("client.example.net")
        client.sendmail("sender@example.net", ["jörg@example.com"], body,
                        mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    wait_until(lambda: daemon.reached() == {"example.com/jörg": 1}, 60, "delivery")
    stored = daemon.mailbox("example.com/jörg").message()
    assert "\nSubject: Grüße\n".encode() in stored.content


def test_row_in_mixed_case(guide_machine, database):
    postfix, daemon = guide_machine
    database.add_user("Mixed.Case@example.com")
    postfix.wait_until_sent(postfix.send(["MIXED.case@Example.COM"], message()))
    assert daemon.reached() == {"example.com/Mixed.Case": 1}


def test_big_message(guide_machine):
    postfix, daemon = guide_machine
    text = ("x" * 76 + "\r\n") * 100_000
    postfix.wait_until_sent(postfix.send([EMAIL1], message(text)))
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.content.split(b"\n\n", 1)[1] == text.replace("\r\n", "\n").encode()


def test_many_messages(guide_machine):
    """Postfix opens up to twenty connections, and uses some again."""
    postfix, daemon = guide_machine
    done = run("smtp-source", "-s", "10", "-m", "300", "-l", "2000", "-f", "sender@example.net",
               "-t", "alias@example.com", f"inet:127.0.0.1:{postfix.port}", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: postfix.queue() == [], 120, "an empty queue")
    assert len(daemon.mailbox("example.com/email1").messages()) == 300


def test_address_probe(guide_machine):
    """Postfix probes with MAIL, RCPT, RSET, QUIT: the answer is the final one, nothing is sent."""
    postfix, daemon = guide_machine
    with daemon.session() as session:
        session.send(b"MAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\nRSET\r\nQUIT\r\n")
        assert [reply.code for reply in session.replies(4)] == [250, 250, 250, 221]
    assert daemon.reached() == {}
    assert postfix.queue() == []


def test_database_out_of_lmtpds_reach(guide_machine, database):
    """Deferred with 451 4.4.3; delivered once when lmtpd's account works again."""
    postfix, daemon = guide_machine
    # lmtpd comes over the Unix socket, Postfix over TCP: two accounts, and only one is locked.
    database.sql("ALTER USER 'mailuser'@'localhost' ACCOUNT LOCK; "
                 "KILL USER 'mailuser'@'localhost'")
    try:
        qid = postfix.send(["alias@example.com"], message())
        deferred = postfix.wait_until_deferred(qid)
        assert deferred[0]["dsn"] == "4.4.3"
        assert "451 4.4.3" in deferred[0]["said"]
        assert daemon.reached() == {}
    finally:
        database.sql("ALTER USER 'mailuser'@'localhost' ACCOUNT UNLOCK")
    postfix.flush()
    postfix.wait_until_sent(qid)
    assert daemon.reached() == {"example.com/email1": 1}


def test_database_stopped(guide_machine, database):
    """New mail is put off by Postfix, queued mail stays queued; then each is delivered once."""
    postfix, daemon = guide_machine
    postfix.send([EMAIL1], message())
    wait_until(lambda: daemon.reached(), 60, "delivery before")
    daemon.stop()
    queued = [postfix.send([address], message(subject=address))
              for address in ("alias@example.com", "email2@example.com")]
    for qid in queued:
        postfix.wait_until_deferred(qid)
    database.stop()
    daemon.start()
    postfix.flush()
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.ehlo("client.example.net")
        client.mail("sender@example.net")
        assert client.rcpt(EMAIL1)[0] in (450, 451)
    assert sorted(postfix.queue()) == sorted(queued)
    database.start()
    postfix.reload()
    postfix.flush()
    for qid in queued:
        postfix.wait_until_sent(qid)
    assert daemon.reached() == {"example.com/email1": 2, "example.com/email2": 1}


def test_lmtpd_restarted(guide_machine):
    """Mail that came while it was away is delivered once it is back."""
    postfix, daemon = guide_machine
    daemon.stop()
    qid = postfix.send([EMAIL1], message())
    postfix.wait_until_deferred(qid)
    daemon.start()
    postfix.flush()
    postfix.wait_until_sent(qid)
    assert daemon.reached() == {"example.com/email1": 1}
