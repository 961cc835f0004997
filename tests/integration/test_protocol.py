"""The conversation, over both kinds of sockets and as the real clients lead it."""

import socket

import pytest

from harness.lmtp import FALSE_ENDS, Client, as_stored, message, stuffed
from harness.process import free_port, run, wait_until

pytestmark = pytest.mark.quick

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"


@pytest.fixture(params=["unix", "inet"])
def client(request, lmtpd, directory):
    """A connection over a Unix and over a TCP socket."""
    port = free_port()
    daemon = lmtpd(lmtp={"listen": [f"unix:{directory}/lmtp", f"inet:127.0.0.1:{port}"]})
    client = Client(daemon.socket if request.param == "unix" else ("127.0.0.1", port))
    client.daemon = daemon
    yield client
    client.close()


@pytest.fixture
def daemon(lmtpd):
    return lmtpd()


@pytest.fixture
def session(daemon):
    with daemon.session() as session:
        session.daemon = daemon
        yield session


def test_greeting_and_lhlo(client):
    greeting = client.reply()
    assert greeting.code == 220
    assert greeting.text.startswith("mx.example.com ")
    lhlo = client.command("LHLO client.example.net")
    assert lhlo.code == 250
    assert lhlo.lines[0].split()[0] == "mx.example.com"
    assert sorted(lhlo.lines[1:]) == [
        "8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES", "PIPELINING", "SIZE 0", "SMTPUTF8",
    ]


def test_lhlo_announces_the_size_limit(lmtpd):
    with lmtpd(lmtp={"message_size_limit": 123456}).session() as session:
        session.send("LHLO again\r\n")
        assert "SIZE 123456" in session.reply().lines


def test_one_message(client):
    client.hello()
    [saved] = client.deliver(EMAIL1)
    assert saved.status == "250 2.0.0"
    assert saved.text.startswith(f"<{EMAIL1}> ")
    assert saved.text.endswith(" Saved")
    client.quit()
    assert client.daemon.mailbox("example.com/email1").message().content == as_stored(message())


def test_pipelined_as_postfix_does(client):
    """The envelope and DATA come in one segment; body, dot and QUIT in one stream."""
    client.send(b"LHLO client.example.net\r\n")
    assert [reply.code for reply in client.replies(2)] == [220, 250]
    client.send(
        f"MAIL FROM:<sender@example.net> SIZE=1000 BODY=8BITMIME\r\nRCPT TO:<{EMAIL1}>\r\n"
        f"RCPT TO:<{EMAIL2}>\r\nDATA\r\n"
    )
    assert [reply.code for reply in client.replies(4)] == [250, 250, 250, 354]
    client.send(stuffed(message()) + b"QUIT\r\n")
    first, second, bye = client.replies(3)
    assert (first.code, second.code, bye.code) == (250, 250, 221)
    assert first.text.startswith(f"<{EMAIL1}> ") and second.text.startswith(f"<{EMAIL2}> ")
    assert client.is_closed()
    assert client.daemon.reached() == {"example.com/email1": 1, "example.com/email2": 1}


def test_everything_in_one_segment(session):
    """A client that does not even wait for 354 gets every reply, in order."""
    session.send(
        b"MAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\nRCPT TO:<nobody@example.com>\r\n"
        b"RCPT TO:<email2@example.com>\r\nDATA\r\n" + stuffed(message()) +
        b"MAIL FROM:<>\r\nRCPT TO:<email2@example.com>\r\nDATA\r\n" + stuffed(message()) +
        b"QUIT\r\n"
    )
    codes = [reply.code for reply in session.replies(11)]
    assert codes == [250, 250, 550, 250, 354, 250, 250, 250, 250, 354, 250]
    assert session.reply().code == 221
    assert session.daemon.reached() == {"example.com/email1": 1, "example.com/email2": 2}


