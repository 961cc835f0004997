"""The life of the process: users, sockets, signals."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import time

import pytest

from harness.lmtp import Client, message, stuffed
from harness.process import MAIL_GROUP, MAIL_ID, wait_until

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"


# --- users ------------------------------------------------------------------

@pytest.mark.needs_root
def test_root_is_given_up_for_good(make_lmtpd):
    daemon = make_lmtpd(starts_as_root=True).start()
    tasks = daemon.tasks()
    assert len(tasks) > 1
    for status in tasks:
        assert status["Uid"].split() == [str(MAIL_ID)] * 4
        assert status["Gid"].split() == [str(MAIL_GROUP)] * 4
        assert set(status["Groups"].split()) <= {str(MAIL_GROUP)}
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[capabilities], 16) == 0, capabilities


@pytest.mark.needs_root
def test_start_with_a_capability(make_lmtpd):
    """It could become root with it, or read all mail."""
    daemon = make_lmtpd(starts_as_root=True)
    daemon.launch(wrapper=[
        "setpriv", f"--reuid={daemon.user}", f"--regid={daemon.group}", "--clear-groups",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override"])
    assert daemon.process.wait(60) == 78
    assert "has capabilities" in daemon.output()


@pytest.mark.needs_root
def test_socket_made_as_root(make_lmtpd, directory):
    """Owner and mode are Postfix's, though the directory is one that only root may write."""
    private = directory / "private"
    private.mkdir(mode=0o755)
    daemon = make_lmtpd(starts_as_root=True, lmtp={
        "listen": [f"unix:{private}/lmtp"], "socket_user": "postfix", "socket_group": "postfix",
        "socket_mode": 0o600,
    })
    daemon.socket = private / "lmtp"
    daemon.start()
    status = daemon.socket.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert daemon.socket.owner() == "postfix" and daemon.socket.group() == "postfix"
    with daemon.session() as session:
        session.deliver(EMAIL1)
    assert daemon.mailbox("example.com/email1").message().path.stat().st_uid == MAIL_ID


@pytest.mark.needs_root
def test_user_that_does_not_exist(make_lmtpd):
    code, said = make_lmtpd(
        starts_as_root=True, maildir={"user": "no-such-user"}).fails_to_start()
    assert code == 78
    assert "no-such-user" in said


def test_socket_mode(lmtpd):
    daemon = lmtpd(lmtp={"socket_mode": 0o660})
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660


# --- sockets ----------------------------------------------------------------

def test_second_daemon_on_the_same_socket(lmtpd, make_lmtpd):
    first = lmtpd()
    second = make_lmtpd(lmtp={"listen": [f"unix:{first.socket}"]})
    code, said = second.fails_to_start()
    assert code != 0
    assert str(first.socket) in said
    with first.session() as session:
        session.deliver(EMAIL1)


def test_socket_left_by_a_killed_daemon(make_lmtpd):
    daemon = make_lmtpd().start()
    daemon.kill()
    assert daemon.socket.exists()
    daemon.start()
    with daemon.session() as session:
        session.deliver(EMAIL1)


def test_file_in_the_place_of_the_socket(make_lmtpd):
    """Only sockets are replaced: a mistyped path must not cost a file."""
    daemon = make_lmtpd()
    daemon.socket.write_text("precious")
    code, said = daemon.fails_to_start()
    assert code != 0
    assert str(daemon.socket) in said
    assert daemon.socket.read_text() == "precious"


def test_socket_handed_over(make_lmtpd, directory):
    """As systemd does it: the socket is file 3, and wins over the configuration."""
    handed = directory / "handed"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(handed))
        listener.listen(100)
        handed.chmod(0o666)
        daemon = make_lmtpd()
        configured, daemon.socket = daemon.socket, handed
        daemon.launch(
            wrapper=["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh"],
            preexec_fn=lambda: os.dup2(listener.fileno(), 3), pass_fds=[3],
        )
        daemon.wait_until_answers(daemon.is_answering)
    assert not configured.exists()
    with daemon.session() as session:
        session.deliver(EMAIL1)
    assert daemon.stop() == 0
    assert handed.exists(), "a socket that was handed over is not ours to remove"


