"""The policy socket: what Postfix is told before it takes mail, by a bare client and by smtpd itself."""

import os
import re
import signal
import smtplib
import socket
import time

import pytest

from harness.lmtp import message
from harness.policy import DUNNO, PolicyClient, request
from harness.process import run_checked, wait_until
from test_quota import KIB, fill

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"
DISABLED1 = f"550 5.2.1 <{EMAIL1}> Mailbox is disabled"
# email1 is disabled; its row is there.
QUERY = ("SELECT email, IF(email LIKE 'email1@%%' OR email LIKE '%% %%', 0, 1) AS enabled "
         "FROM virtual_users WHERE email = '%u'")


@pytest.fixture
def policy(make_lmtpd, directory):
    """policy(): an lmtpd with a policy socket, and for which email1 is disabled."""
    def make(lmtp=None, mysql=None, start=True, **overrides):
        path = directory / "policy"
        daemon = make_lmtpd(lmtp={"policy": f"unix:{path}", **(lmtp or {})},
                            mysql={"user_query": QUERY, **(mysql or {})}, **overrides)
        daemon.policy = path
        return daemon.start() if start else daemon

    return make


def ask(daemon, recipient):
    with PolicyClient(daemon.policy) as client:
        return client.ask(recipient)


def counted(daemon):
    return daemon.told()["policy"]


# --- answers ----------------------------------------------------------------

@pytest.mark.quick
def test_answers(policy, database):
    database.add_alias("both@example.com", f"{EMAIL1},{EMAIL2}")
    database.add_alias("only@example.com", EMAIL1)
    database.add_alias("loop@example.com", "loop2@example.com")
    database.add_alias("loop2@example.com", "loop@example.com")
    database.add_alias("out@example.com", "x@elsewhere.example")
    daemon = policy()
    with PolicyClient(daemon.policy) as client:
        assert client.ask(EMAIL1) == DISABLED1
        assert client.ask(EMAIL2) == DUNNO
        assert client.ask("email1+detail@example.com") == (
            "550 5.2.1 <email1+detail@example.com> Mailbox is disabled")
        assert client.ask("EMAIL1@EXAMPLE.COM").startswith("550 5.2.1 ")
        assert client.ask("email2+detail@example.com") == DUNNO
        # The list still reaches somebody.
        assert client.ask("both@example.com") == DUNNO
        assert client.ask("only@example.com") == (
            "550 5.2.1 <only@example.com> Mailbox is disabled")
        for doubt in ("nobody@example.com", "x@elsewhere.example", "loop@example.com",
                      "out@example.com", "", "email1", "@example.com", f"{EMAIL1}\x7f", "a@b@c",
                      "x" * 300 + "@example.com"):
            assert client.ask(doubt) == DUNNO, doubt
        assert client.ask(EMAIL1, protocol_state="DATA") == DUNNO
        assert client.ask(EMAIL1, protocol_state=None) == DUNNO
        assert client.ask(EMAIL1, request="something_else") == DUNNO
        assert client.ask(EMAIL1, recipient=None) == DUNNO
    assert counted(daemon) == {"questions": 21, "full": 0, "disabled": 4}
    assert daemon.log(event="delivery") == []
    first, *_, last = daemon.log(event="policy")
    assert len(daemon.log(event="policy")) == 4
    assert first == {
        "event": "policy", "to": f"<{EMAIL1}>", "client": "192.0.2.7",
        "action": "550 5.2.1 Mailbox is disabled", "reason": f"{EMAIL1} is disabled",
    }
    assert last["to"] == "<only@example.com>"
    prometheus = daemon.run("--status", "--prometheus").stdout
    assert "\nlmtpd_policy_questions_total 21\n" in prometheus
    assert "\nlmtpd_policy_disabled_total 4\n" in prometheus
    assert "\nlmtpd_policy_full_total 0\n" in prometheus
    assert re.search(r"^policy +questions 21, full 0, disabled 4$", daemon.run("--status").stdout,
                     re.M)


def test_disabled_for_now(policy):
    daemon = policy(lmtp={"disabled": "defer"})
    assert ask(daemon, EMAIL1) == f"450 4.2.1 <{EMAIL1}> Mailbox is disabled for now"
    assert counted(daemon)["disabled"] == 1


def test_soft_bounce(policy):
    assert ask(policy(lmtp={"soft_bounce": True}), EMAIL1) == (
        f"450 4.2.1 <{EMAIL1}> Mailbox is disabled")


@pytest.mark.parametrize("column", ["'n2' AS state", "'moving' AS state", "'y' AS enabled",
                                    "'/elsewhere' AS home"])
def test_rows_in_doubt(policy, column):
    query = f"SELECT email, {column} FROM virtual_users WHERE email = '%u'"
    assert ask(policy(lmtp={"node": "n1"}, mysql={"user_query": query}), EMAIL1) == DUNNO


