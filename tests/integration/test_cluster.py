"""A cluster of Galera behind lmtpd and lmtpd-auth, whose nodes are killed, frozen, cut off and restarted
while mail and logins come: ./dev cluster. One node that is not ready is in test_galera.py, too.

Each drill begins with daemons that have just been started, all of whose connections lead to the first
node of mysql.hosts.
"""

import shutil
import time

import pytest

from harness.auth import LmtpdAuth
from harness.cluster import running_cluster
from harness.lmtpd import Lmtpd
from harness.mariadb import quote
from harness.traffic import MAILBOXES, PUT_OFF, Figures, Traffic, TrafficPostfix

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.needs_root

# Seconds that a node stays away: longer than mysql.timeout, and than Galera waits before it goes on
# without one.
AWAY = 15
POSTFIX_WAITS = 10  # seconds, for a login


@pytest.fixture(scope="module")
def nodes(base):
    with running_cluster(base / "cluster") as nodes:
        nodes[0].reset()
        rows = ", ".join(f"(1, '*', {quote(mailbox)})" for mailbox in MAILBOXES)
        nodes[0].sql(f"INSERT INTO virtual_users (domain_id, password, email) VALUES {rows}")
        yield nodes


@pytest.fixture(scope="module")
def postfix(base, nodes):
    server = TrafficPostfix(base / "pfx", nodes[0])
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def table():
    print(f"\n{Figures.HEADLINE}", flush=True)
    return lambda figures: print(figures, flush=True)


@pytest.fixture
def daemons(binary, auth_binary, directory, nodes, postfix):
    """Not started yet: lmtpd and lmtpd-auth behind Postfix, started as root, with all three nodes."""
    mysql = {"hosts": [f"127.0.0.1:{node.port}" for node in nodes]}

    def listen(socket):
        return {"listen": [f"unix:{socket}"], "socket_user": "postfix", "socket_group": "postfix",
                "socket_mode": 0o660}

    for name in ("mail", "auth"):
        (directory / name).mkdir()
    lmtpd = Lmtpd(binary, directory / "mail", nodes[0], starts_as_root=True, mysql=mysql,
                  lmtp=listen(postfix.lmtp_socket))
    auth = LmtpdAuth(auth_binary, directory / "auth", nodes[0], starts_as_root=True, mysql=mysql,
                     auth=listen(postfix.auth_socket))
    lmtpd.socket, auth.socket = postfix.lmtp_socket, postfix.auth_socket
    yield lmtpd, auth
    for daemon in (lmtpd, auth):
        code = daemon.stop()
        daemon.assert_sane()
        assert code == 0, daemon.output()


@pytest.fixture
def drill(daemons, nodes, postfix, table, request):
    """A block of it is one drill; in the end all nodes are well, all mail has come, and what the drill
    showed is said. The figures of its object are set then."""
    class Drill:
        def __enter__(self):
            for daemon in daemons:
                daemon.start()
            self.traffic = Traffic(postfix, *daemons)
            self.traffic.__enter__()
            time.sleep(3)
            return self

        def __exit__(self, kind, *rest):
            if kind is None:
                for node in nodes:
                    node.wait_until_synced()
                    node.wait_for_status("cluster_size", str(len(nodes)))
                time.sleep(3)
            self.traffic.__exit__(kind, *rest)
            if kind is None:
                name = request.node.name.removeprefix("test_").replace("_", " ")
                self.figures = Figures(name, self.traffic)
                table(self.figures)
                self.check()

        def check(self):
            """What holds whatever happens."""
            figures = self.figures
            assert figures.complaints == []
            assert (figures.bounced, figures.lost, figures.doubled, figures.wrong) == (0, 0, 0, 0)
            assert figures.longest_login < POSTFIX_WAITS
            assert figures.messages > 0 and figures.logins > figures.put_off

    return Drill()


def assert_unnoticed(drill):
    assert (drill.figures.deferred, drill.figures.put_off) == (0, 0)


