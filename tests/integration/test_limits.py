"""No more descriptors, threads or memory, and a clock that is set."""

import os
import time
from collections import Counter

import pytest

from harness.audit import Audit, Ledger
from harness.lmtp import message
from harness.load import Load, add_mailboxes
from harness.process import as_mail_user, run_checked, wait_until

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"
DAY = 24 * 3600
FREELY = 1000


@pytest.fixture
def daemon(lmtpd):
    return lmtpd()


def limit(daemon, what, soft):
    """Of the process as it runs; its user may do that."""
    run_checked("prlimit", "--pid", daemon.pid, f"--{what}={soft}:", **as_mail_user())


def assert_works(daemon):
    with daemon.session() as session:
        assert session.deliver(EMAIL1)[0].status == "250 2.0.0"


# --- descriptors ------------------------------------------------------------

def test_every_descriptor_short(lmtpd):
    """Whichever the process lacks: the message is put off, and nothing of it stays."""
    daemon = lmtpd(mysql={"connections": 1})
    with daemon.session() as session:
        session.deliver(EMAIL1)
        highest = max(map(int, os.listdir(f"/proc/{daemon.pid}/fd")))
        outcomes = []
        for n in range(12):
            limit(daemon, "nofile", highest + 1 + n)
            n_saved = len(daemon.mailbox("example.com/email1").messages())
            reply = session.deliver(EMAIL1, body=message("x\r\n" * 10000))[0]
            outcomes.append(reply.code == 250)
            assert reply.status == ("250 2.0.0" if outcomes[-1] else "451 4.2.0")
            assert len(daemon.mailbox("example.com/email1").messages()) == n_saved + outcomes[-1]
        assert outcomes == sorted(outcomes) and set(outcomes) == {False, True}
        limit(daemon, "nofile", FREELY)
    assert_works(daemon)


def test_no_descriptor_for_the_database(daemon, database):
    """A lost connection that cannot be replaced is not an unknown user."""
    with daemon.session() as session:
        session.deliver(EMAIL1)
        database.sql("KILL USER 'mailuser'@'localhost'")
        limit(daemon, "nofile", 3)
        session.mail()
        assert session.rcpt(EMAIL1).status == "451 4.4.3"
        assert session.rcpt("nobody@example.com").status == "451 4.4.3"
        limit(daemon, "nofile", FREELY)
        assert session.rcpt(EMAIL1).status == "250 2.1.5"


def test_no_descriptor_for_a_client(daemon):
    """Who is there is served, and who comes waits or is turned away; nothing spins meanwhile."""
    with daemon.session() as session:
        limit(daemon, "nofile", 3)
        waiting = [daemon.connect() for _ in range(20)]
        before = daemon.ticks()
        time.sleep(1)
        assert session.command("NOOP").code == 250
        assert daemon.ticks() - before < 20
        assert len(daemon.output()) < 10000
        limit(daemon, "nofile", FREELY)
        assert_works(daemon)
        for client in waiting:
            client.close()


def test_start_with_few_descriptors(make_lmtpd, database):
    """Far too few: clients wait, are put off or turned away, and all are served in the end."""
    daemon = make_lmtpd()
    daemon.start(wrapper=["prlimit", "--nofile=64"])
    ledger = Ledger()
    with Load(daemon.connect, ledger, add_mailboxes(database, 1, 20, 5), n_senders=40,
              drains=True):
        wait_until(lambda: len(ledger.saved) > 300, 60, "deliveries")
    Audit(daemon.vhosts, ledger).assert_clean()


# --- threads and memory; sanitizers need more of both than is left here -----

@pytest.mark.heavy
def test_start_without_threads(make_lmtpd):
    daemon = make_lmtpd()
    daemon.launch(wrapper=["prlimit", "--nproc=1"])
    assert daemon.process.wait(60) == 71
    assert "Resource temporarily unavailable" in daemon.output()


@pytest.mark.heavy
def test_reload_without_threads(daemon):
    """The old threads go on."""
    limit(daemon, "nproc", 1)
    daemon.configure(lmtp={"recipient_limit": 1})
    daemon.reload()
    [line] = daemon.wait_for_log(event="reload")
    assert "Resource temporarily unavailable" in line["reason"]
    with daemon.session() as session:
        assert [reply.code for reply in session.deliver(EMAIL1, EMAIL2)] == [250, 250]


@pytest.mark.heavy
def test_no_memory(daemon, database):
    """Whatever cannot be had is put off; it serves on, and wholly so when there is memory again."""
    ledger = Ledger()
    mailboxes = add_mailboxes(database, 1, 20, 5)
    size = int(daemon.status()["VmSize"].split()[0]) * 1024
    limit(daemon, "as", size)
    with Load(daemon.connect, ledger, mailboxes, n_senders=60, drains=True) as load:
        wait_until(lambda: load.n_deferred + load.n_broken > 10, 60, "shortage")
        limit(daemon, "as", "unlimited")
    Audit(daemon.vhosts, ledger).assert_clean()


# --- clock ------------------------------------------------------------------

def test_clock_is_set(lmtpd, faults, directory):
    """Back and forth: each message gets a name of its own, and no session seems old."""
    clock = directory / "clock"
    clock.write_text("0")
    daemon = lmtpd(environment=faults(clock=clock))
    errors = [0, -1, -3600, -3650 * DAY, DAY, 0]
    with daemon.session() as session, daemon.session() as idle:
        for error in errors:
            clock.write_text(str(error))
            for _ in range(5):
                assert session.deliver(EMAIL1, EMAIL2)[0].code == 250
        assert idle.deliver(EMAIL1)[0].code == 250
    messages = daemon.mailbox("example.com/email1").messages()
    assert len(messages) == 5 * len(errors) + 1
    now = time.time()
    ages = Counter(round((now - int(stored.name["seconds"])) / 1800) for stored in messages)
    assert ages == {0: 16, 2: 5, 3650 * 48: 5, -48: 5}


def test_log_that_nobody_reads(make_lmtpd, directory):
    """Nobody waits for it: mail is taken and refused as ever. What was too much is counted."""
    fifo = directory / "fifo"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    daemon = make_lmtpd()
    # Opened for both, it waits for nobody.
    with open(os.open(fifo, os.O_RDWR | os.O_NONBLOCK), "rb") as reader:
        daemon.start(wrapper=["sh", "-c", f'exec "$@" 2>{fifo}', "sh"])
        with daemon.session() as session:
            session.command("MAIL FROM:<sender@example.net>")
            for _ in range(60):
                session.send("".join(f"RCPT TO:<{'x' * 60}{n}@example.com>\r\n" for n in range(100)))
                assert {reply.code for reply in session.replies(100)} == {550}
            assert session.command("RSET").code == 250
            assert session.deliver(EMAIL1)[0].code == 250
        said = b""
        while b"lines were lost" not in said:
            said = said[-10000:] + (reader.read(65536) or b"")
            with daemon.session() as session:
                session.command("MAIL FROM:<>")
                assert session.rcpt("nobody@example.com").code == 550
