"""lmtpd itself: a Program that is fed by LMTP and fills mailboxes."""

import os

from harness.lmtp import Client
from harness.mail import Mailbox, reached
from harness.mariadb import PASSWORD
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID, wait_until
from harness.program import Program


class Lmtpd(Program):
    def __init__(self, binary, directory, database, user=MAIL_ID, group=MAIL_GROUP,
                 starts_as_root=False, **rest):
        self.socket = directory / "lmtp"
        self.control = directory / "control"
        self.vhosts = directory / "vhosts"
        config = {
            "hostname": "mx.example.com",
            "lmtp": {
                "listen": [f"unix:{self.socket}"], "socket_user": "", "socket_group": "",
                "control": str(self.control),
            },
            "maildir": {
                "home": f"{self.vhosts}/%d/%n", "user": str(user), "group": str(group),
            },
            "mysql": {
                "hosts": [f"unix:{database.socket}"], "password": PASSWORD,
                "dbname": database.database,
            },
        }
        super().__init__(binary, directory, "lmtpd.conf", config, user, group, starts_as_root,
                         **rest)
        if starts_as_root:
            # The leak checker cannot look into a process that has changed users.
            self.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        self.vhosts.mkdir(mode=0o700, exist_ok=True)
        if IS_ROOT:
            os.chown(self.vhosts, user, group)

    def is_answering(self):
        try:
            with self.connect() as client:
                return client.reply().code == 220
        except OSError:
            return False

    def connect(self, **options):
        return Client(self.socket, **options)

    def session(self, **options):
        """A client that has said LHLO."""
        client = self.connect(**options)
        client.hello()
        return client

    def submissions(self):
        """What it has counted of them when no notice is under way: a server has one a moment before it is counted."""
        def is_at_rest():
            notices = self.told()["notices"]
            return notices["waiting"] + notices["busy"] == 0

        wait_until(is_at_rest, 60, "end of the notices")
        return self.told()["submissions"]

    def wait_until_alone(self):
        """Until it has no client: what those who left had sent is where it belongs then."""
        wait_until(lambda: self.told()["connections"]["now"] == 0, 60, "end of the last message")

    def mailbox(self, name):
        return Mailbox(self.vhosts, name)

    def reached(self):
        return reached(self.vhosts)

    def peak_memory(self):
        """The most memory it ever had resident, in bytes."""
        return int(self.status()["VmHWM"].split()[0]) * 1024
