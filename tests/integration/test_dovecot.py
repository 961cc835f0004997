"""The whole way out: Dovecot logs in by the same tables and reads what lmtpd stored."""

import imaplib
import poplib

import pytest

from harness.lmtp import message
from harness.mail import wire_size

pytestmark = pytest.mark.needs_root

EMAIL1 = "email1@example.com"
PASSWORD = "firstpassword"
BODIES = {
    "plain": message(),
    "8-bit and dots": b"Subject: b\r\n\r\n.\r\n..\r\n\xff\xfe\r\n" + b"long" * 5000 + b"\r\n",
    "lone CR and LF": b"Subject: c\r\n\r\na\rb\nc\r\r\nd\n\n\r\n",
}


@pytest.fixture
def daemon(lmtpd):
    return lmtpd()


def on_the_wire(stored):
    """A stored file as IMAP and POP3 show it: each LF that has no CR before it becomes CRLF."""
    shown = stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert len(shown) == wire_size(stored)
    return shown


def fetch_all(dovecot, user=EMAIL1, password=PASSWORD):
    """[(size, bytes)] of the inbox by IMAP, in its order."""
    with imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=60) as client:
        client.login(user, password)
        _, [count] = client.select("INBOX")
        messages = []
        for number in range(1, int(count) + 1):
            _, [size] = client.fetch(str(number), "(RFC822.SIZE)")
            _, [(_, content), _] = client.fetch(str(number), "(BODY.PEEK[])")
            messages.append((int(size.split()[-1].rstrip(b")")), content))
        return messages


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_imap(daemon, make_dovecot, body):
    """Byte for byte, and RFC822.SIZE is the W= of the file's name."""
    with daemon.session() as session:
        session.deliver(EMAIL1, body=body)
    stored = daemon.mailbox("example.com/email1").message()
    dovecot = make_dovecot(daemon)
    [(size, content)] = fetch_all(dovecot)
    assert content == on_the_wire(stored.bytes)
    assert size == int(stored.name["wire_size"]) == len(content)
    assert "Error" not in dovecot.output(), dovecot.output()


@pytest.mark.parametrize("body", list(BODIES.values())[:2], ids=list(BODIES)[:2])
def test_pop3(daemon, make_dovecot, body):
    with daemon.session() as session:
        session.deliver(EMAIL1, body=body)
    stored = daemon.mailbox("example.com/email1").message()
    dovecot = make_dovecot(daemon)
    client = poplib.POP3("127.0.0.1", dovecot.pop3_port, timeout=60)
    poplib._MAXLINE, longest = 1 << 20, poplib._MAXLINE
    try:
        client.user(EMAIL1)
        client.pass_(PASSWORD)
        assert client.stat() == (1, int(stored.name["wire_size"]))
        _, lines, _ = client.retr(1)
        assert b"".join(line + b"\r\n" for line in lines) == on_the_wire(stored.bytes)
        client.quit()
    finally:
        poplib._MAXLINE = longest
        client.close()


def test_arrival_order(daemon, make_dovecot):
    with daemon.session() as session:
        for number in range(10):
            session.deliver(EMAIL1, body=message(subject=str(number)))
    shown = [content for _, content in fetch_all(make_dovecot(daemon))]
    assert [f"Subject: {number}\r\n".encode() in content
            for number, content in enumerate(shown)] == [True] * 10


def test_delivery_beside_dovecot(daemon, make_dovecot):
    """The Maildir is one that Dovecot made and has open; new mail appears in the session."""
    dovecot = make_dovecot(daemon)
    with imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=60) as client:
        client.login(EMAIL1, PASSWORD)
        assert client.select("INBOX")[1] == [b"0"]
        with daemon.session() as session:
            session.deliver(EMAIL1)
            session.deliver("alias@example.com")
        client.noop()
        assert client.response("EXISTS")[1][-1] == b"2"
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
    with daemon.session() as session:
        session.deliver(EMAIL1)
    assert len(fetch_all(dovecot)) == 2
    assert "Error" not in dovecot.output(), dovecot.output()


@pytest.mark.parametrize("login", ["mixed.case@example.com", "Mixed.Case@example.com"])
def test_row_in_mixed_case(daemon, make_dovecot, database, login):
    """However the login is typed, the mailbox is the one lmtpd wrote to."""
    database.sql("UPDATE virtual_users SET email = 'Mixed.Case@example.com' WHERE id = 1")
    with daemon.session() as session:
        session.deliver("MIXED.CASE@example.com")
    assert len(fetch_all(make_dovecot(daemon), user=login)) == 1


@pytest.mark.quick
def test_whole_way(guide_machine, make_dovecot):
    """The guide's own walk: SMTP in, IMAP out."""
    postfix, daemon = guide_machine
    qid = postfix.send(["alias@example.com"], message("The walk.\r\n"))
    postfix.wait_until_sent(qid)
    stored = daemon.mailbox("example.com/email1").message()
    [(size, content)] = fetch_all(make_dovecot(daemon))
    assert content.endswith(b"\r\n\r\nThe walk.\r\n")
    assert size == int(stored.name["wire_size"])
