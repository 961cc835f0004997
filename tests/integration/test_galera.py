"""A node of Galera that is there, lets clients connect and prepare, and answers no question."""

import pytest

from harness.auth import PASSWORD1
from harness.check import Report
from harness.lmtp import message
from harness.mariadb import galera_options, running_mariadb
from harness.process import wait_until

pytest_plugins = ["harness.auth_fixtures"]

EMAIL1 = "email1@example.com"


@pytest.fixture(scope="module")
def node(base):
    with running_mariadb(base / "galera", options=galera_options()) as server:
        yield server


def reject(node, what):
    """ALL: it behaves as one outside of the primary component; ALL_KILL: it cuts its clients off, too."""
    node.sql(f"SET GLOBAL wsrep_reject_queries = {what}", database="")


@pytest.fixture
def lost_node(node):
    reject(node, "NONE")
    node.reset()
    reject(node, "ALL")
    assert "WSREP" in node.client("SELECT * FROM virtual_users", "mailserver").stderr
    yield node
    reject(node, "NONE")


def hosts(*servers):
    return [f"127.0.0.1:{server.port}" for server in servers]


def rcpt(session, address=EMAIL1):
    session.command("MAIL FROM:<>")
    reply = session.command(f"RCPT TO:<{address}>")
    session.command("RSET")
    return reply.status


def test_the_next_host_answers(lmtpd, lost_node, database):
    """In the same request: no recipient is put off. A later connection begins there."""
    daemon = lmtpd(mysql={"hosts": hosts(lost_node, database)})
    with daemon.session() as session:
        for _ in range(20):
            assert rcpt(session) == "250 2.1.5"
            assert rcpt(session, "nobody@example.com") == "550 5.1.1"
        assert session.deliver(EMAIL1, body=message())[0].status == "250 2.0.0"


def test_recipients_that_come_together(lmtpd, lost_node, database):
    daemon = lmtpd(mysql={"hosts": hosts(lost_node, database)})
    with daemon.session() as session:
        session.command("MAIL FROM:<>")
        session.send("".join(f"RCPT TO:<{EMAIL1}>\r\n" for _ in range(64)))
        assert {reply.status for reply in session.replies(64)} == {"250 2.1.5"}


def test_check_names_the_node(make_lmtpd, lost_node, database):
    """The one that answers does not hide it, at whichever place it stands."""
    for servers in ((lost_node, database), (database, lost_node)):
        report = Report(make_lmtpd(mysql={"hosts": hosts(*servers)}))
        assert report.code == 0
        found = report.only("warn", "database")
        assert f"127.0.0.1:{lost_node.port}" in found["detail"] and "(1047)" in found["detail"]
        assert "wsrep_cluster_status" in found["remedy"]


def test_no_other_host(lmtpd, lost_node, database):
    """It is put off, never refused; and served as soon as the node is well."""
    daemon = lmtpd(mysql={"hosts": hosts(lost_node)})
    with daemon.session() as session:
        assert rcpt(session) == "451 4.4.3"
        reject(lost_node, "NONE")
        assert rcpt(session) == "250 2.1.5"
    assert "(1047)" in daemon.output()


@pytest.mark.parametrize("what", ["ALL", "ALL_KILL"])
def test_node_gets_lost(lmtpd, lost_node, database, what):
    """On connections that stand and have answered before."""
    reject(lost_node, "NONE")
    daemon = lmtpd(mysql={"hosts": hosts(lost_node, database)})
    with daemon.session() as session:
        for _ in range(20):
            assert rcpt(session) == "250 2.1.5"
        reject(lost_node, what)
        for _ in range(20):
            assert rcpt(session) == "250 2.1.5"


def login(client):
    return client.login(EMAIL1, PASSWORD1).verb


def test_logins(auth, lost_node, database):
    daemon = auth(mysql={"hosts": hosts(lost_node, database)})
    with daemon.client() as client:
        assert login(client) == "OK"
    wait_until(lambda: "result=ok" in daemon.output(), 60, "the line")


@pytest.mark.parametrize("what", ["ALL", "ALL_KILL"])
def test_node_gets_lost_between_logins(auth, lost_node, database, what):
    reject(lost_node, "NONE")
    daemon = auth(mysql={"hosts": hosts(lost_node, database)})
    with daemon.client() as client:
        for n in range(10):
            if n == 5:
                reject(lost_node, what)
            assert login(client) == "OK"


def test_lost_node_stands_last(lmtpd, auth, lost_node, database):
    """Nobody asks it."""
    mysql = {"hosts": hosts(database, lost_node)}
    with lmtpd(mysql=mysql).session() as session, auth(mysql=mysql).client() as client:
        assert rcpt(session) == "250 2.1.5"
        assert login(client) == "OK"


def test_logins_without_another_host(auth, lost_node):
    """The connection closes, which Postfix turns into 454; never "wrong password"."""
    daemon = auth(mysql={"hosts": hosts(lost_node)})
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()
    reject(lost_node, "NONE")
    with daemon.client() as client:
        assert login(client) == "OK"


def test_reads_that_wait(lmtpd, node, directory):
    """An option file may ask for them, of our connections alone: no user is too new then."""
    options = directory / "options.cnf"
    options.write_text('[lmtpd]\ninit-command = "SET SESSION wsrep_sync_wait = 1"\n')
    reject(node, "NONE")
    node.reset()
    query = "SELECT email FROM virtual_users WHERE email = '%u' AND @@wsrep_sync_wait = {}"
    for wait, status in ((1, "250 2.1.5"), (0, "550 5.1.1")):
        daemon = lmtpd(mysql={"hosts": hosts(node), "option_file": str(options),
                              "user_query": query.format(wait)})
        with daemon.session() as session:
            assert rcpt(session) == status