def test_several_listeners(make_lmtpd, directory):
    paths = [directory / "first", directory / "second"]
    daemon = make_lmtpd(lmtp={"listen": [f"unix:{path}" for path in paths]})
    daemon.socket = paths[0]
    daemon.start()
    for path in paths:
        with Client(path) as client:
            client.hello()


# --- end --------------------------------------------------------------------

def test_sigterm_when_idle(lmtpd):
    daemon = lmtpd()
    assert daemon.stop() == 0
    assert not daemon.is_answering()


def test_sigterm_tells_idle_sessions(lmtpd):
    """After a moment in which a transaction may begin yet."""
    daemon = lmtpd()
    fresh = daemon.session()
    used = daemon.session()
    used.deliver(EMAIL1)
    daemon.signal(signal.SIGTERM)
    for session in (fresh, used):
        assert session.reply().status == "421 4.3.2"
        assert session.is_closed()
    assert daemon.process.wait(60) == 0


def test_sigterm_within_a_transaction(lmtpd):
    """It goes on to its end: a 421 now would make Postfix put the message off for minutes."""
    daemon = lmtpd()
    session = daemon.session()
    session.mail()
    session.rcpt(EMAIL1)
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: not daemon.is_answering(), 60, "end of listening")
    assert session.rcpt(EMAIL2).code == 250
    assert session.command("DATA").code == 354
    session.send(stuffed(message()))
    assert [session.reply().status for _ in range(3)] == ["250 2.0.0", "250 2.0.0", "421 4.3.2"]
    assert session.is_closed()
    assert daemon.process.wait(60) == 0
    daemon.mailbox("example.com/email1").message()


@pytest.mark.parametrize("hello", ["before", "behind"])
def test_sigterm_with_a_transaction_on_its_way(lmtpd, hello):
    """What a client sends that was let in just before is taken too, and nothing after it."""
    daemon = lmtpd()
    session = daemon.connect()
    assert session.reply().code == 220
    if hello == "before":
        session.command("LHLO client.example.net")
    daemon.signal(signal.SIGTERM)
    if hello == "behind":
        session.command("LHLO client.example.net")
    session.deliver(EMAIL1)
    assert session.reply().status == "421 4.3.2"
    assert session.is_closed()
    assert daemon.process.wait(60) == 0
    daemon.mailbox("example.com/email1").message()


def test_sigterm_and_a_transaction_that_is_given_up(lmtpd):
    """RSET, which is also how Postfix asks whether a session can be used again."""
    daemon = lmtpd()
    session = daemon.session()
    session.mail()
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_log(event="stop")
    assert session.command("RSET").code == 250
    assert session.command("RSET").status == "421 4.3.2"
    assert session.is_closed()
    assert daemon.process.wait(60) == 0


@pytest.mark.parametrize("before, after", [
    (b"", message() + b".\r\n"), (message(), b".\r\n"), (message() + b".", b"\r\n"),
], ids=["before the body", "within it", "within its end"])
def test_sigterm_within_a_message(lmtpd, before, after):
    """A body that is on its way is taken, stored and answered; then the session ends."""
    daemon = lmtpd()
    session = daemon.session()
    session.mail()
    session.rcpt(EMAIL1)
    session.command("DATA")
    session.send(before)
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: not daemon.is_answering(), 60, "end of listening")
    session.send(after)
    assert session.reply().status == "250 2.0.0"
    assert session.reply().status == "421 4.3.2"
    assert session.is_closed()
    assert daemon.process.wait(60) == 0
    daemon.mailbox("example.com/email1").message()


