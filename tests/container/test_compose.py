"""The containers of examples/container: mail from Postfix to IMAP, what they may do, and how they end."""

import contextlib
import itertools
import json
import re
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

from confinement import assert_confinement
from conftest import EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, SERVICES, Lmtp, run, wait_until

UNAVAILABLE, TEMPORARY = 69, 75
GRACE = 10  # seconds that podman and Docker give before they kill


# --- mail -------------------------------------------------------------------

def test_mail_and_logins(stack):
    stack.send("first", EMAIL1, EMAIL2)
    stack.wait_for("first")
    stack.wait_for("first", user=EMAIL2, password=PASSWORD2)
    with stack.submission() as client:
        client.login(EMAIL1, PASSWORD1)
        client.sendmail(EMAIL1, [EMAIL2], "Subject: second\r\n\r\nbody\r\n")
    stack.wait_for("first", "second", user=EMAIL2, password=PASSWORD2)
    with stack.submission() as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login(EMAIL1, "wrong")
        assert refused.value.smtp_code == 535
    with smtplib.SMTP("127.0.0.1", 25) as client:
        client.ehlo()
        client.mail("sender@example.net")
        assert client.rcpt("nobody@example.com")[0] == 550
        code, words = client.rcpt("somebody@example.org")
        assert code == 554 and b"Relay access denied" in words, "not even for a port that hides who asks"
    # Logs are the containers' own.
    assert f"to=<{EMAIL1}>" in stack.logs("lmtpd")
    assert re.search(f"event=auth user={EMAIL1} .*result=ok", stack.logs("lmtpd-auth"))
    assert "result=fail" in stack.logs("lmtpd-auth")
    assert "status=sent (250 2.0.0" in stack.logs("postfix")
    assert f"user=<{EMAIL1}>" in stack.logs("dovecot")


def test_nobody_but_whom_it_concerns_reads_hashes(stack):
    """The kernel tells lmtpd's container from lmtpd-auth's, and a password Dovecot's from both."""
    def may_read(uid, account):
        done = run("nsenter", "--target", str(stack.pid("database")), "--mount", "--setuid", str(uid),
                   "--setgid", str(uid), "mariadb", f"--user={account}", "mailserver",
                   "-e", "SELECT password FROM virtual_users", check=False)
        assert done.returncode == 0 or "denied" in done.stdout, done.stdout
        return done.returncode == 0

    assert may_read(5001, "lmtpd-auth") and may_read(5002, "mysql")
    # Postfix's master is root.
    for uid, account in ((5000, "vmail"), (5003, "postfix"), (0, "root"), (0, "mysql"), (0, "lmtpd-auth"),
                         (5000, "lmtpd-auth"), (5000, "dovecot"), (5003, "dovecot")):
        assert not may_read(uid, account), (uid, account)


# --- what they may do -------------------------------------------------------

def test_confinement(stack):
    stack.send("first", EMAIL1)
    stack.wait_for("first")
    assert_confinement(stack)


# --- health -----------------------------------------------------------------

def test_health_of_the_database(stack):
    for service in ("lmtpd", "lmtpd-auth"):
        assert stack.health(service) == 0 and stack.status(service) == (0, "")
    stack.stop("database")
    for service in ("lmtpd", "lmtpd-auth"):
        assert stack.health(service) == 1
        code, words = stack.status(service)
        assert code == UNAVAILABLE and "database: mysql unix:/sockets/database/mysqld.sock" in words
    stack.start("database")
    stack.wait_for_health()


def test_health_of_the_store(stack):
    mail = stack.volume("mail")
    mail.chmod(0o500)
    assert stack.health("lmtpd") == 1 and stack.health("lmtpd-auth") == 0
    code, words = stack.status("lmtpd")
    assert code == TEMPORARY and "store: /var/mail/vhosts: cannot be written to: Permission" in words
    mail.chmod(0o700)
    assert stack.health("lmtpd") == 0


# --- start and end ----------------------------------------------------------

