"""--status --quiet of both daemons: the exit code tells whether the database and the store can be worked
with now."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from harness.auth import EMAIL1
from harness.disk import Mount, leave_blocks, make_image
from harness.impostor import Impostor
from harness.lmtp import message
from harness.process import MAIL_GROUP, MAIL_ID, run, wait_until

pytest_plugins = ["harness.auth_fixtures"]

USAGE, UNAVAILABLE, TEMPORARY, PROTOCOL = 64, 69, 75, 76
PATIENCE = 8  # seconds, of the daemon for what hangs


def health(daemon):
    """The exit code, and the words that there are when it is not 0."""
    done = daemon.run("--status", "--quiet")
    assert done.stdout == ""
    assert (done.returncode == 0) == (done.stderr == "")
    assert done.stderr.count("\n") <= 1
    return done.returncode, done.stderr


def state_of(pid):
    """Of its first thread, proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


@pytest.fixture(params=["lmtpd", "auth"])
def daemon(request, make_lmtpd, make_auth):
    return {"lmtpd": make_lmtpd, "auth": make_auth}[request.param]().start()


@pytest.mark.quick
def test_database_stopped_and_back(daemon, database):
    """Each answer is of its own moment: nobody else has asked the database in between."""
    assert health(daemon) == (0, "")
    database.stop()
    code, words = health(daemon)
    assert code == UNAVAILABLE and ": database: mysql " in words and "store" not in words
    database.start()
    assert health(daemon) == (0, "")


@pytest.mark.quick
def test_a_table_is_gone(daemon, database):
    database.sql("RENAME TABLE virtual_users TO gone")
    code, words = health(daemon)
    database.sql("RENAME TABLE gone TO virtual_users")
    assert code == UNAVAILABLE and "virtual_users" in words
    assert health(daemon) == (0, "")


def test_started_without_the_database(make_lmtpd, database):
    database.stop()
    daemon = make_lmtpd().start()
    assert health(daemon)[0] == UNAVAILABLE
    database.start()
    assert health(daemon) == (0, "")


def test_nobody_serves(daemon):
    daemon.stop()
    code, words = health(daemon)
    assert code == UNAVAILABLE and "running" in words


def test_the_database_hangs(make_lmtpd, database):
    """Nobody waits for it, and mail of others is not kept from its threads: one hangs, however many ask."""
    impostor = Impostor(database.port)
    impostor.become("silent")
    daemon = make_lmtpd(mysql={"hosts": [f"127.0.0.1:{impostor.port}"], "timeout": 60}).start()
    began = time.monotonic()
    answers = []
    askers = [threading.Thread(target=lambda: answers.append(health(daemon))) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(answers) == 6
    assert {code for code, _ in answers} == {UNAVAILABLE}
    assert sum("database: no answer within 8 seconds" in words for _, words in answers) >= 4
    assert time.monotonic() - began < 30
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 10
    impostor.close()


def test_the_end_while_somebody_asks(make_lmtpd, database):
    impostor = Impostor(database.port)
    impostor.become("silent")
    daemon = make_lmtpd(mysql={"hosts": [f"127.0.0.1:{impostor.port}"], "timeout": 60}).start()
    # One thread asks what the queries mean, since the start, and another one now.
    wait_until(lambda: daemon.told()["lookups"]["busy"] == 1, 60, "the question of the start")
    answers = []
    asker = threading.Thread(target=lambda: answers.append(health(daemon)))
    asker.start()
    wait_until(lambda: daemon.told()["lookups"]["busy"] == 2, 60, "the question of its health")
    began = time.monotonic()
    assert daemon.stop() == 0
    asker.join()
    assert time.monotonic() - began < 6
    assert answers[0][0] == UNAVAILABLE and "it is ending" in answers[0][1]
    impostor.close()


def test_while_it_is_ending(lmtpd):
    daemon = lmtpd()
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: not daemon.is_answering(), 60, "end of listening")
        code, words = health(daemon)
        assert code == UNAVAILABLE and "it is ending" in words
        session.send(message() + b".\r\n")
        assert session.reply().code == 250


