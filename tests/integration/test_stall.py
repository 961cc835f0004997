"""A disk that stands still: nobody waits for it for ever, and nobody waits for it who need not."""

import contextlib
import json
import os
import signal
import threading
import time

import pytest

from harness.disk import Mount, make_image
from harness.lmtp import message, stuffed
from harness.process import MAIL_GROUP, MAIL_ID, run, run_checked, wait_until
from harness.scripts import ENDLESS, write_script

pytestmark = [pytest.mark.needs_root, pytest.mark.heavy]

# More than there are writers.
CLIENTS = 70
PATIENCE = 60
# Of a busy machine.
SLACK = 60


@pytest.fixture
def disk(directory):
    """disk(path): a filesystem of its own there, which can be frozen."""
    mounts = []

    def make(path):
        image = directory / f"disk{len(mounts)}.img"
        make_image(image, 32, "mkfs.ext4", "-q", "-F")
        mounts.append(Mount(image, path))
        os.chown(path, MAIL_ID, MAIL_GROUP)
        return mounts[-1]

    yield make
    for mount in mounts:
        run("fsfreeze", "--unfreeze", mount.path)
        mount.close()


@contextlib.contextmanager
def frozen(path):
    run_checked("fsfreeze", "--freeze", path)
    try:
        yield
    finally:
        run("fsfreeze", "--unfreeze", path)


class Client(threading.Thread):
    """Sends one message, and reads what becomes of it."""

    def __init__(self, daemon, address, body=None):
        super().__init__(daemon=True)
        self.session = daemon.session(timeout=PATIENCE + 2 * SLACK)
        self.address = address
        self.body = body or message()
        self.status = None

    def run(self):
        with self.session as session:
            session.command("MAIL FROM:<sender@example.net>")
            session.command(f"RCPT TO:<{self.address}>")
            session.command("DATA")
            session.send(stuffed(self.body))
            self.status = session.reply().status


def run_all(clients):
    for client in clients:
        client.start()
    return clients


def statuses(clients):
    for client in clients:
        client.join(PATIENCE + 2 * SLACK)
    return {client.status for client in clients}


