"""What MySQL does otherwise than MariaDB: its accounts, its ways to end a connection, its plans of queries."""

import pytest

from harness.auth import EMAIL1, PASSWORD1
from harness.check import Report
from harness.mariadb import PASSWORD
from harness.mysql import running_database
from harness.process import wait_until

pytest_plugins = ["harness.auth_fixtures"]


@pytest.fixture(scope="module")
def own_server(base):
    """As it comes, with a certificate that it made itself."""
    with running_database(base / "own", options=[]) as server:
        server.reset()
        yield server


@pytest.fixture
def lookups(lmtpd):
    """lookups(keys...): asks an lmtpd with these keys of section mysql for a user and for nobody."""
    sessions = []

    def start(**keys):
        session = lmtpd(mysql={"timeout": 2, **keys}).session(timeout=60)
        sessions.append(session)
        session.mail()
        return lambda: [session.rcpt(address).status for address in (EMAIL1, "nobody@example.com")]

    yield start
    for session in sessions:
        session.close()


FOUND = ["250 2.1.5", "550 5.1.1"]
PUT_OFF = ["451 4.4.3", "451 4.4.3"]


def logs_in(daemon):
    with daemon.client() as client:
        return client.plain(EMAIL1, PASSWORD1).verb == "OK"


def forget(server):
    """As after a restart it knows no password that came over a safe way, and could be compared without one."""
    server.sql("FLUSH PRIVILEGES")


def test_it_is_mysql(database):
    [[version, plan]] = database.sql("SELECT VERSION(), @@explain_format")
    assert "mariadb" not in version.lower() and int(version.split(".")[0]) >= 8
    assert database.sql("SELECT user, host, plugin FROM mysql.user WHERE user LIKE 'mail%' ORDER BY 1, 2") == [
        [user, host, "caching_sha2_password"] for user in ("mailauth", "mailuser")
        for host in ("127.0.0.1", "localhost")]
    print(f"MySQL {version}, which explains as {plan}")


# --- accounts ---------------------------------------------------------------

@pytest.mark.parametrize("tls", ["", "off", "try", "required"])
@pytest.mark.parametrize("way", ["socket", "network"])
def test_first_login_of_an_account(make_lmtpd, make_auth, own_server, way, tls):
    host = f"unix:{own_server.socket}" if way == "socket" else f"127.0.0.1:{own_server.port}"
    forget(own_server)
    daemon = make_lmtpd(mysql={"hosts": [host], "tls": tls}).start()
    with daemon.session() as session:
        assert session.deliver(EMAIL1)[0].code == 250
    assert logs_in(make_auth(mysql={"hosts": [host], "tls": tls}).start())
    assert Report(daemon).troubles() == []


@pytest.mark.parametrize("tls", ["", "off", "try"])
def test_first_login_in_plain_text(make_lmtpd, make_auth, database, tls):
    """The server has no TLS; the password goes under its key."""
    keys = {"hosts": [f"127.0.0.1:{database.port}"], "tls": tls}
    forget(database)
    daemon = make_lmtpd(mysql=keys).start()
    with daemon.session() as session:
        session.mail()
        status = session.rcpt(EMAIL1).status
    assert status == "250 2.1.5", daemon.output()
    assert logs_in(make_auth(mysql=keys).start())


def test_wrong_password(make_lmtpd, own_server):
    """Known or not, and whatever the way: it is the account that is to be mended."""
    for host in (f"unix:{own_server.socket}", f"127.0.0.1:{own_server.port}"):
        report = Report(make_lmtpd(mysql={"hosts": [host], "tls": "try", "password": "wrong"}))
        assert report.code == 69
        assert "(1045)" in report.only("FAIL", "database")["detail"]
        assert "password" in report.only("FAIL", "database")["remedy"]


def test_rights_of_a_role(make_lmtpd, database):
    """They are told as the account's own."""
    account = "'mailuser'@'localhost'"
    database.sql("CREATE ROLE writer; GRANT INSERT ON mailserver.virtual_users TO writer;"
                 f"GRANT writer TO {account}; SET DEFAULT ROLE writer TO {account}")
    try:
        assert "INSERT" in Report(make_lmtpd()).only("warn", "account")["detail"]
    finally:
        database.sql("DROP ROLE writer")


