"""Clients that mean no good, or do not know what they do: mail goes on beside them, and when they are
gone nothing is left of them.

lmtpd holds a client to no pace: whoever may connect may also wait. What it owes is that a thousand
such clients cost little and disturb nobody."""

import array
import contextlib
import fcntl
import itertools
import random
import resource
import socket
import struct
import termios
import time

import pytest

from harness.lmtp import Client, as_stored, message, stuffed
from harness.process import free_port, wait_until

# Long; with sanitizers the session machine meets such bytes in the corpora of the fuzz targets.
pytestmark = pytest.mark.heavy

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"
MAILBOX1 = "example.com/email1"
ENVELOPE = f"MAIL FROM:<>\r\nRCPT TO:<{EMAIL1}>\r\n".encode()

# Threads and their stacks, the library of MySQL, a few buffers. Sanitizers need more, by far.
MEMORY_AT_REST = 32 * 1024 * 1024


def is_sanitized(daemon):
    with open(daemon.binary, "rb") as file:
        return b"__asan_init" in (content := file.read()) or b"__tsan_init" in content


@contextlib.contextmanager
def at_rest_afterwards(daemon, memory=MEMORY_AT_REST):
    """What happens within uses no more than this memory, and leaves nothing open behind. An lmtpd
    that has delivered has all its threads and connections to the database."""
    with daemon.session() as session:
        for _ in range(20):
            session.deliver(EMAIL2)
    before = daemon.descriptors(), daemon.threads()
    yield
    with daemon.session() as session:
        assert session.deliver(EMAIL2)[0].code == 250

    def is_at_rest():
        # Connections to the database and writers start as they are needed.
        return daemon.descriptors() <= before[0] + 4 and daemon.threads() <= before[1] + 36

    wait_until(is_at_rest, 60, "rest")
    assert daemon.mailbox(MAILBOX1).files("tmp") == []
    if not is_sanitized(daemon):
        assert daemon.peak_memory() < memory, daemon.status()


