"""Postfix's smtpd logs its clients in through lmtpd-auth, configured as the guide configures it."""

import re
import smtplib
import socket
import ssl
import time

import pytest

from harness.auth import (
    EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, base64_of, plain_response, set_password,
)
from harness.process import run_checked, wait_until

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.needs_root

ARGON2 = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub"
ELSEWHERE = "friend@elsewhere.example"
GOOD = {"user": EMAIL1, "password": PASSWORD1}


def replies(done):
    """What the server said in a run of swaks, which marks errors with <**."""
    return re.findall(r"^<\S+ +(\d{3}[ -].*)$", done.stdout, re.MULTILINE)


def has_reply(done, start):
    return any(reply.startswith(start) for reply in replies(done))


def assert_logged_in(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert has_reply(done, "235 2.7.0"), done.stdout


def assert_refused(done, start):
    """swaks says 28 when the login failed."""
    assert done.returncode == 28, done.stdout + done.stderr
    assert has_reply(done, start), done.stdout
    assert not has_reply(done, "235"), done.stdout


class Smtp:
    """A session with Postfix, reply by reply."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def reply(self):
        while True:
            line = self.file.readline().decode().rstrip()
            if line[3:4] != "-":
                return line

    def command(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def hello(self):
        assert self.command("EHLO client.example.net").startswith("250")
        return self


@pytest.mark.quick
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_login_with_swaks(auth_machine, mechanism):
    postfix, daemon = auth_machine
    assert_logged_in(postfix.swaks(**GOOD, mechanism=mechanism))
    [line] = daemon.wait_for_log(event="auth")
    assert (line["user"], line["mech"], line["rip"], line["result"]) == (
        EMAIL1, mechanism, "127.0.0.1", "ok")
    wait_until(lambda: f"sasl_method={mechanism}, sasl_username={EMAIL1}" in postfix.log(), 60,
               "Postfix's own line")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("user", [EMAIL1, "nobody@example.com"])
def test_wrong_password_and_unknown_user(auth_machine, mechanism, user):
    """The same reply after the same delay, and nothing of ours in it."""
    postfix, daemon = auth_machine
    daemon.configure(auth={"failure_delay": 1})
    daemon.reload()
    began = time.monotonic()
    done = postfix.swaks(user=user, password="wrong", mechanism=mechanism)
    assert 0.95 < time.monotonic() - began < 10
    assert_refused(done, "535 5.7.8 Error: authentication failed: (reason unavailable)")
    [line] = daemon.wait_for_log(event="auth")
    assert (line["user"], line["mech"], line["rip"], line["result"]) == (
        user, mechanism, "127.0.0.1", "fail")


def test_names_in_postfixs_log_are_the_rows(auth_machine, database):
    postfix, daemon = auth_machine
    assert_logged_in(postfix.swaks(user="EMAIL1@EXAMPLE.COM", password=PASSWORD1))
    wait_until(lambda: f"sasl_username={EMAIL1}" in postfix.log(), 60, "the row's name")


def test_every_way_to_say_it(auth_machine):
    """Initial responses, none, an empty one, mechanisms in lower case; all in one session each."""
    postfix, _ = auth_machine
    good = plain_response(EMAIL1, PASSWORD1)
    ways = [
        [f"AUTH PLAIN {good}"],
        [f"auth plain {good}"],
        ["AUTH PLAIN", good],
        ["AUTH LOGIN", base64_of(EMAIL1), base64_of(PASSWORD1)],
        [f"AUTH LOGIN {base64_of(EMAIL1)}", base64_of(PASSWORD1)],
        ["AUTH LOGIN =", base64_of(EMAIL1), base64_of(PASSWORD1)],
    ]
    for way in ways:
        with Smtp(postfix.plain_port).hello() as smtp:
            said = [smtp.command(line) for line in way]
        assert said[-1].startswith("235 2.7.0"), (way, said)
        assert all(reply[:3] == "334" for reply in said[:-1])


@pytest.mark.parametrize("way", [
    ["AUTH PLAIN ="], ["AUTH PLAIN AAAA"], ["AUTH PLAIN " + base64_of("no NUL")],
    ["AUTH PLAIN " + base64_of(f"root\0{EMAIL1}\0{PASSWORD1}")], ["AUTH PLAIN", ""],
    ["AUTH LOGIN", ""], ["AUTH LOGIN", base64_of("us\0er")],
    ["AUTH LOGIN", base64_of(EMAIL1), base64_of("x" * 5000)],
    ["AUTH PLAIN " + "QUJD" * 200],
])
def test_malformed_logins(auth_machine, way):
    """535 for this one, and the next one in the same session works."""
    postfix, daemon = auth_machine
    with Smtp(postfix.plain_port).hello() as smtp:
        said = [smtp.command(line) for line in way]
        assert said[-1][:3] in ("535", "501"), said
        reply = smtp.command("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))
        assert reply.startswith("235 2.7.0"), reply


def test_client_aborts(auth_machine):
    """Postfix does not tell us; the next login of the same connection must not suffer."""
    postfix, daemon = auth_machine
    with Smtp(postfix.plain_port).hello() as smtp:
        for _ in range(3):
            assert smtp.command("AUTH LOGIN").startswith("334")
            assert smtp.command("*").startswith("501")
        assert smtp.command("AUTH LOGIN").startswith("334")
        assert smtp.command(base64_of(EMAIL1)).startswith("334")
        assert smtp.command("*").startswith("501")
        assert smtp.command("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))[:3] == "235"


def test_mechanism_that_is_not_offered(auth_machine):
    postfix, daemon = auth_machine
    with Smtp(postfix.plain_port).hello() as smtp:
        assert smtp.command("AUTH CRAM-MD5")[:3] in ("535", "504")
        assert smtp.command("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))[:3] == "235"


def test_mechanisms_that_postfix_offers(auth_machine):
    """Without TLS only where that is allowed, as the guide has it."""
    postfix, _ = auth_machine
    with smtplib.SMTP("127.0.0.1", postfix.plain_port, timeout=60) as client:
        client.ehlo("client.example.net")
        assert set(client.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.ehlo("client.example.net")
        assert "auth" not in client.esmtp_features
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo("client.example.net")
        assert set(client.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_login_under_tls(auth_machine, mechanism):
    """The guide's port: STARTTLS first."""
    postfix, daemon = auth_machine
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo("client.example.net")
        client.user, client.password = EMAIL1, PASSWORD1
        login = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}[mechanism]
        assert client.auth(mechanism, login)[0] == 235
        client.mail(EMAIL1)
        assert client.rcpt(ELSEWHERE)[0] == 250
    assert daemon.wait_for_log(event="auth")[0]["result"] == "ok"


