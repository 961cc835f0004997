"""A database that is slow, broken, replaced or changed: mail waits, and no user becomes unknown."""

import random
import subprocess
import time

import pytest

from harness.audit import Audit, Ledger
from harness.impostor import Impostor
from harness.load import Load, add_mailboxes
from harness.process import wait_until

EMAIL1 = "email1@example.com"
NOBODY = "nobody@example.com"
FOUND = {EMAIL1: "250 2.1.5", NOBODY: "550 5.1.1"}
PUT_OFF = {EMAIL1: "451 4.4.3", NOBODY: "451 4.4.3"}
MEMORY_GROWTH = 32 << 20


@pytest.fixture
def impostor(database):
    server = Impostor(database.port)
    yield server
    server.close()


@pytest.fixture
def session(lmtpd, impostor):
    """Of an lmtpd that knows the impostor alone."""
    daemon = lmtpd(mysql={"timeout": 1, "connections": 1, "hosts": [f"127.0.0.1:{impostor.port}"]})
    with daemon.session() as client:
        client.mail()
        yield client


def ask(session):
    return {address: session.rcpt(address).status for address in FOUND}


# --- another server in its place --------------------------------------------

@pytest.mark.parametrize("manner", ["silent", "rude", "foreign", "full"])
def test_strange_server(session, impostor, manner):
    assert ask(session) == FOUND
    impostor.become(manner)
    begun = time.monotonic()
    assert ask(session) == PUT_OFF
    assert time.monotonic() - begun < 20
    impostor.become("honest")
    assert ask(session) == FOUND


def test_connection_cut_at_any_byte(session, impostor):
    """Half an answer is no answer: it never means that there is no such user."""
    outcomes = []
    for limit in range(0, 1200, 7):
        impostor.become("honest", limit)
        found = ask(session)
        assert found[EMAIL1] in (FOUND[EMAIL1], PUT_OFF[EMAIL1])
        assert found[NOBODY] in (FOUND[NOBODY], PUT_OFF[NOBODY])
        outcomes.append(found)
    assert outcomes[0] == PUT_OFF and outcomes[-1] == FOUND


@pytest.mark.parametrize("manner", ["silent", "rude", "foreign", "full"])
def test_first_host_is_strange(lmtpd, database, impostor, manner):
    impostor.become(manner)
    daemon = lmtpd(mysql={"timeout": 1, "hosts": [
        f"127.0.0.1:{impostor.port}", f"127.0.0.1:{database.port}"]})
    with daemon.session() as client:
        client.mail()
        assert ask(client) == FOUND


@pytest.mark.parametrize("manner", ["silent", "rude"])
def test_first_host_fails_later(lmtpd, database, impostor, manner):
    """The second is asked at once, and nobody notices."""
    daemon = lmtpd(mysql={"timeout": 1, "connections": 1, "hosts": [
        f"127.0.0.1:{impostor.port}", f"127.0.0.1:{database.port}"]})
    with daemon.session() as client:
        client.mail()
        assert ask(client) == FOUND
        impostor.become(manner)
        assert ask(client) == FOUND


# --- slow -------------------------------------------------------------------

@pytest.mark.heavy
@pytest.mark.parametrize("seconds, status", [(0.3, "250 2.1.5"), (20, "451 4.4.3")])
def test_slow_answers(lmtpd, seconds, status):
    """Within mysql.timeout they are waited for."""
    daemon = lmtpd(mysql={"timeout": 2, "user_query": "SELECT email FROM virtual_users "
                          f"WHERE email = '%u' AND SLEEP({seconds}) = 0"})
    with daemon.session() as client:
        client.mail()
        begun = time.monotonic()
        assert client.rcpt(EMAIL1).status == status
        assert time.monotonic() - begun < 15


