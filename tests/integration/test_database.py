"""A database that is away, slow, back again, or not what the configuration says."""

import time

import pytest

from harness.lmtp import message
from harness.mariadb import PASSWORD
from harness.process import free_port, wait_until

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"


@pytest.fixture
def daemon(lmtpd):
    return lmtpd(mysql={"timeout": 1})


def status_of(session, address=EMAIL1):
    return session.rcpt(address).status


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_away_and_back(daemon, database, end):
    """The session stays, and the first RCPT after the return is answered by the tables."""
    with daemon.session() as session:
        session.mail()
        assert status_of(session) == "250 2.1.5"
        getattr(database, end)()
        assert status_of(session) == "451 4.4.3"
        assert status_of(session, "nobody@example.com") == "451 4.4.3"
        database.start()
        assert status_of(session, EMAIL2) == "250 2.1.5"
        assert status_of(session, "nobody@example.com") == "550 5.1.1"
        assert [reply.code for reply in session.data(message(), 2)] == [250, 250]


def test_frozen(daemon, database):
    """Nobody waits much longer than the timeout, and nobody is told that a user is unknown."""
    with daemon.session() as session, daemon.session() as accepted:
        accepted.mail()
        assert status_of(accepted) == "250 2.1.5"
        session.mail()
        database.freeze()
        try:
            begun = time.monotonic()
            assert status_of(session) == "451 4.4.3"
            assert time.monotonic() - begun < 10
            # What was looked up before is delivered without the database.
            assert accepted.data(message())[0].status == "250 2.0.0"
        finally:
            database.thaw()
        wait_until(lambda: status_of(session) == "250 2.1.5", 10, "return of the database")


def test_frozen_under_many_sessions(daemon, database):
    """More look-ups than connections: all are answered in a bounded time."""
    sessions = [daemon.session() for _ in range(20)]
    for session in sessions:
        session.mail()
    database.freeze()
    try:
        for session in sessions:
            session.send(f"RCPT TO:<{EMAIL1}>\r\n")
        for session in sessions:
            assert session.reply().status == "451 4.4.3"
    finally:
        database.thaw()
        for session in sessions:
            session.close()


def test_restart_under_idle_connections(daemon, database):
    """Prepared statements do not survive; nobody notices."""
    with daemon.session() as session:
        session.deliver(EMAIL1)
        database.stop()
        database.start()
        session.deliver(EMAIL1)
    assert len(daemon.mailbox("example.com/email1").messages()) == 2


def test_connections_killed_by_the_server(daemon, database):
    with daemon.session() as session:
        session.deliver(EMAIL1)
        database.sql("KILL USER 'mailuser'@'localhost'")
        session.deliver(EMAIL1)


def test_tables_altered_under_prepared_statements(daemon, database):
    with daemon.session() as session:
        session.deliver(EMAIL1)
        database.sql("ALTER TABLE virtual_users ADD COLUMN note INT FIRST")
        try:
            session.deliver(EMAIL1)
        finally:
            database.sql("ALTER TABLE virtual_users DROP COLUMN note")


def test_first_of_two_hosts_is_dead(make_lmtpd, database):
    daemon = make_lmtpd(mysql={
        "hosts": [f"127.0.0.1:{free_port()}", f"127.0.0.1:{database.port}"],
    }).start()
    with daemon.session() as session:
        session.deliver(EMAIL1)


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "unix:{socket}"])
def test_ways_to_the_server(make_lmtpd, database, host):
    daemon = make_lmtpd(mysql={
        "hosts": [host.format(port=database.port, socket=database.socket)],
    }).start()
    with daemon.session() as session:
        session.deliver(EMAIL1)


def test_start_without_the_database(make_lmtpd, database):
    """After a power cut lmtpd may be up before MySQL: that is no mistake in the configuration."""
    database.stop()
    daemon = make_lmtpd().start()
    with daemon.session() as session:
        session.mail()
        assert status_of(session) == "451 4.4.3"
        database.start()
        assert status_of(session) == "250 2.1.5"


@pytest.mark.parametrize("key, query", [
    ("user_query", "SELECT nothing FROM virtual_users WHERE email = '%u'"),
    ("user_query", "SELECT email, id FROM virtual_users WHERE email = '%u'"),
    ("user_query", "SELEKT email FROM virtual_users WHERE email = '%u'"),
    ("alias_query", "SELECT destination FROM no_such_table WHERE source = '%u'"),
    ("alias_query", "SELECT destination, source, id FROM virtual_aliases WHERE source = '%u'"),
    ("domain_query", "SELECT name, id FROM virtual_domains WHERE name = '%d'"),
    ("user_query", "SELECT password FROM virtual_users WHERE email = '%u'"),
])
def test_wrong_query(make_lmtpd, key, query):
    """Said at the start, with the name of the key; mail is put off until it is mended."""
    daemon = make_lmtpd(mysql={key: query}).start()
    [line] = daemon.wait_for_log(event="start", level="error")
    assert key in line["reason"]
    with daemon.session() as session:
        session.mail()
        assert status_of(session, "nobody@example.com") == "451 4.4.3"