# --- relaying ---------------------------------------------------------------

def test_relay_without_login(auth_machine):
    postfix, _ = auth_machine
    done = postfix.swaks(to=ELSEWHERE)
    assert has_reply(done, "454 4.7.1") or has_reply(done, "554 5.7.1"), done.stdout
    assert "Relay access denied" in done.stdout
    assert done.returncode == 24


def test_relay_with_login(auth_machine):
    postfix, _ = auth_machine
    done = postfix.swaks(**GOOD, to=ELSEWHERE)
    assert_logged_in(done)
    assert has_reply(done, "250 2.1.5"), done.stdout


def test_relay_with_a_failed_login(auth_machine):
    """The login fails, the session goes on as a stranger's."""
    postfix, _ = auth_machine
    with Smtp(postfix.plain_port).hello() as smtp:
        assert smtp.command("AUTH PLAIN " + plain_response(EMAIL1, "wrong")).startswith("535")
        assert smtp.command(f"MAIL FROM:<{EMAIL1}>").startswith("250")
        reply = smtp.command(f"RCPT TO:<{ELSEWHERE}>")
        assert reply[:3] in ("454", "554") and "Relay access denied" in reply


def test_mail_to_our_own_needs_no_login(auth_machine):
    postfix, _ = auth_machine
    done = postfix.swaks(to=EMAIL2)
    assert done.returncode == 0, done.stdout
    assert has_reply(done, "250 2.1.5")


def test_the_whole_way(auth_machine, make_lmtpd):
    """Log in, send to an alias: lmtpd-auth opens the door, lmtpd writes the file; no Dovecot."""
    postfix, _ = auth_machine
    daemon = make_lmtpd(
        starts_as_root=True,
        lmtp={"listen": [f"unix:{postfix.lmtp_socket}"], "socket_user": "postfix",
              "socket_group": "postfix", "socket_mode": 0o600},
    )
    daemon.socket = postfix.lmtp_socket
    daemon.start()
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.login(EMAIL2, PASSWORD2)
        client.sendmail(EMAIL2, ["alias@example.com"], "Subject: by login\r\n\r\nText\r\n")
    wait_until(lambda: daemon.reached() == {"example.com/email1": 1}, 60, "delivery")
    stored = daemon.mailbox("example.com/email1").message()
    assert b"Subject: by login\n" in stored.content


# --- accidents --------------------------------------------------------------