# --- bytes ------------------------------------------------------------------

@pytest.mark.quick
def test_requests_in_pieces(policy):
    daemon = policy()
    with PolicyClient(daemon.policy) as client:
        for byte in request(EMAIL1):
            client.send(bytes([byte]))
        assert client.action() == DISABLED1
        client.send(request(EMAIL1) + request(EMAIL2) * 50 + request(EMAIL1))
        assert [client.action() for _ in range(52)] == [DISABLED1, *[DUNNO] * 50, DISABLED1]


def test_who_closes_his_side_is_answered(policy):
    """As "socat -" does with a request from a file."""
    with PolicyClient(policy().policy) as client:
        client.send(request(EMAIL1))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.action() == DISABLED1
        assert client.is_closed()


@pytest.mark.quick
def test_garbage(policy):
    daemon = policy()
    with PolicyClient(daemon.policy) as client:
        for line in (b"nonsense\n", b"=x\n", b"a\0=b\n", b"\xff\xfe\n", b"\r\n"):
            client.send(line + request(EMAIL1))
            assert client.action() == DUNNO
        assert client.ask(EMAIL1) == DISABLED1
    for too_much in (b"x=" + b"y" * 5000 + b"\n", b"x=" + b"y" * 5000, b"a=b\n" * 101):
        with PolicyClient(daemon.policy) as client:
            client.send(request(EMAIL1) + too_much)
            assert client.action() == DISABLED1
            assert client.is_closed()
    assert len(daemon.log(event="policy", level="warning")) == 3
    with PolicyClient(daemon.policy) as client:
        client.send(os.urandom(100000).replace(b"\n", b"="))
        assert client.is_closed()


def test_client_that_does_not_read(policy):
    daemon = policy()
    with PolicyClient(daemon.policy) as deaf:
        deaf.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                deaf.send(b"\n" * 100000)
        assert ask(daemon, EMAIL1) == DISABLED1
        assert daemon.memory() < 200 << 20
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5


def test_many_connections(policy):
    daemon = policy()
    clients = [PolicyClient(daemon.policy) for _ in range(50)]
    for client in clients:
        client.send(request(EMAIL1))
    assert [client.action() for client in clients] == [DISABLED1] * 50
    for client in clients:
        client.socket.close()


def test_silence(policy):
    with PolicyClient(policy(lmtp={"idle_timeout": 1}).policy) as client:
        assert client.ask(EMAIL2) == DUNNO
        assert client.is_closed()


# --- trouble ----------------------------------------------------------------

def test_no_database(policy, database):
    daemon = policy(mysql={"timeout": 1})
    with PolicyClient(daemon.policy) as client:
        assert client.ask(EMAIL1) == DISABLED1
        database.freeze()
        began = time.monotonic()
        assert client.ask(EMAIL1) == DUNNO
        assert time.monotonic() - began < 10
        database.thaw()
        database.kill()
        assert client.ask(EMAIL1) == DUNNO
        database.start()
        wait_until(lambda: client.ask(EMAIL1) == DISABLED1, 60, "an answer of the database")


def test_client_that_leaves(policy, database):
    """Nobody waits for what it has asked."""
    daemon = policy(mysql={"timeout": 2})
    ask(daemon, EMAIL1)
    database.freeze()
    for _ in range(10):
        with PolicyClient(daemon.policy) as client:
            client.send(request(EMAIL1))
    database.thaw()
    wait_until(lambda: ask(daemon, EMAIL1) == DISABLED1, 60, "an answer of the database")


def test_reload(policy):
    """Connections that stand follow the new configuration with their next request."""
    daemon = policy()
    with PolicyClient(daemon.policy) as client:
        assert client.ask(EMAIL1) == DISABLED1
        daemon.configure(lmtp={"disabled": "defer"})
        daemon.reload()
        assert client.ask(EMAIL1).startswith("450 4.2.1 ")
        daemon.configure(lmtp={"policy": ""})
        daemon.reload()
        [line] = daemon.log(event="reload", level="warning")
        assert "policy" in line["reason"] and "with a restart only" in line["reason"]


@pytest.mark.quick
def test_end_with_idle_clients(policy):
    daemon = policy()
    with PolicyClient(daemon.policy) as idle, PolicyClient(daemon.policy) as half:
        assert idle.ask(EMAIL2) == DUNNO
        half.send(request(EMAIL2)[:30])
        wait_until(lambda: daemon.told()["connections"]["now"] == 2, 10, "both connections")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5
        assert idle.is_closed() and half.is_closed()
    assert not daemon.policy.exists()