@pytest.fixture
def many_files():
    """Lets the tests hold thousands of sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4000:
        pytest.skip("ONLY FEW FILES MAY BE OPEN HERE")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def read_to_the_end(client):
    """Every reply until the server closes; each must be one."""
    replies = []
    with contextlib.suppress(EOFError, ConnectionResetError):
        while True:
            replies.append(client.reply())
    return replies


def send_until_closed(client, blocks):
    """Sends and reads by turns, as a client does that does not wait for replies."""
    client.socket.setblocking(False)
    pending = b""
    received = b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for block in blocks:
            pending += block
            while pending:
                with contextlib.suppress(BlockingIOError):
                    pending = pending[client.socket.send(pending):]
                with contextlib.suppress(BlockingIOError):
                    received += client.socket.recv(1 << 20)
    client.socket.settimeout(30)
    client.pending = received
    return read_to_the_end(client)


@pytest.mark.parametrize("alphabet", [
    range(256), b"\r\n", b"\r\n.", b"\0\r\n", b"LHRCPTMAIL DATABDAT<>@\r\n:0123456789",
], ids=["bytes", "line ends", "dots", "NULs", "words"])
def test_garbage(lmtpd, alphabet):
    """Whatever is sent, replies are replies, and soon the last word is said."""
    daemon = lmtpd()
    rng = random.Random(7)
    with at_rest_afterwards(daemon):
        for _ in range(20):
            with daemon.connect() as client:
                replies = send_until_closed(client, [bytes(rng.choices(alphabet, k=65536))] * 40)
            assert replies[0].code == 220
            assert replies[-1].status == "421 4.7.0"
            assert {reply.code // 100 for reply in replies[1:-1]} <= {2, 5}
    assert daemon.reached() == {"example.com/email2": 21}


def test_ten_megabytes_without_a_line_end_in_a_command(lmtpd):
    daemon = lmtpd()
    with at_rest_afterwards(daemon):
        for start in (b"", b"MAIL FROM:<", b"NOOP "):
            with daemon.connect() as client:
                replies = send_until_closed(client, [start, *[b"x" * 65536] * 160])
            assert [reply.status for reply in replies] == ["220", "421 4.7.0"]


@pytest.mark.parametrize("block", [b"x", b"\0", b"\r", b"\n", b"."], ids=["x", "NUL", "CR", "LF", "."])
def test_ten_megabytes_without_a_line_end_in_the_body(lmtpd, block):
    """Stored as it came, whatever it is."""
    daemon = lmtpd()
    wire = b"Subject: x\r\n\r\n" + block * 10_000_000 + b"\r\n"
    with at_rest_afterwards(daemon):
        with daemon.session() as session:
            session.send(ENVELOPE + b"DATA\r\n")
            session.replies(3)
            session.send(wire + b".\r\n")
            assert session.reply().status == "250 2.0.0"
    # The test's own memory is not lmtpd's.
    assert daemon.mailbox(MAILBOX1).message().content == as_stored(wire)


@pytest.mark.parametrize("command", [
    b"LHLO x\0y", b"MAIL FROM:<a\0b@example.net>", b"RCPT TO:<email1@example.com\0>", b"\0",
    b"DATA\0", b"BDAT 5\0", b"NOOP \0", b"QUIT\0",
], ids=repr)
def test_nul_in_a_command(lmtpd, command):
    """Refused, and not what stands before it."""
    daemon = lmtpd()
    with daemon.session() as session:
        session.send(ENVELOPE + command + b"\r\nDATA\r\n")
        assert [reply.status for reply in session.replies(4)] == [
            "250 2.1.0", "250 2.1.5", "500 5.5.2", "354",
        ]
        session.send(stuffed(message()))
        assert session.reply().status == "250 2.0.0"


@pytest.mark.heavy
def test_slow_senders_by_the_thousand(lmtpd, many_files):
    """A byte a second, each, while mail goes on; who comes to an end is served as anybody."""
    script = [b"LH", b"LO x\r\n" + ENVELOPE + b"DATA\r\n", *[b"S", b":", b" ", b"x"], b"\r\n.\r", b"\n"]
    daemon = lmtpd()
    with at_rest_afterwards(daemon, memory=MEMORY_AT_REST + 1200 * 65536), \
            contextlib.ExitStack() as stack:
        slow = [stack.enter_context(daemon.connect()) for _ in range(1200)]
        for step in script:
            for client in slow:
                client.send(step)
            with daemon.session() as session:
                for _ in range(10):
                    assert session.deliver(EMAIL2)[0].code == 250
            time.sleep(0.5)
        assert daemon.descriptors() > 1200
        for client in slow:
            assert [reply.code for reply in client.replies(6)] == [220, 250, 250, 250, 354, 250]
    assert daemon.reached() == {MAILBOX1: 1200, "example.com/email2": 21 + 10 * len(script)}


@pytest.mark.heavy
def test_slow_senders_that_never_end(lmtpd, many_files):
    """They are told so when they have been silent for too long, and only they."""
    daemon = lmtpd(lmtp={"idle_timeout": 3})
    with at_rest_afterwards(daemon, memory=MEMORY_AT_REST + 1000 * 65536), \
            contextlib.ExitStack() as stack:
        slow = [stack.enter_context(daemon.connect()) for _ in range(1000)]
        for client in slow:
            client.send(b"LHLO x\r\n" + ENVELOPE + b"DATA\r\nhalf a message\r\n.")
        with daemon.session() as session:
            for _ in range(30):
                assert session.deliver(EMAIL2)[0].code == 250
                time.sleep(0.2)
        for client in slow:
            replies = read_to_the_end(client)
            assert [reply.code for reply in replies] == [220, 250, 250, 250, 354, 421]
            assert replies[-1].enhanced == "4.4.2"
    assert daemon.reached() == {"example.com/email2": 51}


def fill(clients, block):
    """Sends to each until the server takes no more of any, or tells it to go; returns how much it took
    of each."""
    sent = dict.fromkeys(clients, 0)
    still = 0
    while still < 50 and max(sent.values()) < 20_000_000:
        still += 1
        for client in clients:
            client.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sent[client] += client.socket.send(block)
                still = 0
        time.sleep(0.01)
    return list(sent.values())


@pytest.mark.heavy
@pytest.mark.parametrize("block", [
    b"NOOP\r\n" * 5000,
    b"RSET\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<email1@example.com>\r\n" * 500,
    b"RSET\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<nobody@example.com>\r\n" * 500,
    b"RSET\r\n" + ENVELOPE + b"DATA\r\nx\r\n.\r\n",
    b"LHLO x\r\n" * 5000,
], ids=["NOOP", "recipients", "refused recipients", "messages", "LHLO"])
def test_many_that_never_read(lmtpd, block):
    """Their replies fill their own buffers, and no others; then they are told to go."""
    daemon = lmtpd(lmtp={"idle_timeout": 5})
    n_before = daemon.descriptors()
    with at_rest_afterwards(daemon, memory=MEMORY_AT_REST + 20 * 1_000_000), \
            contextlib.ExitStack() as stack:
        deaf = [stack.enter_context(daemon.connect()) for _ in range(20)]
        for client in deaf:
            client.send(b"LHLO x\r\n")
        assert max(fill(deaf, block)) < 20_000_000
        with daemon.session() as session:
            for _ in range(5):
                assert session.deliver(EMAIL2)[0].code == 250
        # What they sent until their replies filled their buffers is looked up before.
        wait_until(lambda: daemon.descriptors() < n_before + 5, 60, "end of the deaf")


def is_read(client):
    """Does the server take what was sent?"""
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        left = array.array("i", [0])
        fcntl.ioctl(client.socket, termios.TIOCOUTQ, left)
        if left[0] == 0:
            return True
        time.sleep(0.0005)
    return False


def send_noops(client, most):
    """One by one, without a look at their replies; returns how many were read."""
    for number in range(most):
        client.send(b"NOOP\r\n")
        if not is_read(client):
            return number
    return most


def test_deaf_client_that_leaves_a_message(lmtpd):
    """Its buffers are full when it sends a message to many, and it leaves before their replies: more than may
    wait to be sent."""
    daemon = lmtpd()
    envelope = b"MAIL FROM:<>\r\n" + b"RCPT TO:<email1@example.com>\r\n" * 900
    with daemon.session() as client:
        most = send_noops(client, 5000)
    assert 10 < most < 5000
    for n_deaf in range(most - 4, most + 1):
        client = daemon.session()
        client.send(envelope)
        assert [reply.code for reply in client.replies(901)] == [250] * 901
        send_noops(client, n_deaf)
        client.send(b"DATA\r\nSubject: x\r\n\r\n.\r\n")
        time.sleep(0.5)  # it is delivered then
        client.close()
        with daemon.session() as session:
            assert session.deliver(EMAIL2)[0].code == 250


def leave(client, manner):
    if manner == "RST":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif manner == "half":
        client.socket.shutdown(socket.SHUT_WR)
    elif manner == "deaf":
        client.socket.shutdown(socket.SHUT_RD)
    client.close()


@pytest.mark.parametrize("manner", ["close", "RST", "half", "deaf"])
def test_storm_of_clients_that_leave(lmtpd, directory, manner):
    """They break off at each byte of a session, over and over."""
    port = free_port()
    daemon = lmtpd(lmtp={"listen": [f"unix:{directory}/lmtp", f"inet:127.0.0.1:{port}"]})
    text = (b"LHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<email1@example.com>\r\n"
            b"RCPT TO:<nobody@example.com>\r\nDATA\r\nSubject: half\r\n\r\nbody\r\n.\r")
    addresses = itertools.cycle([daemon.socket, ("127.0.0.1", port)])
    with at_rest_afterwards(daemon):
        for number in range(3000):
            client = Client(next(addresses))
            client.send(text[:number % (len(text) + 1)])
            leave(client, manner)
    assert daemon.reached() == {"example.com/email2": 21}


def test_storm_of_recipients(lmtpd):
    """Ten thousand for one message: those within the limit are taken, each of the others is put off,
    and after the data there are as many replies as were taken."""
    daemon = lmtpd(lmtp={"recipient_limit": 10})
    with at_rest_afterwards(daemon):
        with daemon.session() as session:
            session.send(b"MAIL FROM:<>\r\n")
            assert session.reply().code == 250
            replies = []
            for _ in range(100):
                session.send(b"RCPT TO:<email1@example.com>\r\n" * 100)
                replies += session.replies(100)
            statuses = [reply.status for reply in replies]
            assert statuses == ["250 2.1.5"] * 10 + ["452 4.5.3"] * 9990
            assert {reply.status for reply in session.data(message(), 10)} == {"250 2.0.0"}
            assert session.is_silent(0.05)
    daemon.mailbox(MAILBOX1).message()


def test_storm_of_unknown_recipients(lmtpd):
    """Guessing names is no misuse of the protocol, but it costs no memory either."""
    daemon = lmtpd()
    with at_rest_afterwards(daemon):
        with daemon.session(timeout=60) as session:
            session.send(b"MAIL FROM:<>\r\n")
            assert session.reply().code == 250
            for start in range(0, 5000, 500):
                session.send("".join(
                    f"RCPT TO:<guess{number}@example.com>\r\n" for number in range(start, start + 500)))
                assert {reply.status for reply in session.replies(500)} == {"550 5.1.1"}
            assert session.command("DATA").status == "503 5.5.1"


def test_list_with_details(lmtpd, database):
    """Each detail of a list is a recipient of its own that leads to all of its members. Those that
    would cost too much together are put off to another transaction."""
    database.sql(
        "INSERT INTO virtual_users (domain_id, password, email) "
        "SELECT 1, '*', CONCAT('u', seq, '@example.com') FROM seq_1_to_1000;"
        "INSERT INTO virtual_aliases (domain_id, source, destination) "
        "SELECT 1, 'list@example.com', CONCAT('u', seq, '@example.com') FROM seq_1_to_1000"
    )
    daemon = lmtpd(mysql={"timeout": 60})  # each takes a thousand queries
    with at_rest_afterwards(daemon, memory=MEMORY_AT_REST + 10_000 * 1024):
        with daemon.session(timeout=120) as session:
            for _ in range(2):
                session.send("MAIL FROM:<>\r\n" + "".join(
                    f"RCPT TO:<list+{number}@example.com>\r\n" for number in range(20)))
                statuses = [reply.status for reply in session.replies(21)[1:]]
                assert statuses.count("250 2.1.5") == 10
                assert statuses.count("452 4.5.3") == 10
                assert session.rcpt(EMAIL1).code == 250
                assert session.command("RSET").code == 250


def test_nothing_behind_quit(lmtpd):
    """What is pipelined behind it is read by nobody, and the reply arrives all the same."""
    daemon = lmtpd()
    with at_rest_afterwards(daemon):
        for behind in (ENVELOPE + b"DATA\r\nevil\r\n.\r\n", b"QUIT\r\n" * 1000, b"x" * 200_000):
            with daemon.session() as session:
                session.send(ENVELOPE + b"QUIT\r\n" + behind)
                assert [reply.code for reply in read_to_the_end(session)] == [250, 250, 221]
    assert daemon.reached() == {"example.com/email2": 21}


@pytest.mark.parametrize("text, codes, n_stored", [
    (b"", [220], 0),
    (b"NOOP", [220], 0),
    (b"LHLO x\r\n" + ENVELOPE, [220, 250, 250, 250], 0),
    (b"LHLO x\r\n" + ENVELOPE + b"DATA\r\nhalf\r\n.\r", [220, 250, 250, 250, 354], 0),
    (b"LHLO x\r\n" + ENVELOPE + b"BDAT 9 LAST\r\nhalf", [220, 250, 250, 250], 0),
    (b"LHLO x\r\n" + ENVELOPE + b"DATA\r\n.\r\nNOOP\r\nRC", [220, 250, 250, 250, 354, 250, 250], 1),
], ids=["nothing", "half a command", "envelope", "half a message", "half a chunk", "whole"])
def test_half_closed(lmtpd, text, codes, n_stored):
    """A client that will send nothing more reads every reply to what it sent, then the end."""
    daemon = lmtpd()
    with at_rest_afterwards(daemon):
        with daemon.connect() as client:
            client.send(text)
            client.socket.shutdown(socket.SHUT_WR)
            assert [reply.code for reply in read_to_the_end(client)] == codes
    assert len(daemon.mailbox(MAILBOX1).messages()) == n_stored
