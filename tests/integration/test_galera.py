"""A node of Galera that is there, lets clients connect and prepare, and answers no question."""

import pytest

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


@pytest.fixture
def lost_node(node):
    """It behaves as one outside of the primary component."""
    node.sql("SET GLOBAL wsrep_reject_queries = NONE", database="")
    node.reset()
    node.sql("SET GLOBAL wsrep_reject_queries = ALL", database="")
    assert "WSREP" in node.client("SELECT * FROM virtual_users", "mailserver").stderr
    yield node
    node.sql("SET GLOBAL wsrep_reject_queries = NONE", database="")


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
        lost_node.sql("SET GLOBAL wsrep_reject_queries = NONE", database="")
        assert rcpt(session) == "250 2.1.5"
    assert "(1047)" in daemon.output()


def test_node_gets_lost(lmtpd, lost_node, database):
    """On connections that stand and have answered before."""
    lost_node.sql("SET GLOBAL wsrep_reject_queries = NONE", database="")
    daemon = lmtpd(mysql={"hosts": hosts(lost_node, database)})
    with daemon.session() as session:
        for _ in range(20):
            assert rcpt(session) == "250 2.1.5"
        lost_node.sql("SET GLOBAL wsrep_reject_queries = ALL", database="")
        for _ in range(20):
            assert rcpt(session) == "250 2.1.5"


def test_logins(auth, lost_node, database):
    daemon = auth(mysql={"hosts": hosts(lost_node, database)})
    with daemon.client() as client:
        assert client.login(EMAIL1, "firstpassword").verb == "OK"
    wait_until(lambda: "result=ok" in daemon.output(), 10, "the line")