@pytest.mark.parametrize("key, query, address", [
    ("user_query", "SELECT 1 FROM virtual_users WHERE email = '%u'", EMAIL1),
    ("domain_query", "SELECT 1 FROM virtual_domains WHERE name = '%d'", "nobody@example.com"),
])
def test_query_in_the_style_of_postfix(make_lmtpd, key, query, address):
    """Such a query cannot tell who was found: mail waits, nobody is called a stranger."""
    daemon = make_lmtpd(mysql={key: query}).start()
    with daemon.session() as session:
        session.mail()
        assert status_of(session, address) == "451 4.4.3"
    [line] = daemon.wait_for_log(event="delivery", status="deferred")
    assert "returned 1" in line["reason"]


@pytest.mark.parametrize("host", ["host:99999", "[::1", "unix:relative", ""])
def test_malformed_host(make_lmtpd, host):
    code, said = make_lmtpd(mysql={"hosts": [host]}).fails_to_start()
    assert code == 78
    assert "mysql.hosts" in said


def test_missing_option_file(make_lmtpd, directory):
    """The client library would go on without it, and without the TLS that stands in it."""
    daemon = make_lmtpd(mysql={"option_file": f"{directory}/none"}).start()
    with daemon.session() as session:
        session.mail()
        assert status_of(session) == "451 4.4.3"
    assert f"{directory}/none" in daemon.output()


@pytest.mark.parametrize("query", [
    "SELECT email FROM virtual_users WHERE email = '%u'",
    "SELECT email FROM virtual_users WHERE email = %u",
    "SELECT email FROM virtual_users WHERE email = CONCAT('%n', '@', '%d')",
])
def test_queries_of_other_shapes(make_lmtpd, query):
    daemon = make_lmtpd(mysql={"user_query": query}).start()
    with daemon.session() as session:
        session.deliver("Email1+x@Example.com")
        session.mail()
        assert status_of(session, "x' or '1'='1@example.com")[:1] == "5"
        assert status_of(session, "nobody@example.com") == "550 5.1.1"


def test_alias_query_without_the_source(make_lmtpd):
    daemon = make_lmtpd(mysql={
        "alias_query": "SELECT destination FROM virtual_aliases WHERE source = '%u'",
    }).start()
    with daemon.session() as session:
        session.deliver("alias@example.com")
    assert daemon.reached() == {"example.com/email1": 1}


def test_password_file(make_lmtpd, directory):
    secret = directory / "secret"
    secret.write_text(f"{PASSWORD}\n")
    daemon = make_lmtpd(mysql={"password": "", "password_file": str(secret)}).start()
    with daemon.session() as session:
        session.deliver(EMAIL1)


def test_missing_password_file(make_lmtpd, directory):
    code, said = make_lmtpd(
        mysql={"password": "", "password_file": f"{directory}/none"}).fails_to_start()
    assert code == 78
    assert f"{directory}/none" in said


def test_option_file(make_lmtpd, directory, database):
    options = directory / "my.cnf"
    options.write_text(f"[lmtpd]\nsocket={database.socket}\npassword={PASSWORD}\n")
    options.chmod(0o644)
    daemon = make_lmtpd(mysql={"option_file": str(options)}).start()
    with daemon.session() as session:
        session.deliver(EMAIL1)


def test_option_file_with_another_charset(make_lmtpd, directory, database):
    """It is read as the connection is made, and must not change what an address is."""
    options = directory / "my.cnf"
    options.write_text("[client]\ndefault-character-set=latin1\ninit-command=\"SET NAMES latin1\"\n")
    options.chmod(0o644)
    database.add_user("j\u00f6rg@example.com")
    daemon = make_lmtpd(mysql={"option_file": str(options)}).start()
    with daemon.session() as session:
        session.command("MAIL FROM:<> SMTPUTF8")
        assert ask(session, ["j\u00f6rg@example.com", EMAIL1]) == ["250 2.1.5", "250 2.1.5"]


@pytest.mark.parametrize("query", [
    "SELECT email FROM virtual_users WHERE email IN ('%u', '%n')",
    "SELECT email FROM virtual_users WHERE email IN ('%u', '%n', '%d')",
], ids=["three collations", "more collations"])
def test_character_that_no_column_has(make_lmtpd, guide_database, query):
    """The server says it otherwise for each number of operands."""
    daemon = make_lmtpd(mysql={"user_query": query}).start()
    with daemon.session() as session:
        session.command("MAIL FROM:<> SMTPUTF8")
        assert ask(session, ["\U0001f600@example.com", EMAIL1]) == ["550 5.1.1", "250 2.1.5"]


def test_password_never_reaches_the_log(make_lmtpd):
    daemon = make_lmtpd(mysql={"password": "not-the-right-one"})
    daemon.launch()
    wait_until(lambda: not daemon.is_running() or daemon.is_answering(), 30, "start or refusal")
    assert "not-the-right-one" not in daemon.output()