def test_one_reply_for_each_accepted_recipient(session):
    """Duplicates count, refused ones do not; the order is that of RCPT."""
    session.mail()
    tried = [EMAIL1, "nobody@example.com", EMAIL2, EMAIL1, "x@elsewhere.example",
             "alias@example.com"]
    assert [session.rcpt(address).code for address in tried] == [250, 550, 250, 250, 550, 250]
    replies = session.data(message(), 4)
    assert [reply.status for reply in replies] == ["250 2.0.0"] * 4
    expected = [EMAIL1, EMAIL2, EMAIL1, "alias@example.com"]
    assert [reply.text.split()[0] for reply in replies] == [f"<{name}>" for name in expected]
    assert session.is_silent()
    assert session.daemon.reached() == {"example.com/email1": 1, "example.com/email2": 1}


def test_replies_name_the_recipient(session):
    session.mail()
    assert str(session.rcpt("Email1+Lists@Example.COM")) == \
        "250 2.1.5 <Email1+Lists@Example.COM> OK"
    assert str(session.rcpt("nobody@example.com")) == \
        "550 5.1.1 <nobody@example.com> User doesn't exist"
    assert str(session.rcpt("x@elsewhere.example")) == \
        "550 5.1.2 <x@elsewhere.example> Domain not served here"


def test_data_without_a_valid_recipient(session):
    """354 with nobody to deliver to would make Postfix wait for a reply that nobody owes."""
    session.send(b"MAIL FROM:<>\r\nRCPT TO:<nobody@example.com>\r\nDATA\r\nRSET\r\n")
    assert [reply.status for reply in session.replies(4)] == [
        "250 2.1.0", "550 5.1.1", "503 5.5.1", "250 2.0.0",
    ]
    assert session.is_silent()


@pytest.mark.parametrize("commands, status", [
    (["MAIL FROM:<a@example.net>", "MAIL FROM:<a@example.net>"], "503 5.5.1"),
    (["RCPT TO:<email1@example.com>"], "503 5.5.1"),
    (["DATA"], "503 5.5.1"),
    (["BDAT 0 LAST"], "503 5.5.1"),
    (["MAIL FROM:<a@example.net>", "DATA"], "503 5.5.1"),
    (["HELO client.example.net"], "500 5.5.1"),
    (["EHLO client.example.net"], "500 5.5.1"),
    (["STARTTLS"], "500 5.5.1"),
    (["VRFY email1"], "252 2.0.0"),
    (["NOOP"], "250 2.0.0"),
    (["RSET"], "250 2.0.0"),
    (["MAIL FROM:<a@example.net> AUTH=<>"], "555 5.5.4"),
    (["MAIL FROM:<a@example.net> RET=HDRS"], "555 5.5.4"),
    (["MAIL FROM:<a@example.net> BODY=BINARYMIME"], "555 5.5.4"),
    (["MAIL FROM:<a@example.net>", "RCPT TO:<email1@example.com> NOTIFY=NEVER"], "555 5.5.4"),
    (["MAIL FROM:<a@example.net>",
      "RCPT TO:<email1@example.com> ORCPT=rfc822;email1@example.com"], "250 2.1.5"),
    (["MAIL FROM:<a@example.net> SIZE=10 BODY=7BIT SMTPUTF8"], "250 2.1.0"),
])
def test_commands(session, commands, status):
    for command in commands[:-1]:
        assert session.command(command).code == 250
    assert session.command(commands[-1]).status == status


def test_lhlo_comes_first(daemon):
    with daemon.connect() as client:
        assert client.reply().code == 220
        assert client.mail().status == "503 5.5.1"


@pytest.mark.parametrize("line", [
    b"NOOP\n", b"NOOP\rNOOP\r\n", b"NOOP \0\r\n", b"NOOP " + b"x" * 8000 + b"\r\n",
], ids=["lone LF", "lone CR", "NUL", "long"])
def test_bad_command_lines(session, line):
    session.send(line + (b"\r\n" if line == b"NOOP\n" else b""))
    assert session.reply().code == 500
    assert session.command("NOOP").code == 250


def test_rset_leaves_nothing_behind(session):
    session.mail("first@example.net")
    session.rcpt(EMAIL1)
    assert session.command("RSET").code == 250
    assert session.command("DATA").status == "503 5.5.1"
    session.deliver(EMAIL2, sender="second@example.net")
    assert session.daemon.reached() == {"example.com/email2": 1}
    stored = session.daemon.mailbox("example.com/email2").message()
    assert stored.field("Return-Path") == "<second@example.net>"