def assert_at_most_one_retry(drill):
    assert drill.figures.retries <= 1


def option(node, text):
    node.sql(f"SET GLOBAL wsrep_provider_options = '{text}'", database="")


def reject(node, what):
    node.sql(f"SET GLOBAL wsrep_reject_queries = {what}", database="")


def test_nothing_happens(drill):
    with drill:
        time.sleep(AWAY)
    assert_unnoticed(drill)


# --- nodes that say no ------------------------------------------------------

def test_node_in_use_is_killed(drill, nodes):
    with drill:
        nodes[0].kill()
        time.sleep(AWAY)
        nodes[0].start()
    assert_unnoticed(drill)


@pytest.mark.parametrize("what", ["ALL", "ALL_KILL"])
def test_node_in_use_rejects(drill, nodes, what):
    with drill:
        reject(nodes[0], what)
        time.sleep(AWAY)
        reject(nodes[0], "NONE")
    assert_unnoticed(drill)


@pytest.mark.parametrize("what", ["ALL", "ALL_KILL"])
def test_two_reject_as_daemons_start(drill, nodes, what):
    for node in nodes[:2]:
        reject(node, what)
    with drill:
        time.sleep(AWAY)
        for node in nodes[:2]:
            reject(node, "NONE")
    assert_unnoticed(drill)


def test_node_in_use_is_cut_off(drill, nodes):
    """Of the network, alone: it becomes non-Primary, and the two others stay what they are."""
    with drill:
        option(nodes[0], "gmcast.isolate=1")
        nodes[0].wait_for_status("cluster_status", "non-Primary")
        assert "WSREP" in nodes[0].client("SELECT * FROM virtual_users", "mailserver").stderr
        time.sleep(AWAY)
        option(nodes[0], "gmcast.isolate=0")
    assert_unnoticed(drill)


def test_rolling_restart(drill, nodes):
    with drill:
        for node in nodes:
            assert node.stop() == 0
            node.start()
    assert_unnoticed(drill)


def test_first_gets_its_tables_as_daemons_start(drill, nodes):
    """The others give them to it; its port is closed for so long."""
    assert nodes[0].stop() == 0
    shutil.rmtree(nodes[0].data)
    n_logged = len(nodes[0].output())
    nodes[0].launch()
    with drill:
        nodes[0].wait_until_synced()
    assert "rsync SST completed on joiner" in nodes[0].output()[n_logged:]
    assert_unnoticed(drill)


# --- nodes that say nothing -------------------------------------------------

def test_node_in_use_is_frozen(drill, nodes):
    with drill:
        nodes[0].freeze()
        time.sleep(AWAY)
        nodes[0].thaw()
    assert_at_most_one_retry(drill)


def test_other_node_is_frozen(drill, nodes):
    with drill:
        nodes[1].freeze()
        time.sleep(AWAY)
        nodes[1].thaw()
    assert_unnoticed(drill)


def test_first_is_frozen_as_daemons_start(drill, nodes):
    nodes[0].freeze()
    with drill:
        time.sleep(AWAY)
        nodes[0].thaw()
    assert_unnoticed(drill)


# --- no node is Primary -----------------------------------------------------

def test_two_of_three_are_killed(drill, nodes):
    """The third is non-Primary: all is put off, and comes through when it has become a cluster again."""
    with drill:
        for node in nodes[:2]:
            node.kill()
        nodes[2].wait_for_status("cluster_status", "non-Primary")
        time.sleep(2)
        begun, n_sent = time.monotonic(), drill.traffic.n_sent()
        time.sleep(AWAY)
        assert drill.traffic.n_sent() == n_sent
        assert set(drill.traffic.logins_since(begun)) == {PUT_OFF}
        option(nodes[2], "pc.bootstrap=YES")
        for node in nodes[:2]:
            node.start()
    assert drill.figures.deferred > 0