@pytest.mark.quick
@pytest.mark.needs_root
def test_store_that_cannot_be_written(lmtpd):
    """The owner of the mail, whom lmtpd is, may not write; then may again."""
    daemon = lmtpd()
    assert health(daemon) == (0, "")
    os.chown(daemon.vhosts, 0, 0)
    os.chmod(daemon.vhosts, 0o755)
    code, words = health(daemon)
    assert code == TEMPORARY and f"store: {daemon.vhosts}: cannot be written to: Permission" in words
    os.chown(daemon.vhosts, MAIL_ID, MAIL_GROUP)
    assert health(daemon) == (0, "")
    daemon.vhosts.rename(daemon.vhosts.with_name("gone"))
    assert health(daemon)[0] == TEMPORARY
    daemon.vhosts.with_name("gone").rename(daemon.vhosts)
    assert health(daemon) == (0, "")
    assert [*daemon.vhosts.iterdir()] == [], "nothing is left behind"


def test_a_further_root(make_lmtpd, directory):
    more = directory / "more"
    daemon = make_lmtpd(maildir={"roots": [str(more)]}).start()
    code, words = health(daemon)
    assert code == TEMPORARY and f"store: {more}: cannot be written to: No such file" in words
    more.mkdir()
    os.chown(more, MAIL_ID, MAIL_GROUP) if os.geteuid() == 0 else None
    assert health(daemon) == (0, "")


def test_both_are_told(lmtpd, database):
    daemon = lmtpd()
    daemon.vhosts.rename(daemon.vhosts.with_name("gone"))
    database.stop()
    code, words = health(daemon)
    database.start()
    assert code == UNAVAILABLE and "database: mysql " in words and "; store: " in words


@pytest.mark.needs_root
def test_disks_of_every_state(make_lmtpd, directory):
    """Read-only, full, frozen, and of a kind without unnamed files."""
    image = directory / "disk.img"
    make_image(image, 32, "mkfs.ext4", "-q", "-F")
    daemon = make_lmtpd()
    disk = Mount(image, daemon.vhosts)
    os.chown(daemon.vhosts, MAIL_ID, MAIL_GROUP)
    try:
        daemon.start()
        assert health(daemon) == (0, "")
        disk.remount("ro")
        code, words = health(daemon)
        assert code == TEMPORARY and "Read-only file system" in words
        disk.remount("rw")
        leave_blocks(daemon.vhosts, 0)
        code, words = health(daemon)
        assert code == TEMPORARY and "No space left" in words
        (daemon.vhosts / "fill").unlink()
        assert health(daemon) == (0, "")
        assert run("fsfreeze", "--freeze", daemon.vhosts).returncode == 0
        began = time.monotonic()
        code, words = health(daemon)
        again = health(daemon)
        took = time.monotonic() - began
        assert run("fsfreeze", "--unfreeze", daemon.vhosts).returncode == 0
        assert code == again[0] == TEMPORARY and "store: no answer within 8 seconds" in words
        assert 2 * PATIENCE - 2 < took < 2 * PATIENCE + 20
        wait_until(lambda: health(daemon) == (0, ""), 60, "health")
        # And the end does not wait for it, but for the kernel, which keeps the thread that hangs.
        assert run("fsfreeze", "--freeze", daemon.vhosts).returncode == 0
        assert health(daemon)[0] == TEMPORARY
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: state_of(daemon.process.pid) == "Z", 60, "end of the first thread")
        assert run("fsfreeze", "--unfreeze", daemon.vhosts).returncode == 0
        assert daemon.process.wait(60) == 0
    finally:
        disk.close()


@pytest.mark.parametrize("arguments", [("--quiet",), ("--status", "--quiet", "--json"), ("--check", "--quiet")])
def test_misuse(daemon, arguments):
    assert daemon.run(*arguments).returncode == USAGE