def test_account_on_the_whole_database(make_lmtpd, guide_database):
    """The guide's single account, with SELECT on everything, works too."""
    daemon = make_lmtpd().start()
    assert daemon.config["mysql"]["dbname"] == "guide"
    with daemon.session() as session:
        session.deliver("alias@example.com")


def ask(session, addresses):
    """RCPT for all addresses in one segment: their look-ups go out together."""
    session.send(b"".join(b"RCPT TO:<" + a.encode() + b">\r\n" for a in addresses))
    return [reply.status for reply in session.replies(len(addresses))]


MIXED = {
    EMAIL1: "250 2.1.5", "nobody@example.com": "550 5.1.1", "alias@example.com": "250 2.1.5",
    "Email2@Example.COM": "250 2.1.5", "email1+detail@example.com": "250 2.1.5",
    "x@elsewhere.example": "550 5.1.2", "\u00e9mail1@example.com": "550 5.1.1",
    "\U0001f600@example.com": "550 5.1.1", "email1@example.com ": "550 5.1.3",
    "nobody+detail@example.com": "550 5.1.1", "a/b@example.com": "550 5.1.1",
    "email1+a/b@example.com": "250 2.1.5",
}


@pytest.mark.parametrize("nothing", ["''", "NULL"])
@pytest.mark.parametrize("together", [False, True])
def test_first_column_that_is_empty(lmtpd, database, nothing, together):
    """A site that is divided among nodes says so of users who live elsewhere: their mail does not bounce,
    and no catch-all gets it."""
    database.add_alias("@example.com", EMAIL1)
    daemon = lmtpd(mysql={"user_query": f"SELECT IF(email = '{EMAIL1}', email, {nothing}) "
                                        "FROM virtual_users WHERE email = '%u'"})
    asked = {EMAIL1: "250 2.1.5", "email2@example.com": "451 4.4.3", "nobody@example.com": "250 2.1.5",
             "email2+x@example.com": "451 4.4.3"}
    with daemon.session() as session:
        session.mail()
        told = ask(session, asked) if together else [ask(session, [one])[0] for one in asked]
        assert told == list(asked.values())
    lines = daemon.log(event="delivery", status="deferred")
    assert [line["reason"] for line in lines] == [
        "user_query: its first column is NULL or empty"] * 2


@pytest.mark.parametrize("query", [
    "SELECT email FROM virtual_users WHERE email = '%u'",
    # Not to be put together with others: it must then go alone.
    "SELECT email FROM virtual_users WHERE email = '%u' -- a comment",
    # Several rows for a key, of which one may count.
    "SELECT email FROM virtual_users WHERE email = '%u' OR email LIKE 'email%%'",
    # Too long for the short cut.
    "SELECT email FROM virtual_users WHERE email = '%u' UNION ALL SELECT REPEAT('x@', 2000)",
    "SELECT email FROM virtual_users WHERE email = CONCAT('%n', '@', '%d') ORDER BY email LIMIT 1",
])
def test_together(lmtpd, query):
    """Whoever is asked for beside whom: everybody gets the answer that he gets alone."""
    daemon = lmtpd(mysql={"user_query": query, "connections": 1}, lmtp={"recipient_limit": 200})
    addresses = list(MIXED)
    with daemon.session() as session:
        for n in range(1, 14):
            several = [addresses[(n * i + n) % len(addresses)] for i in range(3 * n)]
            session.mail()
            assert ask(session, several) == [MIXED[address] for address in several]
            assert session.command("RSET").code == 250


def test_together_again_after_a_lost_connection(lmtpd, database):
    """A connection that was cut says nothing against asking together: not for long, at least."""
    database.sql(
        "INSERT INTO virtual_users (domain_id, password, email) "
        "SELECT 1, '', CONCAT('many', seq, '@example.com') FROM seq_1_to_16")
    daemon = lmtpd(mysql={"connections": 1})
    addresses = [f"many{n}@example.com" for n in range(1, 17)]

    def executed():
        [row] = database.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")
        return int(row[1])

    with daemon.session() as session:
        session.mail()
        ask(session, addresses[:2])
        database.sql("KILL USER 'mailuser'@'localhost'")
        assert ask(session, addresses) == ["250 2.1.5"] * 16
        before = executed()
        assert ask(session, addresses) == ["250 2.1.5"] * 16
        assert executed() - before <= 2


def test_together_while_the_database_is_away(daemon, database):
    addresses = [EMAIL1, EMAIL2, "nobody@example.com"] * 10
    answers = ["250 2.1.5", "250 2.1.5", "550 5.1.1"] * 10
    with daemon.session() as session:
        session.mail()
        assert ask(session, addresses) == answers
        database.kill()
        assert ask(session, addresses) == ["451 4.4.3"] * 30
        database.start()
        assert ask(session, addresses) == answers
        database.freeze()
        try:
            assert ask(session, addresses) == ["451 4.4.3"] * 30
        finally:
            database.thaw()
        wait_until(lambda: ask(session, addresses) == answers, 10, "return of the database")