@pytest.mark.parametrize("order", [
    ("postfix", "dovecot", "lmtpd-auth", "lmtpd", "database"),
    ("database", "dovecot", "lmtpd", "lmtpd-auth", "postfix"),
    ("dovecot", "database", "postfix", "lmtpd-auth", "lmtpd"),
    ("lmtpd", "postfix", "database", "lmtpd-auth", "dovecot"),
], ids="-".join)
def test_order_of_the_start(empty, order):
    """With volumes that nobody has filled yet, each a while before the next; none gives up meanwhile."""
    for service in order:
        empty.compose("up", "-d", service)
        time.sleep(3)
    empty.fill()
    for service in SERVICES:
        state = empty.inspect(service)["State"]
        assert state["Running"] and empty.inspect(service)["RestartCount"] == 0, empty.logs(service)
    empty.send("first", EMAIL1)
    empty.wait_for("first")
    with empty.submission() as client:
        client.login(EMAIL1, PASSWORD1)
    assert empty.health("lmtpd") == empty.health("lmtpd-auth") == 0


def test_end_during_a_delivery(stack):
    """What is on its way is taken, and durable, before the process ends."""
    client = Lmtp(stack)
    client.begin(EMAIL1)
    client.socket.sendall(b"Subject: on its way\r\n\r\n")
    stopping = subprocess.Popen(["podman", "stop", stack.name("lmtpd")], stdout=subprocess.DEVNULL)
    time.sleep(2)
    assert stopping.poll() is None
    client.socket.sendall(b"body\r\n.\r\n")
    assert client.reply().startswith("250 2.0.0")
    assert client.reply().startswith("421 4.3.2")
    assert stopping.wait(GRACE) == 0
    assert stack.inspect("lmtpd")["State"]["ExitCode"] == 0
    stack.start("lmtpd")
    stack.wait_for("on its way")


@pytest.mark.parametrize("service", ["lmtpd", "lmtpd-auth", "database", "postfix", "dovecot"])
def test_end_within_the_time_that_there_is(stack, service):
    """Also with a client that never comes to an end: nobody is killed."""
    client = Lmtp(stack)
    client.begin(EMAIL1)
    assert stack.stop(service) < GRACE
    assert stack.inspect(service)["State"]["ExitCode"] == 0


def test_end_at_once(stack):
    """SIGTERM as soon as the first process runs: number 1 would not hear it without a handler."""
    for service, _ in itertools.product(("lmtpd", "lmtpd-auth"), range(3)):
        stack.stop(service)
        stack.start(service)
        wait_until(lambda: "serves" in stack.logs(service).splitlines()[-1]
                   or "serves" in stack.logs(service).splitlines()[-2], 10, "start")
        assert stack.stop(service) < 3
        assert stack.inspect(service)["State"]["ExitCode"] == 0
        stack.start(service)


def test_restart_loses_nothing(stack):
    """Mail that Postfix has taken, and mail that was delivered, with new containers and old volumes."""
    stack.send("delivered", EMAIL1)
    stack.wait_for("delivered")
    stack.stop("lmtpd")
    for number in range(5):
        stack.send(f"waiting {number}", EMAIL1)
    stack.down(keeps_volumes=True)
    stack.compose("up", "-d")
    stack.is_up = True
    stack.wait_for("delivered", *(f"waiting {number}" for number in range(5)))
    run("podman", "kill", stack.name("lmtpd"))
    stack.send("after the kill", EMAIL1)
    run("podman", "start", stack.name("lmtpd"), check=False)  # or it is there again already
    stack.wait_for("delivered", "after the kill", *(f"waiting {number}" for number in range(5)))


# --- configuration ----------------------------------------------------------

@contextlib.contextmanager
def aside(stack, *options, command=()):
    """One more lmtpd beside that of the stack, confined as that is; its name."""
    [network] = stack.inspect("lmtpd")["NetworkSettings"]["Networks"]
    name = f"{stack.directory.name}_aside"
    run("podman", "run", "--detach", "--name", name, "--network", network, "--read-only", "--tmpfs", "/run",
        "--cap-drop", "all", "--security-opt", "no-new-privileges", *options, "localhost/lmtpd", *command)
    try:
        yield name
    finally:
        run("podman", "rm", "--force", name)


