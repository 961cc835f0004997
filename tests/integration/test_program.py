"""What both daemons have in common: they come to life without the database, a reload that is late does no
harm, and nothing that hangs keeps them from ending."""

import itertools
import os
import signal
import socket
import time

import pytest

from harness.auth import EMAIL1, PASSWORD1
from harness.impostor import Impostor
from harness.process import IS_ROOT, wait_until

pytest_plugins = ["harness.auth_fixtures"]

TIMEOUT = 6   # seconds; mysql.timeout
HANGS = 60    # seconds; mysql.timeout of what must not wait for the database at all
SOON = 20     # seconds; of what does not, on a machine that is busy


class Mail:
    """lmtpd, asked for a recipient."""

    section, user_section, query = "lmtp", "maildir", "user_query"
    wrong_query = "SELECT nothing FROM virtual_users WHERE email = '%u'"
    root_words = "maildir.user says so"

    def __init__(self, make):
        self.make = make

    def client(self, daemon):
        client = daemon.session()
        client.mail()
        return client

    def greets(self, daemon):
        with daemon.connect() as client:
            return client.reply().code == 220

    def send(self, client):
        client.send(f"RCPT TO:<{EMAIL1}>\r\n")

    def outcome(self, client):
        """True: found; None: put off. Never a word that there is no such user."""
        return {"250 2.1.5": True, "451 4.4.3": None}[client.reply().status]

    def is_asked_without_database(self, client):
        return client.command("NOOP").code == 250


class Logins:
    """lmtpd-auth, asked for a login."""

    section, user_section, query = "auth", "auth", "password_query"
    wrong_query = "SELECT email, nothing FROM virtual_users WHERE email = '%u'"
    root_words = "auth.user says so"

    def __init__(self, make):
        self.make = make

    def client(self, daemon):
        return daemon.client()

    def greets(self, daemon):
        with daemon.client():
            return True

    def send(self, client):
        client.send_plain(EMAIL1, PASSWORD1)

    def outcome(self, client):
        """A connection that closes is 454."""
        try:
            return {"OK": True}[client.answer().verb]
        except (EOFError, ConnectionResetError):
            return None


@pytest.fixture(params=[Mail, Logins], ids=["lmtpd", "lmtpd-auth"])
def kind(request, make_lmtpd, make_auth):
    return request.param({Mail: make_lmtpd, Logins: make_auth}[request.param])


@pytest.fixture
def silent(database):
    """Where connections are taken and nothing is said."""
    impostor = Impostor(database.port)
    impostor.become("silent")
    yield impostor
    impostor.close()


def host_of(impostor):
    return f"127.0.0.1:{impostor.port}"


def outcome(kind, daemon):
    with kind.client(daemon) as client:
        kind.send(client)
        return kind.outcome(client)


def connects(path):
    """A socket has its name a moment before somebody listens there."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def timed(function, *arguments):
    began = time.monotonic()
    return function(*arguments), time.monotonic() - began


# --- start ------------------------------------------------------------------

@pytest.mark.parametrize("n_hosts", [1, 2])
def test_greets_without_the_database(kind, silent, n_hosts):
    """Postfix's smtpd ends itself when there is no handshake within 10 s, and port 25 with it."""
    daemon = kind.make(mysql={"hosts": [host_of(silent)] * n_hosts, "timeout": HANGS})
    began = time.monotonic()
    daemon.launch()
    wait_until(lambda: connects(daemon.socket), 60, "socket")
    greeted, seconds = timed(kind.greets, daemon)
    assert greeted and seconds < SOON
    assert time.monotonic() - began < HANGS


@pytest.mark.parametrize("n_hosts", [1, 2])
def test_question_before_the_first_connection(kind, silent, n_hosts):
    """It waits as long as the database may take, over all hosts, and no longer."""
    daemon = kind.make(mysql={"hosts": [host_of(silent)] * n_hosts, "timeout": TIMEOUT}).start()
    found, seconds = timed(outcome, kind, daemon)
    assert found is None
    assert TIMEOUT - 1 < seconds < 2 * TIMEOUT


def test_question_is_answered_when_the_database_comes(kind, database, silent):
    """What has begun to wait is not lost when the first host says nothing and the second is well."""
    daemon = kind.make(mysql={
        "hosts": [host_of(silent), f"127.0.0.1:{database.port}"], "timeout": 4}).start()
    assert outcome(kind, daemon) is True