# --- ends of connections ----------------------------------------------------

def test_idle_connections(lookups, database):
    """What the server says before it closes one (4031) is read with the next question."""
    database.sql("SET GLOBAL init_connect = 'SET SESSION wait_timeout = 3'")
    try:
        ask = lookups(connections=1)
        assert ask() == FOUND
        wait_until(lambda: "mailuser" not in [user for [user] in database.sql(
            "SELECT user FROM information_schema.processlist")], 60, "end of idle connections")
        assert ask() == FOUND
    finally:
        database.sql("SET GLOBAL init_connect = ''")


def test_offline(lookups, auth, database):
    """It cuts off all but administrators, and lets nobody else in (3032)."""
    ask, logins = lookups(), auth()
    assert ask() == FOUND and logs_in(logins)
    database.sql("SET GLOBAL offline_mode = ON")
    try:
        assert ask() == PUT_OFF
        with pytest.raises(EOFError):  # to Postfix: try again later
            logs_in(logins)
        assert "(3032)" in logins.output()
    finally:
        database.sql("SET GLOBAL offline_mode = OFF")
    assert ask() == FOUND and logs_in(logins)


def test_next_host_of_one_that_is_offline(lookups, database, own_server):
    ask = lookups(connections=1, hosts=[f"unix:{database.socket}", f"unix:{own_server.socket}"])
    assert ask() == FOUND
    database.sql("SET GLOBAL offline_mode = ON")
    try:
        assert ask() == FOUND
    finally:
        database.sql("SET GLOBAL offline_mode = OFF")


def test_password_that_has_expired(lookups, database):
    """One can connect then, and be told nothing."""
    ask = lookups()
    database.sql("ALTER USER 'mailuser'@'localhost' PASSWORD EXPIRE; KILL USER 'mailuser'@'localhost'")
    try:
        assert ask() == PUT_OFF
    finally:
        database.sql(f"ALTER USER 'mailuser'@'localhost' IDENTIFIED BY '{PASSWORD}'")
    assert ask() == FOUND


# --- many at once -----------------------------------------------------------

def test_many_recipients_of_one_transaction(lmtpd, database):
    """Their look-ups are put together: MySQL takes these statements, too."""
    database.sql("INSERT INTO virtual_users (domain_id, password, email) "
                 "SELECT 1, '', CONCAT('many', seq, '@example.com') FROM seq_1_to_60")
    addresses = [f"many{n}@example.com" for n in range(1, 61)]
    daemon = lmtpd(mysql={"connections": 1})

    def executed():
        [[_, n]] = database.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")
        return int(n)

    with daemon.session() as session:
        session.mail()
        before = executed()
        session.send("".join(f"RCPT TO:<{address}>\r\n" for address in addresses))
        assert {reply.status for reply in session.replies(60)} == {"250 2.1.5"}
        assert executed() - before < 30
        assert {reply.code for reply in session.data(b"Subject: x\r\n\r\nx\r\n", 60)} == {250}
    assert len(daemon.reached()) == 60


# --- equal, to the collation ------------------------------------------------

@pytest.mark.parametrize("row, others", [
    ("jos\u00e9@example.com", ["jose@example.com", "JOS\u00c9@example.com"]),
    ("stra\u00dfe@example.com", ["strasse@example.com"]),
    ("Mixed.Case@example.com", []),
])
def test_equal_to_the_collation(lmtpd, database, row, others):
    """utf8mb4_0900_ai_ci finds more than was asked for: only bytes count, and case of A to Z does not."""
    database.add_user(row)
    with lmtpd().session() as session:
        session.command("MAIL FROM:<> SMTPUTF8")
        for other in others:
            assert session.rcpt(other).status == "550 5.1.1"
        assert session.rcpt(row).status == session.rcpt(row.replace("example", "EXAMPLE")).status == "250 2.1.5"
