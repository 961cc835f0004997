"""Sequences that are no end of the data, in every place where one could be believed; and the one end
that is, wherever the input is cut. The tables of the unit tests cut at every byte; here it is the
socket that does."""

import errno
import socket
import time

import pytest

from harness.lmtp import FALSE_ENDS, Client, as_stored, message
from harness.process import free_port, wait_until

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"
MAILBOX1 = "example.com/email1"
# What a smuggler wants to be run.
EVIL = b"MAIL FROM:<>\r\nRCPT TO:<email2@example.com>\r\nDATA\r\nevil\r\n"

each_false_end = pytest.mark.parametrize("end", FALSE_ENDS.values(), ids=FALSE_ENDS.keys())


def begin(session):
    session.mail()
    assert session.rcpt(EMAIL1).code == 250
    assert session.command("DATA").code == 354


def assert_ends_once(session, status):
    """The true end, and then exactly one reply: the next one is that of NOOP."""
    session.send(b".\r\nNOOP\r\n")
    assert [reply.status for reply in session.replies(2)] == [status, "250 2.0.0"]
    assert session.is_silent(0.05)


def stored_contents(daemon):
    return [stored.content for stored in daemon.mailbox(MAILBOX1).messages()]


@each_false_end
def test_in_the_header(lmtpd, end):
    daemon = lmtpd()
    wire = b"Subject: smuggled" + end + EVIL
    with daemon.session() as session:
        begin(session)
        session.send(wire)
        assert_ends_once(session, "250 2.0.0")
    assert daemon.reached() == {MAILBOX1: 1}
    assert stored_contents(daemon) == [as_stored(wire)]


@each_false_end
def test_behind_a_write_error(lmtpd, faults, end):
    """The disk gave up long before the end; the rest is read, and is still no command."""
    daemon = lmtpd(environment=faults(write_errno=errno.EIO))
    with daemon.session() as session:
        begin(session)
        session.send(message("x" * 70 + "\r\n") * 5000 + b"before" + end + EVIL)
        assert_ends_once(session, "451 4.2.0")
    assert daemon.reached() == {}
    wait_until(lambda: stored_contents(daemon) == [], 60, "an empty mailbox")


@pytest.fixture
def tcp(lmtpd, directory):
    """A session over TCP whose every send is a segment."""
    port = free_port()
    daemon = lmtpd(lmtp={"listen": [f"unix:{directory}/lmtp", f"inet:127.0.0.1:{port}"]})
    with Client(("127.0.0.1", port)) as session:
        session.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session.daemon = daemon
        session.hello()
        yield session


@each_false_end
def test_byte_by_byte(tcp, end):
    """Each byte is a segment of its own, and mostly a read of its own."""
    wire = b"S: x\r\n\r\nbefore" + end + EVIL
    begin(tcp)
    for at in range(len(wire)):
        tcp.send(wire[at:at + 1])
        time.sleep(0.001)
    assert_ends_once(tcp, "250 2.0.0")
    assert stored_contents(tcp.daemon) == [as_stored(wire)]


def test_true_end_cut_at_every_byte(tcp):
    """The end and what is pipelined behind it, in two segments, cut anywhere."""
    tail = b"\r\n.\r\nNOOP\r\n"
    for at in range(1, len(tail)):
        begin(tcp)
        tcp.send(b"body" + tail[:at])
        time.sleep(0.005)
        tcp.send(tail[at:])
        assert [reply.status for reply in tcp.replies(2)] == ["250 2.0.0"] * 2
    assert stored_contents(tcp.daemon) == [b"body\n"] * (len(tail) - 1)


# Around what a server may have chosen as the size of a buffer.
BUFFER_SIZES = [2047, 2048, 4096, 8192, 32768, 65536, 131072]


@pytest.mark.parametrize("size", BUFFER_SIZES)
def test_end_at_the_edge_of_a_buffer(lmtpd, size):
    """One long line, and its end in every place around a buffer's end: a mail.local of old missed
    it there. Behind it stands what must be a command, and within it what must be none."""
    daemon = lmtpd()
    sent = []
    with daemon.session() as session:
        for shift in range(-6, 7):
            begin(session)
            wire = b"x" * (size + shift - 8) + b"\n.\r\nQUIT\r\n"
            sent.append(as_stored(wire))
            session.send(wire + b".\r\nNOOP\r\n")
            assert [reply.status for reply in session.replies(2)] == ["250 2.0.0"] * 2
    assert sorted(stored_contents(daemon)) == sorted(sent)


# All of them, and the true end too: in a chunk it is data.
EVERY_END = b"before" + b"between".join([*FALSE_ENDS.values(), b"\r\n.\r\n"]) + EVIL


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(EVERY_END)])
def test_in_chunks(lmtpd, size):
    """Chunks are counted: nothing in them is an end or a command, wherever they are cut."""
    daemon = lmtpd()
    chunks = [EVERY_END[at:at + size] for at in range(0, len(EVERY_END), size)]
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.rcpt(EMAIL2)
        session.send(b"".join(b"BDAT %d\r\n" % len(chunk) + chunk for chunk in chunks))
        assert {reply.status for reply in session.replies(len(chunks))} == {"250 2.0.0"}
        session.send(b"BDAT 0 LAST\r\nNOOP\r\n")
        assert [reply.status for reply in session.replies(3)] == ["250 2.0.0"] * 3
        assert session.is_silent(0.05)
    expected = EVERY_END.replace(b"\r\n", b"\n")
    assert stored_contents(daemon) == [expected]
    assert daemon.mailbox("example.com/email2").message().content == expected


def test_in_chunks_that_are_too_big(lmtpd):
    daemon = lmtpd(lmtp={"message_size_limit": 10})
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        for last in (b"", b" LAST"):
            session.send(b"BDAT %d%s\r\n" % (len(EVERY_END), last) + EVERY_END)
            assert session.reply().status == ("552 5.3.4" if last else "250 2.0.0")
        session.send(b"NOOP\r\n")
        assert session.reply().status == "250 2.0.0"
        assert session.is_silent(0.05)
    assert daemon.reached() == {}


def test_in_chunks_behind_a_write_error(lmtpd, faults):
    daemon = lmtpd(environment=faults(write_errno=errno.EIO))
    chunk = b"x" * 200_000 + EVERY_END
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.send(b"BDAT %d\r\n" % len(chunk) + chunk + b"BDAT 5 LAST\r\nRSET\n" + b"NOOP\r\n")
        assert [reply.status for reply in session.replies(3)] == [
            "250 2.0.0", "451 4.2.0", "250 2.0.0",
        ]
        assert session.is_silent(0.05)
    assert daemon.reached() == {}


@pytest.mark.parametrize("commands", [
    b"BDAT 100 LAST\r\nhalf a chunk\r\n.\r\nRSET\r\nQUIT\r\n",
    b"BDAT 6\r\nwhole\nBDAT 18446744073709551615 LAST\r\nhalf\r\n.\r\n",
    b"BDAT 6\r\nwhole\n",
], ids=["chunk", "endless chunk", "between chunks"])
def test_client_that_leaves_within_chunks(lmtpd, commands):
    """A message without its last chunk is none."""
    daemon = lmtpd()
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.send(commands)
        session.socket.shutdown(socket.SHUT_WR)
        while session.socket.recv(4096):
            pass
    assert daemon.reached() == {}
    wait_until(lambda: daemon.mailbox(MAILBOX1).files("tmp") == [], 60, "removal of the half")