@pytest.mark.heavy
def test_locked_tables(lmtpd, database):
    """As a dump or an ALTER TABLE locks them."""
    daemon = lmtpd(mysql={"timeout": 1})
    with daemon.session() as client, subprocess.Popen(
            [database.client_program, "--no-defaults", "--user=root", f"--socket={database.socket}",
             database.database, "--unbuffered", "--skip-column-names"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
        client.mail()
        locker.stdin.write("LOCK TABLES virtual_users WRITE; SELECT 'locked';\n")
        locker.stdin.flush()
        assert locker.stdout.readline() == "locked\n"
        assert ask(client) == PUT_OFF
        locker.stdin.write("UNLOCK TABLES;\n")
        locker.stdin.close()
        locker.wait(30)
        assert ask(client) == FOUND


# --- changed ----------------------------------------------------------------

@pytest.mark.parametrize("change, back", [
    ("RENAME TABLE virtual_users TO away", "RENAME TABLE away TO virtual_users"),
    ("ALTER TABLE virtual_users RENAME COLUMN email TO mail",
     "ALTER TABLE virtual_users RENAME COLUMN mail TO email"),
    ("REVOKE SELECT (email) ON mailserver.virtual_users FROM 'mailuser'@'localhost'",
     "GRANT SELECT (email) ON mailserver.virtual_users TO 'mailuser'@'localhost'"),
    ("ALTER USER 'mailuser'@'localhost' ACCOUNT LOCK; KILL USER 'mailuser'@'localhost'",
     "ALTER USER 'mailuser'@'localhost' ACCOUNT UNLOCK"),
    ("SET GLOBAL init_connect = 'nonsense'; KILL USER 'mailuser'@'localhost'",
     "SET GLOBAL init_connect = ''"),
], ids=["no table", "no column", "no grant", "account", "init_connect"])
def test_refused(lmtpd, database, change, back):
    """By a server that works otherwise. The same session goes on when that is mended."""
    daemon = lmtpd(mysql={"timeout": 1})
    with daemon.session() as client:
        client.mail()
        assert ask(client) == FOUND
        database.sql(change)
        try:
            assert ask(client) == PUT_OFF
            assert ask(client) == PUT_OFF
        finally:
            database.sql(back)
        assert ask(client) == FOUND


@pytest.mark.parametrize("change, back", [
    ("MODIFY email VARBINARY(100) NOT NULL", "MODIFY email VARCHAR(100) NOT NULL"),
    ("CONVERT TO CHARACTER SET latin1", "CONVERT TO CHARACTER SET utf8mb4"),
    ("MODIFY email VARCHAR(100) NOT NULL FIRST",
     "MODIFY email VARCHAR(100) NOT NULL AFTER password"),
], ids=["bytes", "latin1", "another order"])
def test_another_type(lmtpd, database, change, back):
    """That makes no difference, under prepared statements or afterwards."""
    daemon = lmtpd()
    with daemon.session() as client:
        client.mail()
        assert ask(client) == FOUND
        database.sql(f"ALTER TABLE virtual_users {change}")
        try:
            assert ask(client) == FOUND
        finally:
            database.sql(f"ALTER TABLE virtual_users {back}")
        assert ask(client) == FOUND


@pytest.mark.parametrize("key, query, status", [
    ("user_query", "SELECT CONCAT(seq, '%u') FROM seq_1_to_1000000", "550 5.1.1"),
    ("user_query", "SELECT CONCAT('%u', LEFT(seq, 0)) FROM seq_1_to_1000000", "250 2.1.5"),
    ("user_query", "SELECT seq FROM seq_1_to_1000000 WHERE '%u' <> ''", "451 4.4.3"),
    ("user_query", "SELECT REPEAT('x', 1000000) FROM DUAL WHERE '%u' <> ''", "451 4.4.3"),
    ("alias_query", "SELECT CONCAT(seq, '@example.com') FROM seq_1_to_1000000 WHERE '%u' <> ''",
     "451 4.4.6"),
    ("domain_query", "SELECT '%d' FROM seq_1_to_1000000", "550 5.1.1"),
], ids=["others", "the same", "numbers", "a long value", "destinations", "domain"])
def test_too_many_rows(lmtpd, guide_database, key, query, status):
    """A million rows are read or left, but not kept."""
    guide_database.sql("SELECT seq FROM seq_1_to_1000000 LIMIT 1")
    daemon = lmtpd(mysql={key: query})
    with daemon.session(timeout=60) as client:
        client.mail()
        before = daemon.peak_memory()
        address = "x@example.com" if key == "user_query" else NOBODY
        assert client.rcpt(address).status == status
        client.command("RSET")
        assert daemon.peak_memory() < before + MEMORY_GROWTH


def test_row_that_is_there_twice(lmtpd, database):
    database.sql("ALTER TABLE virtual_users DROP INDEX email")
    try:
        database.add_user(EMAIL1)
        daemon = lmtpd()
        with daemon.session() as client:
            assert client.deliver(EMAIL1)[0].code == 250
        daemon.mailbox("example.com/email1").message()
    finally:
        database.sql("DELETE FROM virtual_users WHERE password = '*'; "
                     "ALTER TABLE virtual_users ADD UNIQUE KEY email (email)")


# --- away, under load -------------------------------------------------------

@pytest.mark.heavy
def test_killed_and_frozen_under_load(lmtpd, database):
    """No 5xx, whatever it does, and everything is delivered once."""
    daemon = lmtpd(mysql={"timeout": 1})
    ledger = Ledger()
    rng = random.Random(1)
    with Load(daemon.connect, ledger, add_mailboxes(database), drains=True) as load:
        for fault in ("kill", "freeze", "stop", "kill", "freeze"):
            time.sleep(rng.uniform(0.1, 0.5))
            getattr(database, fault)()
            if fault == "freeze":
                n_deferred = load.n_deferred
                wait_until(lambda: load.n_deferred > n_deferred, 60, "refusals")
                database.thaw()
            else:
                database.start()
            n_saved = len(ledger.saved)
            wait_until(lambda: len(ledger.saved) > n_saved, 60, "deliveries")
    assert load.n_broken == 0 and ledger.doubtful == []
    Audit(daemon.vhosts, ledger).assert_clean()