def test_sigterm_past_the_last_dot(lmtpd, faults):
    """The disk still works on the message: it is finished and answered."""
    daemon = lmtpd(environment=faults(fsync_delay_ms=300))
    session = daemon.session()
    session.mail()
    session.rcpt(EMAIL1)
    session.command("DATA")
    session.send(stuffed(message()))
    assert session.is_silent(0.1)
    daemon.signal(signal.SIGTERM)
    assert session.reply().status == "250 2.0.0"
    assert daemon.process.wait(60) == 0
    daemon.mailbox("example.com/email1").message()


def test_client_leaves_past_the_last_dot(lmtpd, faults):
    """Nobody reads the reply: the message is stored or not, but never half."""
    daemon = lmtpd(environment=faults(fsync_delay_ms=100))
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(stuffed(message()))
        assert session.is_silent(0.05)
    assert daemon.stop() == 0
    assert len(daemon.mailbox("example.com/email1").messages()) <= 1


def test_sigterm_under_load(lmtpd):
    """Whatever was answered with 250 is there, and nothing else."""
    daemon = lmtpd()
    sessions = [daemon.session() for _ in range(40)]
    for session in sessions:
        session.send(f"MAIL FROM:<>\r\nRCPT TO:<{EMAIL1}>\r\nDATA\r\n")
    for session in sessions:
        session.replies(3)
    for number, session in enumerate(sessions):
        session.send(stuffed(message(subject=str(number))))
    daemon.signal(signal.SIGTERM)
    saved = set()
    for number, session in enumerate(sessions):
        if session.reply().code == 250:
            saved.add(b"Subject: %d" % number)
        session.close()
    assert daemon.process.wait(60) == 0
    stored = {stored.content.split(b"\n")[0]
              for stored in daemon.mailbox("example.com/email1").messages()}
    assert stored == saved


def test_sigkill_loses_nothing_acknowledged(lmtpd):
    """What was answered before the kill is there after it, whole."""
    daemon = lmtpd()
    with daemon.session() as session:
        for number in range(10):
            session.deliver(EMAIL1, body=message(subject=str(number)))
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(b"Subject: half\r\n")
        daemon.kill()
    files = daemon.mailbox("example.com/email1").files()
    assert len(files) == 10
    shutil.rmtree(daemon.mailbox("example.com/email1").maildir / "tmp")


# --- reload -----------------------------------------------------------------

def test_reload(lmtpd):
    """The next transaction has the new settings; one that is under way keeps its own."""
    daemon = lmtpd()
    old = daemon.session()
    old.mail()
    daemon.configure(lmtp={"recipient_limit": 1, "recipient_delimiter": "-"})
    daemon.reload()

    def has_changed():
        with daemon.session() as session:
            session.mail()
            return session.rcpt("email1-x@example.com").code == 250

    wait_until(has_changed, 60, "reload")
    with daemon.session() as session:
        session.mail()
        assert session.rcpt(EMAIL1).code == 250
        assert session.rcpt(EMAIL1).status == "452 4.5.3"
    assert old.rcpt("email1+x@example.com").code == 250
    assert old.rcpt(EMAIL1).code == 250
    assert [reply.code for reply in old.data(message(), 2)] == [250, 250]
    old.quit()


def test_reload_of_a_broken_configuration(lmtpd):
    """The running settings stay, and the log says why."""
    daemon = lmtpd()
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good + "nonsense = 1\n")
    daemon.reload()
    wait_until(lambda: "nonsense" in daemon.output(), 60, "complaint in the log")
    with daemon.session() as session:
        session.deliver(EMAIL1)
    daemon.config_path.write_text(good)


def test_reload_with_a_wrong_password(lmtpd):
    """What the server refuses now is no reason to give up what works."""
    daemon = lmtpd()
    daemon.configure(mysql={"password": "not-the-right-one"})
    daemon.reload()
    [line] = daemon.wait_for_log(event="reload")
    assert "the old configuration stays" in line["reason"]
    with daemon.session() as session:
        session.deliver(EMAIL1)


def test_reload_of_a_new_database(lmtpd, database):
    """Changed queries and credentials take effect without a restart."""
    daemon = lmtpd()
    daemon.configure(mysql={
        "user_query": "SELECT email FROM virtual_users WHERE email = '%u' AND 1 = 0"})
    daemon.reload()

    def is_unknown():
        with daemon.session() as session:
            session.mail()
            return session.rcpt(EMAIL1).status == "550 5.1.1"

    wait_until(is_unknown, 60, "reload")


