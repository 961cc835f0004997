"""Scripts and disks that fail: who is told that his mail is saved has it, where his script wanted it or in INBOX."""

import errno
import os
import shutil
import time

import pytest

from harness.disk import leave_blocks, make_image
from harness.lmtp import message
from harness.process import MAIL_GROUP, MAIL_ID, wait_until
from harness.scripts import BROKEN, ENDLESS, REQUIRE

pytestmark = pytest.mark.needs_root

EMAIL1, EMAIL2 = "email1@example.com", "email2@example.com"
BODY = message("x" * 70 + "\r\n") * 300
SCRIPT = """require ["fileinto", "mailbox", "copy", "editheader", "imap4flags"];
fileinto :create "Work";
addheader "X-New" "1";
fileinto :create :flags "$new" "Other";
"""


def write_script(daemon, name, text):
    home = daemon.vhosts / "example.com" / name
    home.mkdir(parents=True, exist_ok=True)
    (home / ".dovecot.sieve").write_text(text)
    for path in (daemon.vhosts / "example.com", home, home / ".dovecot.sieve"):
        os.chown(path, MAIL_ID, MAIL_GROUP)


@pytest.fixture
def daemon(make_lmtpd):
    return make_lmtpd(sieve={"enabled": True}).start()


def stored(daemon, name):
    """The messages of a mailbox: folder, and its header and body."""
    maildir = daemon.vhosts / "example.com" / name / "Maildir"
    found = []
    for path in maildir.rglob("*,S=*"):
        head, text = path.read_bytes().split(b"\n\n", 1)
        assert f",S={path.stat().st_size}," in path.name
        folder = path.parent.parent.name
        found.append(("" if folder == "Maildir" else folder, b"X-New: 1" in head, text))
    return sorted(found)


def deliver(daemon, *addresses, body=BODY):
    with daemon.session() as session:
        return [reply.status for reply in session.deliver(*addresses, body=body)]


def test_every_block_short(daemon, mount, directory):
    """Whichever write fails: all of it is there, or it is 4xx and nothing is."""
    image = directory / "small.img"
    make_image(image, 16, "mkfs.ext4", "-q", "-F", "-m", "0")
    mount(image, daemon.vhosts)
    os.chown(daemon.vhosts, MAIL_ID, MAIL_GROUP)
    shutil.rmtree(daemon.vhosts / "lost+found")
    text = BODY.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
    outcomes = set()
    for n in range(0, 80, 2):
        shutil.rmtree(daemon.vhosts / "example.com", ignore_errors=True)
        write_script(daemon, "email1", SCRIPT)
        write_script(daemon, "email2", 'require "fileinto"; fileinto "None";')
        leave_blocks(daemon.vhosts, n)
        one, two = deliver(daemon, EMAIL1, EMAIL2)
        files = stored(daemon, "email1")
        assert {body for _, _, body in files} <= {text}
        if one == "250 2.0.0":
            assert [is_new for _, is_new, _ in sorted(files, key=lambda file: file[1])] == [False, True]
            assert {folder for folder, _, _ in files} <= {".Work", ".Other", ""}
        else:
            assert one.startswith("4") and files == []
        assert (two == "250 2.0.0") is (stored(daemon, "email2") == [("", False, text)])
        outcomes.add(one)
    assert {"250 2.0.0", "452 4.3.1"} <= outcomes


@pytest.mark.parametrize("settings, status", [
    ({"fsync_errno": errno.EIO}, "451 4.2.0"),
    ({"write_errno": errno.ENOSPC}, "452 4.3.1"),
    ({"fsync_errno": errno.EIO, "fsync_on": "directories"}, "451 4.2.0"),
])
def test_disk_that_fails(make_lmtpd, faults, settings, status):
    daemon = make_lmtpd(sieve={"enabled": True}, maildir={"commit": "strict"},
                        environment=faults(**settings)).start()
    write_script(daemon, "email1", SCRIPT)
    assert deliver(daemon, EMAIL1) == [status]
    write_script(daemon, "email1", "discard;")
    if "write_errno" in settings:
        assert deliver(daemon, EMAIL1) == [status]