def test_end_answers_first(policy, database):
    daemon = policy(mysql={"timeout": 5})
    with PolicyClient(daemon.policy) as client:
        assert client.ask(EMAIL2) == DUNNO
        database.freeze()
        client.send(request(EMAIL1))
        wait_until(lambda: daemon.told()["lookups"]["busy"] == 1, 10, "the look-up")
        daemon.signal(signal.SIGTERM)
        assert client.action() == DUNNO
        assert client.is_closed()
        database.thaw()
    assert daemon.process.wait(60) == 0


# --- sockets ----------------------------------------------------------------

class Handed:
    """Listening sockets that are handed over as systemd does, by their names."""

    def __init__(self, directory, *names):
        self.names = names
        self.paths = [directory / f"handed{i}" for i in range(len(names))]
        self.sockets = []
        for path in self.paths:
            self.sockets.append(socket.socket(socket.AF_UNIX))
            self.sockets[-1].bind(str(path))
            self.sockets[-1].listen(100)
            path.chmod(0o666)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.sockets:
            listener.close()

    def _move(self):
        numbers = range(3, 3 + len(self.sockets))
        # Out of each other's way first.
        moved = [os.dup2(listener.fileno(), 100 + i) for i, listener in enumerate(self.sockets)]
        for number, old in zip(numbers, moved):
            os.dup2(old, number)
            os.close(old)

    def options(self):
        """Of Daemon.launch()."""
        script = (f"LISTEN_FDS={len(self.names)} LISTEN_FDNAMES={':'.join(self.names)} "
                  'LISTEN_PID=$$ exec "$@"')
        return {
            "wrapper": ["sh", "-c", script, "sh"], "preexec_fn": self._move,
            "pass_fds": range(3, 3 + len(self.names)),
        }


@pytest.mark.quick
@pytest.mark.parametrize("order", [("lmtpd.socket", "policy"), ("policy", "lmtpd.socket")])
def test_both_handed_over(policy, directory, order):
    daemon = policy(start=False)
    configured = daemon.socket, daemon.policy
    with Handed(directory, *order) as handed:
        daemon.socket = handed.paths[order.index("lmtpd.socket")]
        daemon.policy = handed.paths[order.index("policy")]
        daemon.launch(**handed.options())
        daemon.wait_until_answers(daemon.is_answering)
        assert ask(daemon, EMAIL1) == DISABLED1
        with daemon.session() as session:
            session.deliver(EMAIL2)
        assert not any(path.exists() for path in configured)
        assert daemon.stop() == 0


def test_policy_alone_handed_over(policy, directory):
    """LMTP is where the configuration says; the key policy need not be set."""
    daemon = policy(start=False, lmtp={"policy": ""})
    with Handed(directory, "policy") as handed:
        daemon.policy = handed.paths[0]
        daemon.launch(**handed.options())
        daemon.wait_until_answers(daemon.is_answering)
        assert ask(daemon, EMAIL1) == DISABLED1
        with daemon.session() as session:
            session.deliver(EMAIL2)


def test_lmtp_alone_handed_over(policy, directory):
    """The other one is made, where that can be."""
    daemon = policy(start=False)
    with Handed(directory, "lmtpd.socket") as handed:
        daemon.socket = handed.paths[0]
        daemon.launch(**handed.options())
        daemon.wait_until_answers(daemon.is_answering)
        assert ask(daemon, EMAIL1) == DISABLED1


def test_lmtp_alone_handed_over_to_who_may_not_bind(policy, directory):
    daemon = policy(start=False, lmtp={"policy": "unix:/nowhere/policy"})
    with Handed(directory, "lmtpd.socket") as handed:
        daemon.launch(**handed.options())
        assert daemon.process.wait(60) == 78
    [line] = daemon.log(event="start")
    assert "/nowhere/policy" in line["reason"]
    assert "systemctl enable lmtpd-policy.socket" in line["reason"]


def test_no_policy_socket(lmtpd, directory):
    """None by default, and its key wants what listen wants."""
    daemon = lmtpd()
    assert "serves 1 sockets" in daemon.output()
    daemon.stop()
    daemon.configure(lmtp={"policy": "private/lmtpd-policy"})
    code, said = daemon.fails_to_start()
    assert code == 78 and "policy" in said and "unix:/path" in said


# --- Postfix ----------------------------------------------------------------

PATIENCE, IMPATIENCE = 60, 2  # seconds that Postfix waits for an answer


@pytest.fixture
def asking_machine(guide_machine):
    """Postfix that asks, also for what comes from its own networks."""
    postfix, daemon = guide_machine
    daemon.stop()
    daemon.policy = postfix.lmtp_socket.with_name("lmtpd-policy")
    daemon.configure(lmtp={"policy": f"unix:{daemon.policy}"}, mysql={"user_query": QUERY})
    daemon.start()
    before = run_checked("postconf", "-c", postfix.base / "etc", "smtpd_recipient_restrictions")
    let_ask(postfix, PATIENCE)
    yield postfix, daemon
    set_restrictions(postfix, before.strip())


