"""The commands of lmtpd-auth: --hash, --verify, --check, and what stops a start."""

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import termios
import time

import pytest

from harness.auth import (
    AUTH_GROUP, AUTH_ID, EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, set_password)
from harness.process import run

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.quick

METHODS = {
    "sha512crypt": r"\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}",
    "yescrypt": r"\$y\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{22,}\$[./0-9A-Za-z]{43}",
    "bcrypt": r"\$2b\$1\d\$[./0-9A-Za-z]{53}",
    "argon2id": (r"\{ARGON2ID\}\$argon2id\$v=19\$m=65536,t=3,p=1\$"
                 r"[+/0-9A-Za-z]{20}\$[+/0-9A-Za-z]{43}"),
}
ARGON2 = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub"
LINE = re.compile(r"(ok|warn|FAIL)  +(\S[^:]*): .+")


@pytest.fixture
def configured(make_auth):
    return make_auth()


class Terminal:
    """A child whose controlling terminal is ours: what a person would see and type."""

    def __init__(self, command, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # Who runs the tests in the background may have had it ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(command[0], command, environment)
        self.shown = b""
        self.exit_code = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return None
        try:
            return os.read(self.fd, 4096)
        except OSError:  # the other side is gone
            return b""

    def expect(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while text.encode() not in self.shown:
            data = self._read(max(0, deadline - time.monotonic()))
            assert data, (text, self.shown)
            self.shown += data
        # What comes next stands behind it.
        self.shown = self.shown.split(text.encode(), 1)[1]

    def has_echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.fd, text.encode())

    def rest(self, seconds=20):
        """Everything up to the end of the child."""
        deadline = time.monotonic() + seconds
        while data := self._read(max(0, deadline - time.monotonic())):
            self.shown += data
        assert data == b"", ("it does not end", self.shown)
        status = os.waitpid(self.pid, 0)[1]
        self.exit_code = os.waitstatus_to_exitcode(status)
        return self.shown.decode().replace("\r\n", "\n")


def hash_of(binary, password, *method):
    done = run(binary, "--hash", *method, input=password + "\n")
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- --hash -----------------------------------------------------------------

@pytest.mark.parametrize("method", METHODS)
def test_hash(auth_binary, configured, database, method):
    """A hash on stdout and nothing else, that logs in."""
    made = hash_of(auth_binary, "some word", method)
    assert re.fullmatch(METHODS[method] + "\n", made)
    assert made != hash_of(auth_binary, "some word", method), "each has a salt of its own"
    set_password(database, EMAIL1, made.strip())
    assert configured.run("--verify", EMAIL1, input="some word").returncode == 0
    assert configured.run("--verify", EMAIL1, input="some words").returncode == 77


def test_hash_without_a_method(auth_binary):
    """The one that fits into the tables' 106 characters."""
    made = hash_of(auth_binary, "x")
    assert re.fullmatch(METHODS["sha512crypt"] + "\n", made)
    assert len(made.strip()) == 106


def test_openssl_agrees(auth_binary):
    made = hash_of(auth_binary, "some word").strip()
    salt = made.split("$")[2]
    done = run("openssl", "passwd", "-6", "-salt", salt, "some word")
    assert done.stdout.strip() == made


@pytest.mark.parametrize("method", ["md5", "SHA512CRYPT", "sha512", "", "$6$"])
def test_hash_with_an_unknown_method(auth_binary, method):
    done = run(auth_binary, "--hash", method, input="x\n")
    assert done.returncode == 64
    assert done.stdout == ""
    assert all(known in done.stderr for known in METHODS)


@pytest.mark.parametrize("given, ok", [
    ("word\nnext line\n", True), ("word", True), ("wörd \t!\n", True), ("x" * 511 + "\n", True),
    ("", False), ("a\0b\n", False), ("x" * 600 + "\n", False), ("x" * 100_000, False),
])
def test_hash_from_stdin(auth_binary, given, ok):
    """The first line, without its end. What cannot be a password is refused, not cut."""
    done = run(auth_binary, "--hash", input=given)
    if not ok:
        assert done.returncode != 0
        assert done.stdout == "" and done.stderr != ""
        return
    word, salt = given.split("\n")[0], done.stdout.split("$")[2]
    if len(word) < 200:
        openssl = run("openssl", "passwd", "-6", "-salt", salt, "-stdin", input=word)
        assert openssl.stdout == done.stdout


def test_hash_that_bcrypt_would_cut(auth_binary):
    """It looks at 72 bytes: whatever came behind them would be right too."""
    assert run(auth_binary, "--hash", "bcrypt", input="x" * 72).returncode == 0
    for word in ("x" * 73, "ä" * 37):
        done = run(auth_binary, "--hash", "bcrypt", input=word)
        assert done.returncode == 64
        assert done.stdout == "" and "the first 72 bytes alone" in done.stderr


@pytest.mark.parametrize("method", METHODS)
def test_hash_at_a_terminal(auth_binary, method):
    """Asked twice, shown never; the terminal is left as it was."""
    command = [str(auth_binary), "--hash", method]
    with Terminal(command, dict(os.environ)) as terminal:
        for prompt in ("Password: ", "Once more: "):
            terminal.expect(prompt)
            assert not terminal.has_echo()
            terminal.type("secret word\n")
        shown = terminal.rest()
        assert terminal.has_echo()
        assert terminal.exit_code == 0
        assert re.fullmatch("\n" + METHODS[method] + "\n", shown), shown


def test_hash_at_a_terminal_with_a_mistake(auth_binary):
    with Terminal([str(auth_binary), "--hash"], dict(os.environ)) as terminal:
        terminal.expect("Password: ")
        terminal.type("secret word\n")
        terminal.expect("Once more: ")
        terminal.type("secret wrod\n")
        shown = terminal.rest()
        assert terminal.exit_code not in (0, None)
        assert "not the same" in shown
        assert "$6$" not in shown and "secret" not in shown and "wrod" not in shown


def test_hash_interrupted_at_a_terminal(auth_binary):
    """Ctrl-C ends it, and the terminal shows again what is typed."""
    with Terminal([str(auth_binary), "--hash"], dict(os.environ)) as terminal:
        terminal.expect("Password: ")
        assert not terminal.has_echo()
        terminal.type("secret\x03")
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and not terminal.has_echo():
            time.sleep(0.02)
        if not terminal.has_echo():
            # It may wait for the end of the line, but must be right then.
            terminal.type("\n")
        shown = terminal.rest()
        assert terminal.has_echo()
        assert terminal.exit_code == -signal.SIGINT, shown
        assert "secret" not in shown


def test_hash_needs_no_configuration(auth_binary):
    done = run(auth_binary, "-c", "/nonexistent", "--hash", input="x\n")
    assert done.returncode == 0


# --- --verify ---------------------------------------------------------------

def test_verify(configured):
    done = configured.run("--verify", EMAIL1, input=PASSWORD1 + "\n")
    assert done.returncode == 0
    assert EMAIL1 in done.stdout
    for user, password in ((EMAIL1, PASSWORD2), (EMAIL1, ""), (EMAIL2, PASSWORD1)):
        done = configured.run("--verify", user, input=password + "\n")
        assert done.returncode == 77, done.stderr
        assert done.stdout == ""


def test_verify_knows_the_row(configured, database):
    database.sql(f"UPDATE virtual_users SET email = 'Mixed@example.com' WHERE email = '{EMAIL1}'")
    done = configured.run("--verify", "mixed@EXAMPLE.com", input=PASSWORD1)
    assert done.returncode == 0
    assert "Mixed@example.com" in done.stdout


@pytest.mark.parametrize("user", ["nobody@example.com", "", "émail1@example.com", "x" * 2000])
def test_verify_an_unknown_user(configured, user):
    done = configured.run("--verify", user, input=PASSWORD1)
    assert done.returncode == 67, done.stderr


def test_verify_without_the_database(configured, database):
    database.stop()
    done = configured.run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 69
    assert "mysql" in done.stderr


def test_verify_with_a_wrong_password_of_the_database(configured):
    configured.configure(mysql={"password": "wrong"})
    done = configured.run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 69
    assert "Access denied" in done.stderr


@pytest.mark.parametrize("stored", ["", "*", "!locked", "{CRYPT}"])
def test_verify_a_locked_account(configured, database, stored):
    set_password(database, EMAIL1, stored)
    done = configured.run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 77
    assert done.stderr == "lmtpd-auth: the account is locked\n"


@pytest.mark.parametrize("stored", [ARGON2, "clear", "$6$short$hash"])
def test_verify_a_hash_that_cannot_be_checked(configured, database, stored):
    set_password(database, EMAIL1, stored)
    done = configured.run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 75
    assert stored not in done.stdout + done.stderr


def test_verify_with_a_broken_configuration(configured):
    configured.configure(auth={"nonsense": 1})
    done = configured.run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 78
    assert "nonsense" in done.stderr


@pytest.mark.needs_root
def test_verify_as_root(make_auth):
    """As the daemon: it becomes the daemon's user first."""
    done = make_auth(starts_as_root=True).run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 0


def test_verify_at_a_terminal(configured):
    """Asked once, without echo."""
    configured.starts_as_root = True
    command = configured.command("--verify", EMAIL1)
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: the file belongs to another user")
    with Terminal(command, configured.environment) as terminal:
        terminal.expect("Password: ")
        assert not terminal.has_echo()
        terminal.type(PASSWORD1 + "\n")
        shown = terminal.rest()
        assert terminal.exit_code == 0, shown
        assert PASSWORD1 not in shown


def test_verify_agrees_with_the_daemon(configured, database):
    set_password(database, "argon@example.com", ARGON2)
    set_password(database, "locked@example.com", "!")
    configured.start()
    expected = {0: "OK", 77: "FAIL", 67: "FAIL", 75: "closed"}
    for user, password in ((EMAIL1, PASSWORD1), (EMAIL1, "x"), ("nobody@example.com", "x"),
                           ("argon@example.com", "x"), ("locked@example.com", "x")):
        code = configured.run("--verify", user, input=password).returncode
        with configured.client() as client:
            try:
                verb = client.plain(user, password).verb
            except EOFError:
                verb = "closed"
        assert expected[code] == verb, user


# --- --check ----------------------------------------------------------------

def checks(done):
    """status and subject of each line."""
    matches = [LINE.fullmatch(line) for line in done.stdout.splitlines()]
    assert matches and all(matches), done.stdout + done.stderr
    return [(match[1], match[2]) for match in matches]


def test_good_set_up(configured):
    os.chown(configured.config_path, AUTH_ID, AUTH_GROUP)
    configured.config_path.chmod(0o600)
    done = configured.run("--check")
    assert done.returncode == 0, done.stdout
    subjects = [subject for status, subject in checks(done) if status == "ok"]
    for subject in ("configuration", "socket", "database", "password_query", "hashes"):
        assert subject in subjects
    assert all(status != "FAIL" for status, _ in checks(done))
    assert "2 of 2 users: sha512crypt" in done.stdout


def test_check_of_a_password_that_lies_open(configured):
    """In the configuration, or in the file that it names."""
    configured.config_path.chmod(0o644)
    done = configured.run("--check")
    assert done.returncode == 0
    assert ("warn", "configuration") in checks(done)
    assert f"chmod o-r {configured.config_path}" in done.stdout
    secret = configured.directory / "password"
    secret.write_text("mailauthpass\n")
    secret.chmod(0o640)
    os.chown(secret, AUTH_ID, AUTH_GROUP)
    configured.configure(mysql={"password": "", "password_file": str(secret)})
    assert ("ok", "configuration") in checks(configured.run("--check"))
    secret.chmod(0o644)
    assert f"chmod o-r {secret}" in configured.run("--check").stdout


@pytest.mark.needs_root
def test_check_of_a_reload(make_auth):
    """Root reads the file at the start, the daemon's user at each reload."""
    daemon = make_auth(starts_as_root=True)
    daemon.config_path.chmod(0o600)
    os.chown(daemon.config_path, 0, 0)
    done = daemon.run("--check")
    assert done.returncode == 0
    assert ("warn", "reload") in checks(done)
    assert "chgrp it to auth.group" in done.stdout


def test_check_prints_no_secret(configured, database):
    set_password(database, EMAIL1, ARGON2)
    done = configured.run("--check")
    for secret in ("$6$", "argon2id$v", ARGON2, "mailauthpass", PASSWORD1):
        assert secret not in done.stdout + done.stderr


def test_check_counts_hashes(configured, auth_binary, database):
    """By method: which are weak, and which nobody can log in with."""
    set_password(database, EMAIL1, ARGON2)
    for number in range(3):
        set_password(database, f"old{number}@example.com", "$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80")
    set_password(database, "cut@example.com", hash_of(auth_binary, "x").strip()[:80])
    set_password(database, "clear@example.com", "clear text")
    set_password(database, "new@example.com", hash_of(auth_binary, "x", "yescrypt").strip())
    done = configured.run("--check")
    assert done.returncode == 78
    lines = done.stdout.splitlines()

    def line_of(text):
        [found] = [line for line in lines if text in line]
        return found

    assert line_of("3 of 8 users: md5crypt").startswith("warn")
    assert line_of("1 of 8 users: yescrypt").startswith("ok")
    assert line_of("of 8 users: cannot be checked").startswith("FAIL")
    # One that was cut can be told from its length: it counts with those that cannot be checked.
    assert "3 of 8 users: cannot be checked" in done.stdout


def test_check_counts_locked_accounts(configured, database):
    """Nothing is wrong with them; NULL is one, where a table has it."""
    for number, stored in enumerate(("", "*", "!$6$x", "{CRYPT}")):
        set_password(database, f"locked{number}@example.com", stored)
    configured.configure(mysql={"users_query": "SELECT email, password FROM virtual_users "
                                               "UNION ALL SELECT 'null@example.com', NULL"})
    done = configured.run("--check")
    assert done.returncode == 0
    [line] = [line for line in done.stdout.splitlines() if "locked" in line]
    assert re.fullmatch(r"ok +hashes: 5 of 7 users: locked", line)


def test_check_as_json(configured, database):
    set_password(database, EMAIL1, ARGON2)
    done = configured.run("--check", "--json")
    report = json.loads(done.stdout)
    assert report["exit"] == done.returncode == 78
    assert {check["status"] for check in report["checks"]} >= {"ok", "FAIL"}
    for check in report["checks"]:
        assert set(check) == {"status", "what", "detail", "remedy"}
        assert check["status"] == "ok" or check["remedy"]


def test_json_says_the_same(configured):
    text, report = configured.run("--check"), configured.run("--check", "--json")
    assert [(check["status"], check["what"]) for check in json.loads(report.stdout)["checks"]] == (
        checks(text))


def test_check_without_the_database(configured, database):
    database.stop()
    done = configured.run("--check")
    assert done.returncode == 69
    assert ("FAIL", "database") in checks(done)


def test_check_with_a_wrong_password(configured):
    configured.configure(mysql={"password": "wrong"})
    done = configured.run("--check")
    assert done.returncode in (69, 78)
    assert "FAIL  database: " in done.stdout and "Access denied" in done.stdout
    assert ("FAIL", "database") in checks(done)


@pytest.mark.parametrize("query", [
    "SELECT email FROM virtual_users WHERE email = '%u'",
    "SELECT email, nothing FROM virtual_users WHERE email = '%u'",
    "SELECT email, password FROM virtual_userz WHERE email = '%u'",
    "SELECT email, password, 1 FROM virtual_users WHERE email = '%u'",
    "SELECT id, password FROM virtual_users WHERE email = '%u'",
])
def test_check_with_a_wrong_query(configured, query):
    """The daemon starts, since that may be mended in the database, and says it in its log."""
    configured.configure(mysql={"password_query": query})
    done = configured.run("--check")
    assert done.returncode == 78
    assert "password_query" in done.stdout
    configured.start()
    [line] = configured.wait_for_log(event="start", level="error")
    assert "password_query" in line["reason"]


def test_check_with_a_template_that_is_none(configured):
    """That needs no database to be known, and no daemon starts with it."""
    configured.configure(mysql={"password_query": "SELEC"})
    done = configured.run("--check")
    assert done.returncode == 78
    assert "password_query" in done.stdout
    code, said = configured.fails_to_start()
    assert code == 78
    assert "password_query" in said


def test_check_with_a_wrong_users_query(configured):
    """It is of use to --check alone, so it stops nothing."""
    configured.configure(mysql={"users_query": "SELECT nothing FROM nowhere"})
    done = configured.run("--check")
    assert done.returncode == 0
    assert ("warn", "users_query") in checks(done)
    configured.start()


@pytest.mark.needs_root
def test_check_of_users(make_auth):
    daemon = make_auth(starts_as_root=True, auth={"user": "no-such-user"})
    done = daemon.run("--check")
    assert done.returncode == 78
    assert "no-such-user" in done.stdout
    daemon.configure(auth={"user": "0", "group": "0"})
    done = daemon.run("--check")
    assert ("warn", "daemon's user") in checks(done)


def test_check_beside_the_daemon(configured):
    configured.start()
    assert configured.run("--check").returncode == 0
    assert configured.is_answering()


def test_check_leaves_nothing(configured):
    before = sorted(os.listdir(configured.directory))
    configured.run("--check")
    assert sorted(os.listdir(configured.directory)) == before


# --- usage and configuration ------------------------------------------------

@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["-x"], ["extra"], ["--check", "extra"], ["--json"], ["--hash", "a", "b"],
    ["--verify"], ["--check", "--hash"], ["--verify", "x", "--check"], ["-c"],
    ["--json", "--hash"],
])
def test_wrong_usage(auth_binary, arguments):
    done = run(auth_binary, *arguments, stdin=subprocess.DEVNULL)
    assert done.returncode == 64
    assert done.stdout == ""
    assert "usage: lmtpd-auth" in done.stderr