def test_scripts_that_cannot_be_read(daemon):
    """For good: INBOX keeps the mail. A folder that is a file: INBOX does."""
    write_script(daemon, "email1", "discard;")
    os.chmod(daemon.vhosts / "example.com/email1/.dovecot.sieve", 0)
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    assert [folder for folder, _, _ in stored(daemon, "email1")] == [""]
    write_script(daemon, "email2", SCRIPT)
    maildir = daemon.vhosts / "example.com/email2/Maildir"
    maildir.mkdir(mode=0o700)
    (maildir / ".Work").write_text("")
    os.chown(maildir, MAIL_ID, MAIL_GROUP)
    assert deliver(daemon, EMAIL2) == ["250 2.0.0"]
    assert [(folder, is_new) for folder, is_new, _ in stored(daemon, "email2")] == [
        ("", False), (".Other", True)]


def test_admins_directory_that_cannot_be_read(make_lmtpd, directory):
    """The user's own script runs."""
    before = directory / "before"
    before.mkdir(mode=0)
    daemon = make_lmtpd(sieve={"enabled": True, "before": [str(before)]}).start()
    write_script(daemon, "email1", SCRIPT)
    assert deliver(daemon, EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    assert len(stored(daemon, "email1")) == 2
    assert len(stored(daemon, "email2")) == 1
    lines = daemon.wait_for_log(2, event="script")
    assert all(f"{before}: Permission denied" in line["reason"] for line in lines)


def test_users_log_that_cannot_be_written(daemon):
    """Mail does not mind; the daemon's log says so."""
    write_script(daemon, "email1", REQUIRE + BROKEN.script)
    home = daemon.vhosts / "example.com/email1"
    (home / ".dovecot.sieve.log").symlink_to("stolen")
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    assert [folder for folder, _, _ in stored(daemon, "email1")] == [""]
    assert not (home / "stolen").exists()
    reasons = [line["reason"] for line in daemon.wait_for_log(2, event="script")]
    assert any(".dovecot.sieve.log of email1@example.com cannot be written" in text for text in reasons)


@pytest.mark.heavy  # seconds of the processor
def test_script_that_takes_too_long(daemon):
    """INBOX has the mail. After three times it is not even tried, until it is changed; both logs and --status say so,
    and nobody else's script minds."""
    write_script(daemon, "email1", REQUIRE + ENDLESS.script)
    write_script(daemon, "email2", SCRIPT)
    for _ in range(3):
        assert deliver(daemon, EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    reasons = [line["reason"] for line in daemon.wait_for_log(4, event="script")]
    assert sum("the script needs too much time for this message" in text for text in reasons) == 3
    assert sum("does not run for an hour" in text for text in reasons) == 1
    assert told(daemon) == {"runs": 6, "failed": 3, "exhausted": 3}
    n_fuel = daemon.told()["scripts"]["fuel"]
    assert n_fuel > 3 * 10**8
    log = (daemon.vhosts / "example.com/email1/.dovecot.sieve.log").read_text()
    assert log.count("line ") == 3 and log.count("does not run for an hour: make it simpler\n") == 1
    assert deliver(daemon, EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    assert "switched off for an hour" in daemon.wait_for_log(5, event="script")[4]["reason"]
    assert told(daemon) == {"runs": 8, "failed": 4, "exhausted": 3}
    assert [folder for folder, _, _ in stored(daemon, "email1")] == [""] * 4
    assert len(stored(daemon, "email2")) == 8
    write_script(daemon, "email1", SCRIPT)
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    assert len(stored(daemon, "email1")) == 6


def told(daemon):
    scripts = daemon.told()["scripts"]
    return {key: scripts[key] for key in ("runs", "failed", "exhausted")}


def test_slow_disk_and_the_end(make_lmtpd, faults):
    """A message between its trips is finished when the daemon is told to end."""
    daemon = make_lmtpd(sieve={"enabled": True}, maildir={"commit": "strict"},
                        environment=faults(fsync_delay_ms=300)).start()
    write_script(daemon, "email1", SCRIPT)
    sessions = [daemon.session() for _ in range(8)]
    for session in sessions:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
    for session in sessions:
        session.send(BODY + b".\r\n")
    daemon.signal(15)
    for session in sessions:
        assert session.reply().status == "250 2.0.0"
        session.close()
    wait_until(lambda: not daemon.is_running(), 60, "its end")
    assert len(stored(daemon, "email1")) == 16


def test_client_that_leaves(daemon):
    """Behind the last dot its message is delivered all the same, before it nothing is."""
    write_script(daemon, "email1", SCRIPT)
    for is_whole in (True, False):
        session = daemon.session()
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(BODY * 20 + (b".\r\n" if is_whole else b""))
        session.close()
        wait_until(lambda: len(daemon.log(event="delivery")) == 1, 60, "its delivery")
    time.sleep(0.5)
    assert len(stored(daemon, "email1")) == 2