@pytest.mark.parametrize("service, prefix, user, greeting", [
    ("lmtpd", "LMTPD", "5000:5000", b"220 "), ("lmtpd-auth", "LMTPD_AUTH", "5001:5001", b"VERSION\t1\t"),
])
@pytest.mark.parametrize("allow, is_served", [("0.0.0.0/0", True), ("192.0.2.1", False)])
def test_over_tcp(stack, service, prefix, user, greeting, allow, is_served):
    """By variables alone: a listener of TCP, for its own network or for somebody else."""
    with aside(stack, "--user", user, "--env", f"{prefix}_LISTEN=inet:0.0.0.0:2400",
               "--env", f"{prefix}_ALLOW={allow}", command=[service]) as name:
        [told] = json.loads(run("podman", "inspect", name).stdout)
        [network] = told["NetworkSettings"]["Networks"].values()
        with wait_until(lambda: socket.create_connection((network["IPAddress"], 2400), 10), 20,
                        "socket") as client:
            said = client.makefile("rb").readline()
        assert said.startswith(greeting) if is_served else said == b""
        assert ("event=refused" in run("podman", "logs", name).stdout) is not is_served


def test_another_account(stack, tmp_path):
    """Of the database, with a password in a file; and the other variables."""
    stack.sql("CREATE USER IF NOT EXISTS other@localhost IDENTIFIED BY 'secret';"
              "GRANT SELECT ON mailserver.* TO other@localhost")
    secret = tmp_path / "secret"
    for password, is_well in (("secret", True), ("wrong", False)):
        secret.write_text(password + "\n")
        secret.chmod(0o444)
        with aside(stack, "--user", "5000:5000", "--env", "DATABASE_USER=other",
                   "--env", "LMTPD_LISTEN=inet:127.0.0.1:2400",
                   "--env", "DATABASE_PASSWORD_FILE=/run/secret", "--env", "LMTPD_HOSTNAME=mx.example.net",
                   "--env", "LMTPD_MESSAGE_SIZE_LIMIT=12345", "--volume", f"{secret}:/run/secret:ro",
                   "--volume", f"{stack.volume('mail')}:/var/mail/vhosts",
                   "--volume", f"{stack.volume('database-socket')}:/sockets/database") as name:
            code = run("podman", "exec", name, "lmtpd", "--status", "--quiet", check=False).returncode
            assert code == (0 if is_well else UNAVAILABLE)
            hello = run("podman", "exec", "-i", name, "lmtpd", "--stdio", input="LHLO me\r\nQUIT\r\n").stdout
            assert "220 mx.example.net " in hello and "SIZE 12345" in hello


def test_a_new_user(stack):
    """As docs/container.md has it, but for the terminal."""
    secret = stack.exec("lmtpd-auth", "lmtpd-auth", "--hash", input="a secret\n").stdout.strip()
    stack.sql(f"""INSERT INTO virtual_users (domain_id, email, password)
                  SELECT id, 'ann@example.com', '{secret}' FROM virtual_domains WHERE name = 'example.com'""")
    done = stack.exec("lmtpd", "lmtpd", "--check", "ann@example.com")
    assert "/var/mail/vhosts/example.com/ann/Maildir" in done.stdout
    stack.send("hello", "ann@example.com")
    stack.wait_for("hello", user="ann@example.com", password="a secret")


def test_a_certificate_of_our_own(empty):
    """With the lines of compose.yaml that are comments."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mail.example.org",
        "-keyout", "mail.pem", "-out", "certificate.pem", cwd=empty.directory)
    certificate = (empty.directory / "certificate.pem").read_text()
    with open(empty.directory / "mail.pem", "a") as file:
        file.write(certificate)
    (empty.directory / "mail.pem").chmod(0o644)
    compose = empty.directory / "compose.yaml"
    before = compose.read_text()
    assert before.count("# - ./mail.pem:/tls/mail.pem:ro") == 2
    compose.write_text(before.replace("# - ./mail.pem", "- ./mail.pem"))
    try:
        empty.up()
        empty.send("hello", EMAIL1)
        empty.wait_for("hello")
        assert ssl.get_server_certificate(("127.0.0.1", 993)) == certificate
        with empty.submission() as client:
            assert ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(True)) == certificate
    finally:
        empty.down()
        compose.write_text(before)