def test_database_stopped(auth_machine, database):
    """"Try again later", and never "wrong password": mail programs ask for a new one then."""
    postfix, daemon = auth_machine
    assert_logged_in(postfix.swaks(**GOOD))
    database.stop()
    for user, password in ((EMAIL1, PASSWORD1), (EMAIL1, "wrong"), ("nobody@example.com", "x")):
        done = postfix.swaks(user=user, password=password)
        assert_refused(done, "454 4.7.0 Temporary authentication failure")
        assert not has_reply(done, "535")
    assert len(daemon.wait_for_log(3, event="auth", result="error")) == 3
    database.start()
    # Postfix's own maps take a minute to recover, so no RCPT here.
    assert has_reply(postfix.swaks(**GOOD), "235 2.7.0")


def test_hash_of_an_unknown_method(auth_machine, database):
    postfix, daemon = auth_machine
    set_password(database, EMAIL1, ARGON2)
    done = postfix.swaks(**GOOD)
    assert_refused(done, "454 4.7.0 Temporary authentication failure")
    [line] = daemon.wait_for_log(event="auth")
    assert (line["level"], line["user"], line["result"]) == ("error", EMAIL1, "error")
    assert "hash" in line["reason"] and "lmtpd-auth --check" in line["reason"]
    assert ARGON2[:20] not in daemon.output()
    assert_logged_in(postfix.swaks(user=EMAIL2, password=PASSWORD2))


def test_restart_between_logins(auth_machine):
    """smtpd keeps its connection to us, finds it closed and takes a new one: nobody notices."""
    postfix, daemon = auth_machine
    with Smtp(postfix.plain_port).hello() as idle:
        for _ in range(3):
            assert_logged_in(postfix.swaks(**GOOD))
            assert daemon.stop() == 0
            daemon.start()
        assert idle.command("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))[:3] == "235"
        assert_logged_in(postfix.swaks(**GOOD))


def test_restart_within_a_login(auth_machine):
    """Between challenge and response: try again later."""
    postfix, daemon = auth_machine
    with Smtp(postfix.plain_port).hello() as smtp:
        assert smtp.command("AUTH LOGIN").startswith("334")
        daemon.stop()
        daemon.start()
        assert smtp.command(base64_of(EMAIL1)).startswith("454 4.7.0")
        assert smtp.command("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))[:3] == "235"


def test_reload_between_logins(auth_machine):
    """Started as root, it reads its file again as the user that it has become."""
    postfix, daemon = auth_machine
    with Smtp(postfix.plain_port).hello() as smtp:
        daemon.configure(auth={"failure_delay": 3})
        assert "level" not in daemon.reload()
        began = time.monotonic()
        assert smtp.command("AUTH PLAIN " + plain_response(EMAIL1, "wrong")).startswith("535")
        assert 2.95 < time.monotonic() - began < 5
        assert smtp.command("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))[:3] == "235"


def test_many_smtpds(auth_machine):
    """Sixty sessions at a time log in at once: each gets the answer that it deserves."""
    postfix, daemon = auth_machine
    sessions = [Smtp(postfix.plain_port).hello() for _ in range(60)]
    for number, smtp in enumerate(sessions):
        password = PASSWORD1 if number % 4 else "wrong"
        smtp.socket.sendall(f"AUTH PLAIN {plain_response(EMAIL1, password)}\r\n".encode())
    for number, smtp in enumerate(sessions):
        reply = smtp.reply()
        assert reply.startswith("235" if number % 4 else "535"), (number, reply)
        smtp.socket.close()
    assert len(daemon.log(result="ok")) == 45
    assert len(daemon.log(result="fail")) == 15


def test_guessing_from_one_address(auth_machine):
    """Each failure waits longer, none for longer than Postfix bears, and the owner gets in."""
    postfix, daemon = auth_machine
    for number in range(4):
        with Smtp(postfix.plain_port).hello() as smtp:
            began = time.monotonic()
            reply = smtp.command("AUTH PLAIN " + plain_response(EMAIL1, "guess"))
            assert reply.startswith("535 5.7.8")
            assert number * 0.5 - 0.05 < time.monotonic() - began < 5
    assert_logged_in(postfix.swaks(**GOOD))


def test_postfix_says_nothing_bad(auth_machine):
    """Neither warnings of smtpd about us nor fatal ends, over all kinds of logins."""
    postfix, daemon = auth_machine
    start = len(postfix.log())
    assert_logged_in(postfix.swaks(**GOOD))
    postfix.swaks(user=EMAIL1, password="wrong")
    postfix.swaks(user="ä ö\"@example.com", password="ü", mechanism="LOGIN")
    time.sleep(0.2)
    said = postfix.log()[start:]
    assert "fatal:" not in said and "panic:" not in said
    warnings = [line for line in said.splitlines() if "warning:" in line]
    assert all("authentication failed" in line for line in warnings), warnings
    assert run_checked("postfix", "-c", postfix.base / "etc", "status") is not None