def test_many_transactions_in_one_session(session):
    for _ in range(20):
        assert session.command("RSET").code == 250
        session.deliver(EMAIL1)
    assert session.daemon.reached() == {"example.com/email1": 20}


def test_client_leaves_without_quit(daemon):
    """Postfix's connection cache does so: it is no error, and leaves nothing behind."""
    for farewell in [b"", b"MAIL FROM:<>\r\n", b"MAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\n",
                     b"MAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\nDATA\r\nSubject: half\r\n"]:
        with daemon.session() as session:
            session.send(farewell)
            session.replies(farewell.count(b"\r\n") - farewell.count(b"Subject"))
    with daemon.session() as session:
        session.deliver(EMAIL1)
    mailbox = daemon.mailbox("example.com/email1")
    wait_until(lambda: mailbox.files("tmp") == [], 60, "removal of half messages")
    mailbox.message()


def test_client_that_closes_its_side_first(daemon):
    """As in "printf ... | nc -N": the end of the input comes before our replies."""
    with daemon.connect() as client:
        client.send(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\nDATA\r\n" +
                    stuffed(message()) + b"QUIT\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert [reply.code for reply in client.replies(7)] == [220, 250, 250, 250, 354, 250, 221]
    daemon.mailbox("example.com/email1").message()


@pytest.mark.parametrize("n, n_commands", [(1, 100), (7, 100), (5000, 1500)])
def test_input_while_work_is_out(lmtpd, n, n_commands):
    """What comes while a look-up takes its time waits, in whatever pieces, and so does the end."""
    daemon = lmtpd(mysql={"user_query": "SELECT email FROM virtual_users "
                          "WHERE email = '%u' AND SLEEP(0.2) = 0"})
    rest = (b"DATA\r\n" + stuffed(message()) + b"MAIL FROM:<>\r\n" + b"NOOP\r\n" * n_commands +
            b"RCPT TO:<email2@example.com>\r\nQUIT\r\n")
    with daemon.session() as client:
        client.send(b"MAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\n")
        for at in range(0, len(rest), n):
            client.send(rest[at:at + n])
        client.socket.shutdown(socket.SHUT_WR)
        codes = [250, 250, 354, 250, 250] + n_commands * [250] + [250, 221]
        assert [reply.code for reply in client.replies(len(codes))] == codes
        assert client.is_closed()
    daemon.mailbox("example.com/email1").message()


def test_replies_of_a_segment_come_together(daemon):
    """One write for MAIL, RCPT and DATA: the client is woken once."""
    with daemon.session() as client:
        client.send(b"MAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\nDATA\r\n")
        assert client.socket.recv(65536).count(b"\r\n") == 3


def test_half_a_dot_is_no_end(daemon):
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(b"Subject: half\r\n\r\nbody\r\n.\r")
    with daemon.session() as session:
        session.deliver(EMAIL2)
    assert daemon.reached() == {"example.com/email2": 1}


def test_silent_client_is_told_and_closed(lmtpd):
    with lmtpd(lmtp={"idle_timeout": 1}).session() as session:
        assert session.reply().status == "421 4.4.2"
        assert session.is_closed()


def test_bdat_in_chunks(session):
    """Chunks have no stuffing and no end mark; each but the last has one reply."""
    session.mail()
    session.rcpt(EMAIL1)
    session.rcpt(EMAIL2)
    content = b"Subject: chunks\r\n\r\n.\r\n.one\r\n\r\n.\r\nRSET\r\n"
    for chunk in (content[:5], content[5:20]):
        session.send(b"BDAT %d\r\n" % len(chunk) + chunk)
        assert session.reply().status == "250 2.0.0"
    session.send(b"BDAT %d LAST\r\n" % len(content[20:]) + content[20:])
    assert [reply.status for reply in session.replies(2)] == ["250 2.0.0"] * 2
    stored = session.daemon.mailbox("example.com/email1").message()
    assert stored.content == content.replace(b"\r\n", b"\n")


def test_bdat_0_last(session):
    session.mail()
    session.rcpt(EMAIL1)
    content = message()
    session.send(b"BDAT %d\r\n" % len(content) + content + b"BDAT 0 LAST\r\nNOOP\r\n")
    assert [reply.code for reply in session.replies(3)] == [250, 250, 250]
    assert session.daemon.mailbox("example.com/email1").message().content == as_stored(content)


def test_bdat_between_rset(session):
    """RSET between chunks drops the message."""
    session.mail()
    session.rcpt(EMAIL1)
    session.send(b"BDAT 6\r\nhalf\r\nRSET\r\n")
    assert [reply.code for reply in session.replies(2)] == [250, 250]
    session.deliver(EMAIL2)
    assert session.daemon.reached() == {"example.com/email2": 1}
    assert session.daemon.mailbox("example.com/email1").files("tmp") == []


def test_bdat_chunk_without_a_recipient_is_skipped(session):
    """The bytes of a refused chunk are no commands."""
    session.send(b"MAIL FROM:<>\r\nRCPT TO:<nobody@example.com>\r\n"
                 b"BDAT 12 LAST\r\nQUIT\r\nQUIT\r\n")
    assert [reply.code for reply in session.replies(3)] == [250, 550, 503]
    assert session.command("NOOP").code == 250


def test_utf8_address(session, database):
    database.add_user("jörg@example.com")
    assert session.mail("zoë@example.net", " SMTPUTF8").code == 250
    assert str(session.rcpt("jörg@example.com")) == "250 2.1.5 <jörg@example.com> OK"
    assert session.data(message("Grüße\r\n"))[0].code == 250
    stored = session.daemon.mailbox("example.com/jörg").message()
    assert stored.field("Return-Path") == "<zoë@example.net>"
    assert stored.field("Delivered-To") == "jörg@example.com"


def test_declared_size_over_the_limit(lmtpd):
    with lmtpd(lmtp={"message_size_limit": 1000}).session() as session:
        assert session.mail(parameters=" SIZE=1001").status == "552 5.3.4"
        assert session.mail(parameters=" SIZE=1000").status == "250 2.1.0"


def test_counted_size_over_the_limit(lmtpd):
    """The whole body is read, then each recipient is told; the session goes on."""
    daemon = lmtpd(lmtp={"message_size_limit": 1000})
    with daemon.session() as session:
        replies = session.deliver(EMAIL1, EMAIL2, body=message("x" * 70 + "\r\n") * 20000)
        assert [reply.status for reply in replies] == ["552 5.3.4"] * 2
        assert session.is_silent()
        assert daemon.reached() == {}
        assert session.deliver(EMAIL1)[0].code == 250
    daemon.mailbox("example.com/email1").message()


def test_message_of_exactly_the_limit(lmtpd):
    body = message("x" * 50 + "\r\n")
    daemon = lmtpd(lmtp={"message_size_limit": len(body)})
    with daemon.session() as session:
        assert session.deliver(EMAIL1, body=body)[0].status == "250 2.0.0"
        assert session.deliver(EMAIL1, body=b"X" + body)[0].status == "552 5.3.4"
    daemon.mailbox("example.com/email1").message()


def test_counted_size_of_chunks_over_the_limit(lmtpd):
    with lmtpd(lmtp={"message_size_limit": 1000}).session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.send(b"BDAT 900\r\n" + b"x" * 900)
        assert session.reply().code == 250
        session.send(b"BDAT 900 LAST\r\n" + b"x" * 900 + b"NOOP\r\n")
        assert [reply.status for reply in session.replies(2)] == ["552 5.3.4", "250 2.0.0"]


def test_recipient_limit(lmtpd):
    daemon = lmtpd(lmtp={"recipient_limit": 2})
    with daemon.session() as session:
        session.mail()
        statuses = [session.rcpt(address).status for address in (EMAIL1, EMAIL2, EMAIL1)]
        assert statuses == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
        assert [reply.code for reply in session.data(message(), 2)] == [250, 250]
        assert session.deliver(EMAIL1)[0].code == 250


@pytest.mark.parametrize("limit", [0, 20], ids=["stored", "too big"])
@pytest.mark.parametrize("end", FALSE_ENDS.values(), ids=FALSE_ENDS.keys())
def test_false_ends_of_data(lmtpd, end, limit):
    """What follows a false end is data, not commands, also while a big message is drained."""
    daemon = lmtpd(lmtp={"message_size_limit": limit})
    wire = (b"Subject: smuggled\r\n\r\nbefore" + end +
            b"MAIL FROM:<>\r\nRCPT TO:<email2@example.com>\r\nDATA\r\nevil\r\n")
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(wire)
        assert session.is_silent(0.1)
        session.send(b".\r\nNOOP\r\n")
        statuses = [reply.status for reply in session.replies(2)]
        assert statuses == ["552 5.3.4" if limit else "250 2.0.0", "250 2.0.0"]
        assert session.is_silent(0.1)
    assert daemon.reached() == ({} if limit else {"example.com/email1": 1})
    if not limit:
        assert daemon.mailbox("example.com/email1").message().content == as_stored(wire)


def test_true_end_after_a_lone_cr(session):
    session.mail()
    session.rcpt(EMAIL1)
    session.command("DATA")
    session.send(b"body\r\r\n.\r\n")
    assert session.reply().status == "250 2.0.0"
    assert session.daemon.mailbox("example.com/email1").message().content == b"body\r\n"


def test_empty_message(session):
    session.mail()
    session.rcpt(EMAIL1)
    session.command("DATA")
    session.send(b".\r\n")
    assert session.reply().status == "250 2.0.0"
    assert session.daemon.mailbox("example.com/email1").message().content == b""


def test_bytes_arrive_as_they_are(session):
    """NUL, 8-bit bytes, stuffed dots, lone CR and LF, a line of many buffers."""
    body = (b"Subject: bytes\r\n\r\n.\r\n..\r\n.x\r\n" + bytes(range(256)) + b"\r\n" +
            b"a\rb\nc\r\n" + b"long" * 30000 + b"\r\n" + b"\r\n\r\n")
    session.deliver(EMAIL1, body=body)
    stored = session.daemon.mailbox("example.com/email1").message()
    assert stored.content == body.replace(b"\r\n", b"\n")


def test_too_many_errors_close_the_session(session):
    session.send(b"NONSENSE\r\n" * 200)
    statuses = [session.reply().status]
    while statuses[-1] == "500 5.5.1":
        statuses.append(session.reply().status)
    assert statuses[-1] == "421 4.7.0"
    assert 10 <= len(statuses) < 200
    assert session.is_closed()


def test_swaks(daemon):
    done = run("swaks", "--protocol", "LMTP", "--socket", daemon.socket, "--pipeline",
               "--from", "sender@example.net", "--to", f"{EMAIL1},alias@example.com,{EMAIL2}",
               "--helo", "localhost", "--header", "Subject: swaks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert daemon.reached() == {"example.com/email1": 1, "example.com/email2": 1}
    assert b"\nSubject: swaks\n" in daemon.mailbox("example.com/email1").message().content


@pytest.mark.parametrize("options", [[], ["-d"]], ids=["QUIT each", "one connection"])
def test_smtp_source(daemon, database, options):
    """-r 3 makes it send to 3 numbered recipients, and read 3 replies. The numbers stand in front, the same in
    every message; or, by newer releases of Postfix, behind, and go on."""
    in_front = [f"{number}email1" for number in ("", 2, 3)]
    behind = [f"email1{number}" for number in range(60)]
    for name in in_front[1:] + behind:
        database.add_user(f"{name}@example.com")
    done = run("smtp-source", "-L", *options, "-m", "20", "-s", "4", "-r", "3", "-l", "3000",
               "-f", "sender@example.net", "-t", EMAIL1, f"unix:{daemon.socket}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert daemon.reached() in ({f"example.com/{name}": 20 for name in in_front},
                                {f"example.com/{name}": 1 for name in behind})