def status(daemon):
    done = daemon.run("--status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def add_users(database, n):
    database.sql("INSERT INTO virtual_domains (name) VALUES ('frozen.example')")
    for number in range(n):
        database.sql("INSERT INTO virtual_users (domain_id, password, email) SELECT id, '*', "
                     f"'u{number}@frozen.example' FROM virtual_domains WHERE name = 'frozen.example'")


def make_disks(daemon, disk):
    """One for each domain. Returns where the one to be frozen is."""
    still = daemon.vhosts / "frozen.example"
    disk(still)
    disk(daemon.vhosts / "example.com")
    return still


FILE = 'fileinto :create "Work"; addheader :last "X-New" "1";'


def test_frozen_disk(make_lmtpd, database, disk):
    """70 messages for a frozen disk are put off after a minute, and never come; a message for another
    disk comes at once meanwhile. When the disk moves again, everything is there once. Half of the users
    have scripts."""
    add_users(database, CLIENTS)
    daemon = make_lmtpd(sieve={"enabled": True})
    still = make_disks(daemon, disk)
    for number in range(0, CLIENTS, 2):
        write_script(still / f"u{number}", FILE)
    write_script(daemon.vhosts / "example.com/email1", FILE)
    daemon.start()

    def found():
        return sum(1 for path in still.rglob("new/*") if path.is_file())

    # Each is known by its domain then, but for those who are new.
    with daemon.session() as session:
        assert session.deliver("u0@frozen.example")[0].status == "250 2.0.0"
        assert session.deliver("email1@example.com")[0].status == "250 2.0.0"
    with frozen(still):
        stuck = run_all([Client(daemon, f"u{n}@frozen.example") for n in range(CLIENTS)])
        large = run_all([Client(daemon, "u1@frozen.example", message("x" * 70 + "\r\n") * 5000)])
        wait_until(lambda: status(daemon)["commits"]["busy"] > 0, SLACK, "writers that hang")
        others = run_all([Client(daemon, "email1@example.com") for _ in range(10)])
        assert statuses(others) == {"250 2.0.0"}
        assert {client.status for client in stuck} == {None}
        assert statuses([*stuck, *large]) == {"451 4.3.0"}
        said = status(daemon)
        assert said["messages"]["stalled"] == CLIENTS + 1
        assert said["replies"]["451 4.3.0"] == CLIENTS + 1
        [line] = daemon.wait_for_log(event="delivery", to="<u5@frozen.example>")
        assert line["status"] == "deferred" and "within 60 s" in line["reason"]
        assert int(line["ms"]) >= PATIENCE * 1000
    wait_until(lambda: status(daemon)["commits"]["busy"] == 0, SLACK, "writers that are free")
    assert found() == 1
    assert list(still.rglob("tmp/*")) == []
    again = run_all([Client(daemon, f"u{n}@frozen.example") for n in range(CLIENTS)])
    assert statuses(again) == {"250 2.0.0"}
    assert found() == 1 + CLIENTS


def test_disk_that_freezes_while_scripts_run(make_lmtpd, database, disk):
    """They want to say in their users' logs that they took too long. Their mail is put off and never comes; the
    scripts of those on another disk run meanwhile."""
    add_users(database, 4)
    daemon = make_lmtpd(sieve={"enabled": True})
    still = make_disks(daemon, disk)
    for number in range(4):
        write_script(still / f"u{number}", ENDLESS.script)
    write_script(daemon.vhosts / "example.com/email1", FILE)
    daemon.start()
    with daemon.session(timeout=SLACK) as session:
        for address in ("u0@frozen.example", "email1@example.com"):
            assert session.deliver(address)[0].status == "250 2.0.0"
    stuck = run_all([Client(daemon, f"u{number}@frozen.example") for number in range(4)])
    wait_until(lambda: status(daemon)["scripts"]["busy"] > 0, SLACK, "scripts that run")
    with frozen(still):
        others = run_all([Client(daemon, "email1@example.com") for _ in range(10)])
        assert statuses(others) == {"250 2.0.0"}
        # One whose script had ended before is saved.
        assert "451 4.3.0" in statuses(stuck) <= {"451 4.3.0", "250 2.0.0"}
        n_saved = [client.status for client in stuck].count("250 2.0.0")
        assert status(daemon)["messages"]["stalled"] == 4 - n_saved
    wait_until(lambda: status(daemon)["scripts"]["busy"] == 0, SLACK, "scripts that have ended")
    wait_until(lambda: status(daemon)["commits"]["busy"] == 0, SLACK, "writers that are free")
    assert len(list(still.rglob("*,S=*"))) == 1 + n_saved
    assert list(still.rglob("tmp/*")) == []
    again = run_all([Client(daemon, f"u{number}@frozen.example") for number in range(4)])
    assert statuses(again) == {"250 2.0.0"}
    assert len(list(still.rglob("*,S=*"))) == 5 + n_saved


class ClientOfTwo(Client):
    """Sends its message to a mailbox of the other disk too."""

    def run(self):
        with self.session as session:
            session.command("MAIL FROM:<sender@example.net>")
            session.command("RCPT TO:<email1@example.com>")
            session.command(f"RCPT TO:<{self.address}>")
            session.command("DATA")
            session.send(stuffed(self.body))
            session.reply()
            self.status = session.reply().status


def test_frozen_disk_takes_no_writers_of_another(make_lmtpd, database, disk):
    """Neither after a start, when no mail has been seen to lie anywhere, nor by messages for both."""
    add_users(database, 1)
    daemon = make_lmtpd()
    still = make_disks(daemon, disk)
    with frozen(still):
        daemon.start()
        stuck = run_all([Client(daemon, "u0@frozen.example") for _ in range(CLIENTS)])
        stuck += run_all([ClientOfTwo(daemon, "u0@frozen.example") for _ in range(CLIENTS)])
        wait_until(lambda: status(daemon)["commits"]["busy"] > 10, SLACK, "writers that hang")
        others = run_all([Client(daemon, "email1@example.com") for _ in range(10)])
        assert statuses(others) == {"250 2.0.0"}
        assert {client.status for client in stuck} == {None}
    assert statuses(stuck) == {"250 2.0.0"}


def test_end_beside_a_frozen_disk(make_lmtpd, database, disk):
    """What was answered 451 is taken back though the daemon was told to end meanwhile."""
    add_users(database, 1)
    daemon = make_lmtpd()
    still = make_disks(daemon, disk)
    daemon.start()
    with daemon.session() as session:
        assert session.deliver("u0@frozen.example")[0].status == "250 2.0.0"
    with frozen(still):
        stuck = run_all([Client(daemon, "u0@frozen.example") for _ in range(3)])
        assert statuses(stuck) == {"451 4.3.0"}
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log(event="stop")
        time.sleep(2)  # it has nobody left to serve
    wait_until(lambda: not daemon.is_running(), SLACK, "the end")
    assert len(list(still.rglob("new/*"))) == 1
    assert list(still.rglob("tmp/*")) == []
