"""Many at once, and much at once."""

import hashlib

import pytest

from harness.lmtp import message, stuffed
from harness.mail import NAME, Message
from harness.process import run

EMAIL1 = "email1@example.com"
MEMORY_LIMIT = 64 * 1024 * 1024


def test_hundreds_of_connections(lmtpd):
    """All are greeted while all are open, and each can deliver."""
    daemon = lmtpd()
    sessions = [daemon.session() for _ in range(300)]
    for number, session in enumerate(sessions):
        session.send(f"MAIL FROM:<>\r\nRCPT TO:<{EMAIL1}>\r\nDATA\r\n")
    for session in sessions:
        assert [reply.code for reply in session.replies(3)] == [250, 250, 354]
    for number, session in enumerate(sessions):
        session.send(stuffed(message(subject=str(number))))
    for session in sessions:
        assert session.reply().status == "250 2.0.0"
        session.close()
    stored = daemon.mailbox("example.com/email1").messages()
    subjects = {stored.content.split(b"\n")[0] for stored in stored}
    assert len(stored) == len(subjects) == 300


def test_client_that_never_reads(lmtpd):
    """Its replies fill nothing of ours: others are served, and memory stays."""
    daemon = lmtpd()
    with daemon.connect() as deaf:
        deaf.socket.setblocking(False)
        sent = 0
        try:
            while sent < 20_000_000:
                sent += deaf.socket.send(b"NOOP\r\n" * 10000)
        except BlockingIOError:
            pass
        with daemon.session() as session:
            session.deliver(EMAIL1)
        assert sent < 20_000_000, "it takes input without end though nobody reads its replies"


def test_a_thousand_recipients(lmtpd, database):
    """Pipelined in one go: the limit of the configuration, each with its reply."""
    database.sql("INSERT INTO virtual_users (domain_id, password, email) "
                 "SELECT 1, '*', CONCAT('u', seq, '@example.com') FROM seq_1_to_1000")
    daemon = lmtpd()
    with daemon.session(timeout=120) as session:
        session.send("MAIL FROM:<>\r\n" + "".join(
            f"RCPT TO:<u{number}@example.com>\r\n" for number in range(1, 1001)) + "DATA\r\n")
        assert [reply.code for reply in session.replies(1002)] == [250] * 1001 + [354]
        session.send(stuffed(message()))
        assert [reply.code for reply in session.replies(1000)] == [250] * 1000
    assert sum(daemon.reached().values()) == 1000


@pytest.mark.heavy
def test_ten_thousand_messages_over_a_hundred_sessions(lmtpd):
    daemon = lmtpd()
    done = run("smtp-source", "-L", "-s", "100", "-m", "10000", "-l", "2000",
               "-f", "sender@example.net", "-t", EMAIL1, f"unix:{daemon.socket}", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    mailbox = daemon.mailbox("example.com/email1")
    files = mailbox.files()
    assert len(files) == 10000
    assert mailbox.files("tmp") == []
    lengths = set()
    for path in files:
        stored = Message(path)
        stored.assert_whole()
        lengths.add(len(stored.content.split(b"\n\n", 1)[1]))
    assert len(lengths) == 1, "messages of one length were stored with several"
    assert daemon.peak_memory() < MEMORY_LIMIT


@pytest.mark.heavy
def test_big_message_in_little_memory(lmtpd):
    """200 MB, with lines of all kinds; the file is exact and memory does not grow with it."""
    daemon = lmtpd()
    line = b"".join(bytes([byte]) * 7 for byte in range(256) if byte not in b"\r\n")[:998]
    block = (b"".join(line[number:] + b"\r\n" for number in range(0, 900, 9))) * 10
    expected = hashlib.sha256()
    size = 0
    with daemon.session(timeout=300) as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(b"Subject: big\r\n\r\n")
        expected.update(b"Subject: big\n\n")
        while size < 200_000_000:
            session.send(block)
            expected.update(block.replace(b"\r\n", b"\n"))
            size += len(block)
        session.send(b".\r\n")
        assert session.reply().status == "250 2.0.0"
    assert daemon.peak_memory() < MEMORY_LIMIT
    [path] = daemon.mailbox("example.com/email1").files()
    assert int(NAME.fullmatch(path.name)["size"]) == path.stat().st_size
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while not file.readline().startswith(b"Received:"):
            pass
        while (start := file.peek(1)[:1]) in (b"\t", b" "):
            file.readline()
        assert start == b"S"
        while data := file.read(1 << 20):
            found.update(data)
    assert found.hexdigest() == expected.hexdigest()
