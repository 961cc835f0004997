"""What a message costs, counted and not timed: the hot path must not grow unseen."""

import struct
import subprocess
from pathlib import Path

import pytest

from harness.lmtp import message, stuffed

EMAIL1 = "email1@example.com"
MESSAGES = 200

# Not with sanitizers, which bring a malloc of their own.
pytestmark = pytest.mark.heavy


@pytest.fixture
def counted(base, directory, make_lmtpd):
    """An lmtpd whose calls for memory are counted in a file."""
    library = base / "allocations.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library,
         Path(__file__).with_name("allocations.c")], check=True)
    daemon = make_lmtpd()
    count = directory / "allocations"
    count.write_bytes(bytes(8))
    count.chmod(0o666)
    daemon.environment |= {"LD_PRELOAD": str(library), "ALLOCATIONS": str(count)}
    return daemon.start(), lambda: struct.unpack("Q", count.read_bytes())[0]


def calls(daemon):
    """Calls of the read and write family, of files, sockets and wake-ups alike."""
    io = Path(f"/proc/{daemon.process.pid}/io").read_text()
    fields = dict(line.split(": ") for line in io.splitlines())
    return int(fields["syscr"]) + int(fields["syscw"])


def deliver_as_postfix(session, times):
    """One segment for the envelope, one for the body."""
    for _ in range(times):
        session.send(f"MAIL FROM:<sender@example.net>\r\nRCPT TO:<{EMAIL1}>\r\nDATA\r\n")
        assert [reply.code for reply in session.replies(3)] == [250, 250, 354]
        session.send(stuffed(message("A line.\r\n" * 400)))
        assert session.reply().status == "250 2.0.0"


def test_a_message(counted):
    """It was 14.00 and 10.00; a wake-up more or less is chance, a call for memory is not."""
    daemon, allocations = counted
    with daemon.session() as session:
        deliver_as_postfix(session, 20)
        before = allocations(), calls(daemon)
        deliver_as_postfix(session, MESSAGES)
        after = allocations(), calls(daemon)
    each = [(b - a) / MESSAGES for a, b in zip(before, after)]
    print("for each message: {:.2f} calls for memory, {:.2f} reads and writes".format(*each))
    assert each[0] <= 14.1 and each[1] <= 10.5


def test_a_recipient(counted, database):
    """What comes in one segment is looked up together: no statement for each recipient. For
    memory it was 3.2 in four statements."""
    daemon, allocations = counted
    database.sql(
        "INSERT INTO virtual_users (domain_id, password, email) "
        "SELECT 1, '', CONCAT('many', seq, '@example.com') FROM seq_1_to_64")
    recipients = "".join(f"RCPT TO:<many{n}@example.com>\r\n" for n in range(1, 65))

    def executed():
        [row] = database.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")
        return int(row[1])

    def envelope(session):
        session.send(f"MAIL FROM:<>\r\n{recipients}RSET\r\n")
        assert {reply.code for reply in session.replies(66)} == {250}

    with daemon.session() as session:
        envelope(session)
        before = executed(), allocations()
        envelope(session)
        after = executed(), allocations()
    assert after[0] - before[0] <= 32
    n_statements, n_calls = (b - a for a, b in zip(before, after))
    print(f"for each recipient: {n_calls / 64:.2f} calls for memory, {n_statements} statements")
    # On a busy machine they come in more parts, each of which costs a statement, and maybe a new one.
    assert n_calls <= 64 * 3.25 + 20 * (n_statements - 4)
