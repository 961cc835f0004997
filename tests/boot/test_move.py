"""docs/move.md, followed to the letter on a server after the widespread guide, while mail comes in.

The tests build on one another, in their order.
"""

import shutil
import time
from pathlib import Path

from guide import follow, sections
from harness.process import wait_until
from users import (
    PASSWORD, USER, assert_nothing_lost, assert_read, deliver, is_saved_twice_by_dovecot_s_end, subjects,
    under_load, wait_for,
)

TREE = Path(__file__).resolve().parents[2]
LOGIN = f"--port 587 -tls --auth PLAIN --auth-user {USER} --auth-password {PASSWORD}"
# With this one both sockets change hands.
THE_MOVE = "4. Move"
BEFORE = ["1. Install", "2. Let it say what Postfix and Dovecot say"]
LOOK = "3. Look before you leap"
SEE = "5. See that it works"
BACK = "The way back"


def assert_served_by(container, program):
    """Mail and logins are in the log of that one. Returns the subject of a message."""
    since, subject = container.mark(), f"for-{program}-{time.monotonic()}"
    deliver(container, subject, f"{LOGIN} --to {USER}")
    wait_for(container, subject)
    # The message is there before its line is.
    line = "status=saved" if program == "lmtpd" else "saved mail to INBOX"
    wait_until(lambda: line in container.journal("--since", since), 30, f"{line} in the log")
    log = container.journal("--since", since)
    assert ("dovecot" in log and "saved mail to INBOX" in log) == (program == "dovecot"), log
    assert ("status=saved" in log and "event=auth" in log) == (program == "lmtpd"), log
    return subject


def test_the_page_is_used_whole():
    assert [title for title, commands in sections("move.md").items() if commands] == [
        *BEFORE, LOOK, THE_MOVE, SEE, BACK]


def test_the_guide(container):
    shutil.copytree(TREE / "schema", container.path("/root/schema"))
    shutil.copy(TREE / "tests/boot/classic", container.path("/root"))
    container.run("/root/classic")
    assert_served_by(container, "dovecot")


def test_preparations(container, package, release):
    """Nothing changes for Postfix; the complaints are those that the page speaks of."""
    shutil.copy(package, container.path("/root"))
    owner = container.run("stat -c '%a %U:%G' /var/mail /var/mail/vhosts")
    said = follow(container, "move.md", *BEFORE)
    assert "NOT TRANSLATED" not in said.replace("NOT TRANSLATED: mysql.user: mailuser", ""), said
    assert container.run("stat -c '%a %U:%G' /var/mail /var/mail/vhosts") == owner
    done = follow(container, "move.md", LOOK, typed=PASSWORD, check=False)
    assert done.stdout.count("FAIL") == 2, done.stdout
    for name in ("dovecot-lmtp", "auth"):
        path = f"unix:/var/spool/postfix/private/{name}"
        assert f"FAIL  socket: {path}: another" in done.stdout, done.stdout
        assert f"warn  dovecot: {path}: " in done.stdout, done.stdout
    assert ("it waits for its client to speak first, as Dovecot 2.4 does" in done.stdout) == (release == "13")
    assert done.stdout.count("warn  ") == 3 and "warn  account: " in done.stdout, done.stdout
    assert done.stdout.count("reply    250 2.1.5") == 2, done.stdout
    assert f"{USER}: right" in done.stdout, done.stdout
    assert_served_by(container, "dovecot")


def test_lmtpd_does_not_take_what_dovecot_serves(container):
    assert container.try_run("systemctl start lmtpd lmtpd-auth").returncode != 0
    assert "such as Dovecot, serves it" in container.run(
        "journalctl -u lmtpd.socket; journalctl -u lmtpd-auth.socket")
    assert_served_by(container, "dovecot")


def test_the_move(container, capsys):
    before = assert_served_by(container, "dovecot")
    began = time.monotonic()
    with under_load(container) as loads:
        follow(container, "move.md", THE_MOVE)
    said = follow(container, "move.md", SEE)
    with capsys.disabled():
        print(f"\nsteps 4 and 5 of docs/move.md: {time.monotonic() - began:.1f} s")
    assert "FAIL" not in said and "status=saved" in said, said
    assert said.count("warn  ") == said.count("warn  account: ") == 1, said
    assert "Moved" in subjects(container)
    assert_nothing_lost(container, *loads, is_excused=is_saved_twice_by_dovecot_s_end)
    for subject in (before, "Moved", assert_served_by(container, "lmtpd")):
        assert_read(container, subject)
    assert container.failed_units() == []


def test_without_dovecot_s_part(container):
    container.run("apt-get remove -y dovecot-lmtpd && systemctl restart dovecot")
    container.reboot()
    assert container.failed_units() == []
    assert_served_by(container, "lmtpd")


def test_dovecot_does_not_take_what_lmtpd_serves(container):
    container.run("apt-get install -y dovecot-lmtpd")
    container.run("mv /etc/dovecot/conf.d/99-lmtpd.conf /root")
    assert container.try_run("systemctl restart dovecot").returncode != 0
    assert "Socket already exists" in container.run("journalctl -u dovecot")
    assert_served_by(container, "lmtpd")
    container.run("mv /root/99-lmtpd.conf /etc/dovecot/conf.d/ && systemctl start dovecot")
    container.run("mv /etc/dovecot/conf.d/99-lmtpd.conf /root && doveadm reload && sleep 1")
    assert_served_by(container, "lmtpd")
    container.run("mv /root/99-lmtpd.conf /etc/dovecot/conf.d/ && doveadm reload")


def test_the_way_back(container):
    with under_load(container, pause=0.1) as loads:
        follow(container, "move.md", BACK)
    assert_nothing_lost(container, *loads)
    assert_read(container, assert_served_by(container, "dovecot"))
    before = subjects(container)
    container.run("apt-get purge -y lmtpd")
    container.reboot()
    assert container.failed_units() == []
    assert_served_by(container, "dovecot")
    assert subjects(container)[:len(before)] == before