# --- systemd ----------------------------------------------------------------

@pytest.fixture
def manager(directory):
    """The socket on which systemd listens for the state of its services."""
    path = directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        path.chmod(0o666)
        manager.settimeout(20)
        yield manager


def hear(manager):
    return manager.recv(4096).decode().splitlines()


def test_notifies_systemd(make_lmtpd, manager):
    daemon = make_lmtpd(environment={"NOTIFY_SOCKET": manager.getsockname()})
    daemon.launch()
    assert hear(manager) == ["READY=1", "STATUS=serves 1 sockets"]
    assert daemon.is_answering()
    daemon.reload()
    reloading = hear(manager)
    assert reloading[0] == "RELOADING=1" and reloading[1].startswith("MONOTONIC_USEC=")
    assert hear(manager) == ["READY=1", "STATUS=serves 1 sockets"]
    daemon.configure(lmtp={"recipient_limit": 0})
    daemon.reload()
    hear(manager)
    ready, why = hear(manager)
    assert ready == "READY=1" and "the old configuration stays" in why and "recipient_limit" in why
    daemon.configure(lmtp={"recipient_limit": 5})
    daemon.reload()
    hear(manager)
    assert hear(manager) == ["READY=1", "STATUS=serves 1 sockets"]
    assert '"reload_failed":0' in daemon.run("--status", "--json").stdout
    daemon.signal(signal.SIGTERM)
    assert hear(manager) == ["STOPPING=1", "STATUS=finishes 0 connections"]
    assert daemon.process.wait(60) == 0


def test_watchdog_of_systemd(make_lmtpd, manager):
    """It says that it lives as long as its loop turns, and no longer."""
    daemon = make_lmtpd(
        environment={"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"})
    daemon.launch()
    assert hear(manager) == ["READY=1", "STATUS=serves 1 sockets"]
    assert [hear(manager) for _ in range(3)] == [["WATCHDOG=1"]] * 3
    daemon.freeze()
    manager.settimeout(1)
    with pytest.raises(TimeoutError):
        while True:
            hear(manager)
    manager.settimeout(20)
    daemon.thaw()
    assert hear(manager) == ["WATCHDOG=1"]


def test_watchdog_of_another_process(make_lmtpd, manager):
    """A wrapper's own watchdog is no business of ours."""
    daemon = make_lmtpd(
        environment={
            "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "100000",
            "WATCHDOG_PID": "1",
        })
    daemon.launch()
    assert hear(manager) == ["READY=1", "STATUS=serves 1 sockets"]
    manager.settimeout(1)
    with pytest.raises(TimeoutError):
        hear(manager)


def test_log_under_systemd_has_priorities(make_lmtpd):
    """JOURNAL_STREAM names the file that stderr is; then each line begins with <n>."""
    daemon = make_lmtpd()
    daemon.log_path.touch()
    status = daemon.log_path.stat()
    daemon.environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    daemon.start()
    with daemon.session() as session:
        session.deliver(EMAIL1)
    daemon.wait_for_log(event="delivery")
    lines = daemon.output().splitlines()
    assert [line for line in lines if not re.match(r"<[0-7]>", line)] == []


def test_log_elsewhere_has_none(make_lmtpd):
    """Terminals of a desktop inherit JOURNAL_STREAM, but their stderr is another file."""
    daemon = make_lmtpd(environment={"JOURNAL_STREAM": "1:1"}).start()
    with daemon.session() as session:
        session.deliver(EMAIL1)
    daemon.wait_for_log(event="delivery")
    assert not re.search(r"^<\d>", daemon.output(), re.MULTILINE)


def test_idle_daemon_does_nothing(lmtpd):
    """No timer keeps an idle machine awake."""
    daemon = lmtpd()
    assert daemon.comes_to_rest()