def test_queue_waits_as_long_as_the_hosts_may_take(make_lmtpd, database, silent):
    """One connection, which gets through to the third host after 2 s: who waits for it is not put off
    after the time of one host."""
    good = f"127.0.0.1:{database.port}"
    daemon = make_lmtpd(mysql={
        "hosts": [host_of(silent)] * 2 + [good] * 2, "timeout": 1, "connections": 1}).start()
    first, second = daemon.session(), daemon.session()
    for client in (first, second):
        client.mail()
    first.send(f"RCPT TO:<{EMAIL1}>\r\n")
    time.sleep(0.2)  # not together with the first
    assert second.rcpt(EMAIL1).status == "250 2.1.5"
    assert first.reply().status == "250 2.1.5"
    first.quit()
    second.quit()


def test_starts_without_a_table(kind, database):
    """As in a restore: a daemon that is running goes on, so one that starts must too."""
    database.sql("RENAME TABLE virtual_users TO away")
    try:
        daemon = kind.make().start()
        assert outcome(kind, daemon) is None
        [line] = daemon.wait_for_log(event="start", level="error")
        assert kind.query in line["reason"] and "virtual_users" in line["reason"]
    finally:
        database.sql("RENAME TABLE away TO virtual_users")
    assert outcome(kind, daemon) is True


def test_bad_replica_does_not_hide_a_good_one(kind, database):
    """The account of 127.0.0.1 is another than that of the socket, and may not read."""
    account = {"user": "halfway", "password": "halfway"}
    database.sql("CREATE USER 'halfway'@'127.0.0.1' IDENTIFIED BY 'halfway'; "
                 "GRANT SELECT ON mailserver.virtual_domains TO 'halfway'@'127.0.0.1'; "
                 "CREATE USER 'halfway'@'localhost' IDENTIFIED BY 'halfway'; "
                 "GRANT SELECT ON mailserver.* TO 'halfway'@'localhost'")
    try:
        daemon = kind.make(mysql={
            "hosts": [f"127.0.0.1:{database.port}", f"unix:{database.socket}"], **account}).start()
        assert outcome(kind, daemon) is True
    finally:
        database.sql("DROP USER 'halfway'@'127.0.0.1', 'halfway'@'localhost'")


def test_hangup_during_the_start(kind, directory):
    """It reloads then, and does not kill."""
    fifo = directory / "password"
    os.mkfifo(fifo)
    fifo.chmod(0o644)
    daemon = kind.make()
    password = daemon.config["mysql"].pop("password")
    daemon.configure(mysql={"password_file": str(fifo)})
    daemon.launch()
    with open(fifo, "w") as writer:  # the daemon has come as far as its password
        daemon.signal(signal.SIGHUP)
        time.sleep(0.2)
        fifo.unlink()
        fifo.write_text(password)  # for the reload
        fifo.chmod(0o644)
        writer.write(password)
    daemon.wait_until_answers(daemon.is_answering)
    [line] = daemon.wait_for_log(event="reload")
    assert line["reason"] == "the new configuration is in force"
    assert outcome(kind, daemon) is True


@pytest.mark.skipif(not IS_ROOT, reason="NOT ROOT: run it with sudo to test this too")
def test_runs_as_root_and_says_so(kind):
    daemon = kind.make(starts_as_root=True, **{kind.user_section: {"user": "0", "group": "0"}})
    daemon.start()
    assert [line for line in daemon.log(event="start", level="warning")
            if kind.root_words in line["reason"]]


# --- reload -----------------------------------------------------------------

def test_newest_of_two_reloads_counts(kind, database, silent):
    """The first asks a host that says nothing; until that is known the mended file is in force."""
    daemon = kind.make(mysql={"timeout": HANGS}).start()
    good = daemon.config_path.read_text()
    daemon.configure(mysql={"hosts": [host_of(silent)], kind.query: kind.wrong_query})
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: silent.clients, 60, "question of the first")
    daemon.config_path.write_text(good)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(event="reload", reason="the new configuration is in force")
    silent.become("rude")  # now it is known
    time.sleep(1)
    assert outcome(kind, daemon) is True
    assert len(daemon.log(event="reload")) == 1


def test_refused_file_does_not_undo_the_one_before(kind, database):
    """A typo is refused at once; what was asked for before it still comes."""
    daemon = kind.make().start()
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good + "nonsense = 1\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(event="reload", level="error")
    daemon.config_path.write_text(good)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(event="reload", reason="the new configuration is in force")
    assert outcome(kind, daemon) is True


