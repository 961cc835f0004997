"""Programs besides Postfix that speak to lmtpd-auth or read its log: Exim and Fail2Ban.

Both come from Debian's archive and are unpacked for the test, not installed."""

import glob
import os
import re
import shutil
from pathlib import Path

import pytest

from harness.auth import EMAIL1, EMAIL2, PASSWORD1, base64_of, plain_response, set_password
from harness.packages import fetch_packages, missing_libraries
from harness.process import run

pytest_plugins = ["harness.auth_fixtures"]

FILTER = Path(__file__).resolve().parents[2] / "examples/fail2ban/filter.d/lmtpd-auth.conf"
ARGON2 = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub"

# --- Exim -------------------------------------------------------------------

EXIM_CONFIG = """
primary_hostname = host.example.com
spool_directory = {base}/spool
log_file_path = {base}/spool/%slog
auth_advertise_hosts = *
tls_advertise_hosts =
acl_smtp_rcpt = rcpt

begin acl
rcpt:
  accept authenticated = *
  deny message = log in first

begin authenticators
plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = {socket}
  server_set_id = $auth1
login:
  driver = dovecot
  public_name = LOGIN
  server_socket = {socket}
  server_set_id = $auth1
"""


class Exim:
    """Exim's SMTP on standard input and output, as if from an address of the Internet; its driver
    for Dovecot's protocol was written independently of Postfix's."""

    def __init__(self, directory):
        self.directory = directory
        package = "exim4-daemon-heavy"
        fetch_packages(directory / "files", package, "libnss-wrapper", *missing_libraries(package))
        self.files = directory / "files"
        (directory / "spool").mkdir(mode=0o777)
        # Debian's Exim wants to know its user, who is not on this machine.
        (directory / "passwd").write_text(
            Path("/etc/passwd").read_text() + "Debian-exim:x:6001:6001::/:/bin/false\n")
        (directory / "group").write_text(
            Path("/etc/group").read_text() + "Debian-exim:x:6001:\n")

    def environment(self):
        [wrapper] = glob.glob(f"{self.files}/usr/lib/*/libnss_wrapper.so")
        return {
            **os.environ,
            "LD_LIBRARY_PATH": f"{Path(wrapper).parent}:{self.files}/usr/lib",
            "LD_PRELOAD": wrapper,
            "NSS_WRAPPER_PASSWD": str(self.directory / "passwd"),
            "NSS_WRAPPER_GROUP": str(self.directory / "group"),
        }

    def session(self, socket, *lines):
        """The codes and texts that the lines are answered with, the greeting left out."""
        config = self.directory / "exim.conf"
        config.write_text(EXIM_CONFIG.format(base=self.directory, socket=socket))
        done = run(self.files / "usr/sbin/exim4", "-C", config, "-bh", "192.0.2.77",
                   input="".join(line + "\r\n" for line in ["EHLO x", *lines, "QUIT"]),
                   env=self.environment())
        replies = re.findall(r"^(\d{3} .*)$", done.stdout, re.MULTILINE)
        assert replies and replies[0].startswith("220"), done.stdout + done.stderr
        assert replies[-1].startswith("221"), done.stdout + done.stderr
        return replies[2:-1]


@pytest.fixture(scope="session")
def exim_program(base):
    directory = base / "exim"
    directory.mkdir()
    return Exim(directory)


@pytest.fixture
def exim(exim_program, auth, database):
    """Runs sessions of an Exim with a lmtpd-auth that everybody may connect to."""
    daemon = auth(auth={"socket_mode": 0o666})
    for parent in (daemon.directory, daemon.directory.parent):
        parent.chmod(0o755)
    return lambda *lines: (exim_program.session(daemon.socket, *lines), daemon)


@pytest.mark.needs_root
def test_exim_logs_in(exim):
    """Both mechanisms, with and without initial responses."""
    good = plain_response(EMAIL1, PASSWORD1)
    for lines in ([f"AUTH PLAIN {good}"], ["AUTH PLAIN", good],
                  ["AUTH LOGIN", base64_of(EMAIL1), base64_of(PASSWORD1)],
                  [f"AUTH LOGIN {base64_of(EMAIL1)}", base64_of(PASSWORD1)]):
        replies, daemon = exim(*lines, f"MAIL FROM:<{EMAIL1}>", f"RCPT TO:<{EMAIL2}>")
        *challenges, login, _, rcpt = replies
        assert [reply[:3] for reply in challenges] == ["334"] * (len(lines) - 1)
        assert login.startswith("235"), replies
        assert rcpt.startswith("250"), replies
    lines = daemon.wait_for_log(event="auth")
    assert {(line["user"], line["rip"], line["result"]) for line in lines} == {
        (EMAIL1, "192.0.2.77", "ok")}