def test_help_and_version(auth_binary):
    done = run(auth_binary, "--help")
    assert done.returncode == 0
    for word in ("--check", "--verify", "--hash", "--json", "-c FILE"):
        assert word in done.stdout
    done = run(auth_binary, "--version")
    assert done.returncode == 0
    assert re.fullmatch(r"lmtpd-auth \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("section, key, value", [
    ("auth", "failure_delay", 5), ("auth", "failure_delay", -1), ("auth", "failure_delay", "two"),
    ("auth", "mechanisms", ["CRAM-MD5"]), ("auth", "mechanisms", []), ("auth", "listen", []),
    ("auth", "listen", ["private/auth"]), ("auth", "listen", ["unix:relative"]),
    ("auth", "listen", ["unix:/" + "x" * 200]), ("auth", "socket_mode", 0o1777),
    ("auth", "trusted", ["webmail.example.com"]), ("auth", "trusted", ["192.0.2.7/24"]),
    ("auth", "trusted", ["192.0.2.0/24", "::/129"]), ("auth", "trusted", [""]),
    ("auth", "user", ""), ("auth", "group", ""), ("auth", "nonsense", 1), ("nonsense", "x", 1),
    ("mysql", "timeout", 0), ("mysql", "connections", 0), ("mysql", "hosts", []),
    ("mysql", "password_query", ""), ("mysql", "password_query", "SELECT 1, 2"),
    ("mysql", "password_query", "SELECT email, password FROM x WHERE email = 'a%u'"),
    ("mysql", "user_query", "SELECT 1"), ("mysql", "password_file", "/nonexistent"),
    ("maildir", "home", "/x/%u"),
])
def test_bad_configuration(configured, section, key, value):
    """No start, with the file and the key; --check and --verify say the same."""
    configured.configure(**{section: {key: value}})
    code, said = configured.fails_to_start()
    assert code == 78
    assert str(configured.config_path) in said
    assert key in said or section in said
    for arguments in (["--check"], ["--verify", EMAIL1]):
        assert configured.run(*arguments, input="x").returncode == 78


@pytest.mark.parametrize("text", ["auth {", "}", "auth { failure_delay = }", "\0", "x = = 1"])
def test_file_that_cannot_be_parsed(configured, text):
    configured.config_path.write_text(text)
    code, said = configured.fails_to_start()
    assert code == 78
    assert str(configured.config_path) in said


def test_missing_file(configured):
    configured.config_path.unlink()
    code, said = configured.fails_to_start()
    assert code == 78
    assert str(configured.config_path) in said


def test_password_from_a_file(configured):
    secret = configured.directory / "password"
    secret.write_text("mailauthpass\nanother line\n")
    os.chmod(secret, 0o644)
    configured.configure(mysql={"password": "", "password_file": str(secret)})
    configured.start()
    with configured.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_socket_mode(configured):
    configured.configure(auth={"socket_mode": 0o600})
    configured.start()
    assert stat.S_IMODE(configured.socket.stat().st_mode) == 0o600