def test_refused_file_is_not_forgotten(kind, database, silent):
    """The one before it is still being tried then, and comes into force: the file says something else."""
    daemon = kind.make(mysql={"timeout": HANGS}).start()
    good = daemon.config_path.read_text()
    daemon.configure(mysql={"hosts": [host_of(silent), f"127.0.0.1:{database.port}"]})
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: silent.clients, 60, "question of the first")
    daemon.config_path.write_text(good + "nonsense = 1\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(event="reload", level="error")
    daemon.config_path.write_text(good)  # for --status, which reads it
    silent.become("rude")  # so that the next host is asked
    daemon.wait_for_log(event="reload", reason="the new configuration is in force")
    assert '"reload_failed":1' in daemon.run("--status", "--json").stdout


@pytest.mark.parametrize("key, value", [
    ("listen", "unix:/nowhere/socket"), ("socket_mode", 0o640), ("socket_user", "0"),
    ("control", "/nowhere/control"), ("user", "1"),
])
def test_keys_that_need_a_restart(kind, key, value):
    daemon = kind.make().start()
    section = kind.user_section if key == "user" else kind.section
    daemon.configure(**{section: {key: [value] if key == "listen" else value}})
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log(event="reload", reason="the new configuration is in force")
    [line] = daemon.log(event="reload", level="warning")
    assert "with a restart only" in line["reason"] and key in line["reason"].replace("_*", "_mode "
                                                                                   "socket_user")


def test_idle_sessions_move_to_the_new_configuration(make_lmtpd):
    """Eight of them and eight reloads made 613 threads."""
    daemon = make_lmtpd(lmtp={"recipient_limit": 1}).start()
    before = daemon.threads()
    sessions = []
    for turn in range(8):
        sessions.append(daemon.session())
        daemon.configure(lmtp={"recipient_limit": turn + 2})
        daemon.reload()
        daemon.wait_for_log(turn + 1, event="reload", reason="the new configuration is in force")
    wait_until(lambda: daemon.threads() <= before, 60, "end of the old threads")
    for session in sessions:
        session.mail()
        assert [session.rcpt(EMAIL1).code for _ in range(10)] == [250] * 9 + [452]
        session.quit()


def test_session_moves_when_its_transaction_ends(make_lmtpd):
    daemon = make_lmtpd(lmtp={"recipient_limit": 1}).start()
    before = daemon.threads()
    with daemon.session() as session:
        session.mail()
        assert session.rcpt(EMAIL1).code == 250
        daemon.configure(lmtp={"recipient_limit": 2})
        daemon.reload()
        daemon.wait_for_log(event="reload", reason="the new configuration is in force")
        assert session.rcpt(EMAIL1).code == 452
        session.command("RSET")
        wait_until(lambda: daemon.threads() <= before, 60, "end of the old threads")
        session.mail()
        assert [session.rcpt(EMAIL1).code for _ in range(3)] == [250, 250, 452]


# --- end --------------------------------------------------------------------

def test_ends_though_look_ups_hang(kind, silent):
    """Nothing is promised to who waits for an answer of the database."""
    daemon = kind.make(mysql={"hosts": [host_of(silent)] * 2, "timeout": HANGS}).start()
    clients = [kind.client(daemon) for _ in range(3)]
    for client in clients:
        kind.send(client)
    time.sleep(0.3)
    daemon.signal(signal.SIGTERM)
    outcomes = []
    for client in clients:
        outcomes.append(kind.outcome(client))
        client.close()
    assert outcomes == [None] * 3
    code, seconds = timed(daemon.stop)
    assert code == 0 and seconds < SOON


def test_signals_that_come_again_do_not_kill(kind):
    """Between two system calls of the end each of them had its default action."""
    for _ in range(10):
        daemon = kind.make().start()
        client = kind.client(daemon)
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log(event="stop")  # no reload begins any more
        for turn in itertools.count():
            if not daemon.is_running():
                break
            if turn == 100:
                client.close()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                daemon.process.send_signal(number)
        assert daemon.process.returncode == 0


def test_ends_soon_after_its_start(kind, silent):
    daemon = kind.make(mysql={"hosts": [host_of(silent)], "timeout": HANGS}).start()
    code, seconds = timed(daemon.stop)
    assert code == 0 and seconds < SOON