@pytest.mark.needs_root
@pytest.mark.parametrize("user", [EMAIL1, "nobody@example.com"])
def test_exim_is_refused(exim, user):
    replies, daemon = exim("AUTH PLAIN " + plain_response(user, "wrong"),
                           f"MAIL FROM:<{EMAIL1}>", f"RCPT TO:<{EMAIL2}>")
    assert replies[0].startswith("535"), replies
    assert replies[-1].startswith("550"), replies
    [line] = daemon.wait_for_log(event="auth")
    assert (line["user"], line["rip"], line["result"]) == (user, "192.0.2.77", "fail")


@pytest.mark.needs_root
def test_exim_is_put_off(exim, database):
    """Exim, too, takes a closed connection for "try again later"."""
    set_password(database, EMAIL1, ARGON2)
    replies, daemon = exim("AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))
    assert replies[0].startswith("435"), replies
    assert daemon.wait_for_log(event="auth")[0]["result"] == "error"


@pytest.mark.needs_root
def test_exim_with_malformed_logins(exim):
    for text in ("AAAA", base64_of("no NUL"), base64_of("a\0b\0c\0d"), "="):
        replies, _ = exim(f"AUTH PLAIN {text}", "AUTH PLAIN " + plain_response(EMAIL1, PASSWORD1))
        assert replies[0][:3] in ("535", "501"), replies
        assert replies[1].startswith("235"), replies


# --- Fail2Ban ---------------------------------------------------------------

@pytest.fixture(scope="session")
def fail2ban_files(base):
    files = base / "fail2ban"
    fetch_packages(files, "fail2ban")
    shutil.copy(FILTER, files / "etc/fail2ban/filter.d")
    return files


@pytest.fixture
def matched(fail2ban_files, directory):
    """The hosts that fail2ban-regex finds in lines of a log, one for each line that matches."""
    def find(lines):
        log = directory / "log"
        log.write_text("".join(line + "\n" for line in lines))
        done = run(
            # Debian's modules are for Debian's Python.
            "/usr/bin/python3", fail2ban_files / "usr/bin/fail2ban-regex",
            "-c", fail2ban_files / "etc/fail2ban", "-o", "ip", log,
            fail2ban_files / "etc/fail2ban/filter.d/lmtpd-auth.conf",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
                 "PYTHONPATH": str(fail2ban_files / "usr/lib/python3/dist-packages")},
        )
        assert done.returncode == 0 or done.stdout == "", done.stdout + done.stderr
        assert "ERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.stdout.split()

    return find


def everything_that_happens(auth, database):
    """A daemon that has seen all kinds of logins; returns its lines."""
    daemon = auth()
    with daemon.client() as client:
        client.plain(EMAIL1, PASSWORD1, rip="203.0.113.1")
        client.plain(EMAIL1, "wrong", rip="192.0.2.1")
        client.login("nobody@example.com", "wrong", rip="2001:db8::2")
        client.plain('x" mech=PLAIN rip=203.0.113.2 result=fail reason="', "y", rip="192.0.2.3")
        client.plain("rip=203.0.113.3", "x", rip="192.0.2.4")
        client.plain("2005-01-01 00:00:00 rip=203.0.113.4", "x", rip="192.0.2.5")
        client.plain("x\\", "x", rip="192.0.2.6")
        client.plain("ä", "x", rip="192.0.2.7")
        client.send_auth("PLAIN", "resp=!", rip="192.0.2.8")
        client.answer()
        client.send_auth("GSSAPI", rip="192.0.2.9")
        client.answer()
        client.plain(EMAIL1, "wrong", rip="no address")
        client.plain(EMAIL1, "wrong", rip="203.0.113.5 result=fail")
    set_password(database, EMAIL1, ARGON2)
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1, rip="203.0.113.6")
        assert client.is_closed()
    with daemon.client() as client:
        client.send("VERSION\t2\t0\n")
        assert client.is_closed()
    assert daemon.stop() == 0
    return daemon.output().splitlines()


FAILED = ["192.0.2.1", "2001:db8::2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6",
          "192.0.2.7", "192.0.2.8", "192.0.2.9"]


def test_fail2ban_finds_failures_and_nothing_else(auth, database, matched):
    """No line of a login that worked, of an accident or of a start; and never an address that a
    stranger wrote into a name."""
    lines = everything_that_happens(auth, database)
    assert len(lines) >= 15
    assert matched(lines) == FAILED


@pytest.mark.parametrize("prefix", [
    "Nov 22 19:00:00 host lmtpd-auth[123]: ",
    "Nov  2 19:00:00 host lmtpd-auth: ",
    "2026-11-22T19:00:00.123456+01:00 host.example.com lmtpd-auth[123]: ",
])
def test_fail2ban_reads_syslogs_lines(auth, database, matched, prefix):
    lines = everything_that_happens(auth, database)
    assert matched([prefix + line for line in lines]) == FAILED
    other = prefix.replace("lmtpd-auth", "other")
    assert matched([other + line for line in lines]) == []