def set_restrictions(postfix, line):
    run_checked("postconf", "-c", postfix.base / "etc", "-e", line)
    os.utime(postfix.base / "etc/main.cf", (0, 0))
    postfix.reload()


def let_ask(postfix, timeout):
    set_restrictions(postfix, "smtpd_recipient_restrictions = reject_unauth_destination, "
                     "check_policy_service { unix:private/lmtpd-policy, "
                     f"timeout={timeout}s, default_action=DUNNO }}")


def rcpt(postfix, address, size=1234):
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.ehlo("client.example.net")
        client.mail("sender@example.net", [f"SIZE={size}"])
        code, text = client.rcpt(address)
        return code, text.decode()


@pytest.mark.needs_root
def test_postfix_refuses(asking_machine, database):
    postfix, daemon = asking_machine
    database.add_user("a b@example.com")
    code, text = rcpt(postfix, EMAIL1)
    assert code == 550 and text.startswith("5.2.1 ") and "Mailbox is disabled" in text, text
    assert rcpt(postfix, "email1+x@example.com")[0] == 550
    # Postfix asks without the quotes of the wire.
    assert rcpt(postfix, '"a b"@example.com')[0] == 550
    qid = postfix.send([EMAIL2], message())
    [sent] = postfix.wait_until_sent(qid)
    assert sent["to"] == EMAIL2 and daemon.reached() == {"example.com/email2": 1}
    assert counted(daemon)["disabled"] == 3
    assert {line["client"] for line in daemon.log(event="policy")} == {"127.0.0.1"}


LIMITED = ("SELECT email, IF(email LIKE 'email1@%%', 102400, NULL) AS quota_bytes "
           "FROM virtual_users WHERE email = '%u'")


@pytest.mark.needs_root
def test_postfix_refuses_what_is_full(asking_machine, database):
    """Behind an alias and a detail too, by the size that the client says; nothing is taken, so nothing bounces."""
    postfix, daemon = asking_machine
    daemon.configure(mysql={"user_query": LIMITED})
    daemon.reload()
    database.add_alias("only@example.com", EMAIL1)
    database.add_alias("both@example.com", f"{EMAIL1},{EMAIL2}")
    box = daemon.mailbox("example.com/email1")
    [most] = fill(box, 85 * KIB)
    assert rcpt(postfix, "only@example.com")[0] == 250
    assert rcpt(postfix, "only@example.com", 25 * KIB)[0] == 250, "within the grace"
    code, text = rcpt(postfix, "only@example.com", 26 * KIB)
    assert code == 452 and text.startswith("4.2.2 ") and "Mailbox is full" in text, text
    with PolicyClient(daemon.policy) as client:
        assert client.ask(EMAIL1, size=(1 << 64) - 1) == f"452 4.2.2 <{EMAIL1}> Mailbox is full"
    [rest] = fill(box, 15 * KIB)
    for address in (EMAIL1, "email1+x@example.com", "only@example.com"):
        assert rcpt(postfix, address)[0] == 452
    assert rcpt(postfix, "both@example.com", 26 * KIB)[0] == 250
    lines = daemon.log(event="policy", to="<only@example.com>")
    assert lines[-1]["action"] == "452 4.2.2 Mailbox is full"
    assert lines[-1]["reason"].startswith(f"{EMAIL1} is full: 102400 of 102400 bytes")
    assert counted(daemon)["full"] >= 4
    rest.unlink()
    qid = postfix.send(["only@example.com"], message())
    postfix.wait_until_sent(qid)
    assert daemon.reached()["example.com/email1"] == 2 and most.exists()
    assert "bounce" not in postfix.log()


@pytest.mark.needs_root
def test_postfix_without_lmtpd(asking_machine):
    """Mail is taken, as if there were no policy socket."""
    postfix, daemon = asking_machine
    assert rcpt(postfix, EMAIL1)[0] == 550
    daemon.kill()
    assert daemon.policy.exists()
    assert rcpt(postfix, EMAIL1)[0] == 250, "connection refused"
    daemon.policy.unlink()
    assert rcpt(postfix, EMAIL1)[0] == 250, "no socket"
    qid = postfix.send([EMAIL2], message())
    daemon.start()
    postfix.flush()
    postfix.wait_until_sent(qid)


@pytest.mark.needs_root
def test_postfix_with_lmtpd_frozen(asking_machine):
    postfix, daemon = asking_machine
    assert rcpt(postfix, EMAIL1)[0] == 550
    let_ask(postfix, IMPATIENCE)
    daemon.freeze()
    began = time.monotonic()
    assert rcpt(postfix, EMAIL1)[0] == 250
    assert time.monotonic() - began < PATIENCE
    daemon.thaw()
    wait_until(lambda: rcpt(postfix, EMAIL1)[0] == 550, 60, "an answer")
