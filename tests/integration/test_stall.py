"""A disk that stands still: nobody waits for it for ever, and nobody waits for it who need not."""

import contextlib
import json
import os
import threading

import pytest

from harness.disk import Mount, make_image
from harness.lmtp import message, stuffed
from harness.process import MAIL_GROUP, MAIL_ID, run, run_checked, wait_until

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


def test_frozen_disk(make_lmtpd, database, disk):
    """70 messages for a frozen disk are put off after a minute, and never come; a message for another
    disk comes at once meanwhile. When the disk moves again, everything is there once."""
    database.sql("INSERT INTO virtual_domains (name) VALUES ('frozen.example')")
    for number in range(CLIENTS):
        database.sql("INSERT INTO virtual_users (domain_id, password, email) SELECT id, '*', "
                     f"'u{number}@frozen.example' FROM virtual_domains WHERE name = 'frozen.example'")
    daemon = make_lmtpd()
    still = daemon.vhosts / "frozen.example"
    disk(still)
    disk(daemon.vhosts / "example.com")
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
