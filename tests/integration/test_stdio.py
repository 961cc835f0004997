"""lmtpd --stdio: one session on standard input and output."""

import shlex
import subprocess

import pytest

from harness.lmtp import message, stuffed
from harness.process import as_mail_user, run
from harness.scripts import FOLDERS, write_script

pytestmark = pytest.mark.quick


@pytest.fixture
def configured(make_lmtpd):
    return make_lmtpd()


def converse(configured, text):
    """Runs a session with this input; returns the codes of its replies and the exit code."""
    done = subprocess.run(
        configured.command("--stdio"), input=text, capture_output=True, timeout=60,
        env=configured.environment, **as_mail_user(),
    )
    lines = done.stdout.decode().splitlines()
    return [int(line[:3]) for line in lines if line[3:4] == " "], done.returncode


def test_session(configured):
    text = (b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alias@example.com>\r\n"
            b"RCPT TO:<nobody@example.com>\r\nDATA\r\n" + stuffed(message()) + b"QUIT\r\n")
    codes, exit_code = converse(configured, text)
    assert codes == [220, 250, 250, 250, 550, 354, 250, 221]
    assert exit_code == 0
    assert configured.reached() == {"example.com/email1": 1}


def test_scripts(make_lmtpd):
    """The session is over only when the message lies where its script wants it."""
    daemon = make_lmtpd(sieve={"enabled": True})
    write_script(daemon.vhosts / "example.com/email1", FOLDERS.script)
    text = (b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<email1@example.com>\r\n"
            b"RCPT TO:<email2@example.com>\r\nDATA\r\n" + stuffed(message()))
    for end in (b"QUIT\r\n", b""):
        codes, exit_code = converse(daemon, text + end)
        assert codes == [220, 250, 250, 250, 250, 354, 250, 250] + [221] * bool(end)
        assert exit_code == 0
    maildir = daemon.vhosts / "example.com/email1/Maildir"
    for folder in FOLDERS.places:
        assert len(list((maildir / folder / "new").iterdir())) == 2
    assert daemon.reached() == {"example.com/email1": 2, "example.com/email2": 2}


def test_end_of_input_without_quit(configured):
    codes, exit_code = converse(configured, b"LHLO x\r\nMAIL FROM:<>\r\n")
    assert (codes, exit_code) == ([220, 250, 250], 0)


def test_end_of_input_within_the_message(configured):
    codes, _ = converse(configured, b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alias@example.com>\r\n"
                                    b"DATA\r\nSubject: half\r\n")
    assert codes == [220, 250, 250, 250, 354]
    assert configured.reached() == {}
    assert configured.mailbox("example.com/email1").files("tmp") == []


def test_swaks_pipe(configured):
    done = run("swaks", "--protocol", "LMTP", "--pipe", shlex.join(configured.command("--stdio")),
               "--from", "sender@example.net", "--to", "email1@example.com,email2@example.com",
               "--helo", "localhost", env=configured.environment, **as_mail_user())
    assert done.returncode == 0, done.stdout + done.stderr
    assert configured.reached() == {"example.com/email1": 1, "example.com/email2": 1}


@pytest.mark.needs_root
def test_started_as_root(make_lmtpd):
    """inetd and systemd may start it as root: the mail belongs to its owner all the same."""
    daemon = make_lmtpd(starts_as_root=True)
    done = run("swaks", "--protocol", "LMTP", "--pipe", shlex.join(daemon.command("--stdio")),
               "--from", "sender@example.net", "--to", "email1@example.com",
               "--helo", "localhost", env=daemon.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.path.stat().st_uid == 5000


@pytest.mark.parametrize("place", ["/dev/null", "file"])
def test_no_pipe(configured, place, tmp_path):
    """What cannot be waited for is refused with a word, not with a crash."""
    (tmp_path / "file").write_bytes(b"LHLO x\r\n")
    with open(tmp_path / place, "rb") as stdin:
        done = subprocess.run(configured.command("--stdio"), stdin=stdin, capture_output=True,
                              timeout=60, env=configured.environment, **as_mail_user())
    assert done.returncode == 71
    assert b"pipes or sockets" in done.stderr
