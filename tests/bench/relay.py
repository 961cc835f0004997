"""Through Postfix: how fast a queue gets into Maildirs.

The messages lie in the queue before the clock starts, so that only their way out is measured: queue
manager, delivery agent, server, disk.
"""

import os
import time

from filesystem import count_files
from harness.mariadb import PASSWORD
from harness.postfix import Postfix
from harness.process import MAIL_GROUP, MAIL_ID, run_checked, wait_until

SERVERS = ("lmtpd", "dovecot", "virtual")
MAILBOXES = range(1000)
PATHS = ("SELECT CONCAT(SUBSTRING_INDEX(email, '@', -1), '/', SUBSTRING_INDEX(email, '@', 1), "
         "'/Maildir/') FROM virtual_users WHERE email = '%s'")

SETTINGS = {
    # Into the queue and no further, until it is released; nothing is tried by itself meanwhile.
    "smtpd_sender_restrictions": "check_sender_access static:HOLD",
    "queue_run_delay": "600s",
    "minimal_backoff_time": "600s",
    "maximal_backoff_time": "600s",
    "virtual_uid_maps": f"static:{MAIL_ID}",
    "virtual_gid_maps": f"static:{MAIL_GROUP}",
}


def tree_of(name):
    """The directory of the disk for a server's mail."""
    return f"relay-{name}"


class Relay:
    def __init__(self, place):
        self.place = place
        self.place.database.database = "mailserver"
        self.postfix = Postfix(place.base / "pfx", place.database)

    def __enter__(self):
        self.postfix.start()
        self._set(SETTINGS)
        etc = self.postfix.base / "etc"
        (etc / "mysql-paths.cf").write_text(
            f"user = mailuser\npassword = {PASSWORD}\n"
            f"hosts = 127.0.0.1:{self.place.database.port}\ndbname = mailserver\n"
            f"query = {PATHS}\n")
        self._set({"virtual_mailbox_maps": f"mysql:{etc}/mysql-paths.cf"})
        with open(etc / "master.cf", "a") as master:
            master.write("virtual unix - n n - - virtual\n"
                         "injection unix n - n - - smtpd\n")
        return self

    def __exit__(self, *_):
        self.postfix.stop()

    def _set(self, settings):
        run_checked("postconf", "-c", self.postfix.base / "etc", "-e",
                    *[f"{name} = {value}" for name, value in settings.items()])

    def run(self, name, n_messages):
        """Messages a second from the queue into the mailboxes."""
        root = self.place.root(tree_of(name))
        if name == "virtual":
            return self._deliver(root, n_messages, "virtual")
        server = self.place.start(name, root)
        try:
            return self._deliver(root, n_messages, f"lmtp:unix:{server.socket}")
        finally:
            server.stop()

    def _deliver(self, root, n_messages, transport):
        self._set({"virtual_transport": transport, "virtual_mailbox_base": root})
        self.postfix.reload()
        run_checked(
            self.place.programs["load"], "deliver", "--smtp",
            "--socket", self.postfix.base / "spool/public/injection", "--sessions", 20,
            "--messages", n_messages, "--mailboxes", len(MAILBOXES), timeout=120)
        run_checked("postsuper", "-c", self.postfix.base / "etc", "-H", "ALL")
        before = count_files(root, MAILBOXES)
        begun = time.monotonic()
        self.postfix.flush()
        wait_until(self._is_queue_empty, 120, "end of the queue")
        seconds = time.monotonic() - begun
        n = count_files(root, MAILBOXES) - before
        assert n == n_messages, f"{n} messages came through\n{self.postfix.log()[-2000:]}"
        self.place.filesystem.sync()
        return n / seconds

    def _is_queue_empty(self):
        return not any(files for queue in ("incoming", "active", "deferred")
                       for _, _, files in os.walk(self.postfix.base / "spool" / queue))


def measure(place, rounds, n_messages):
    """For each server its messages a second, a figure a round. When there are several, each mailbox
    gets a message before: Dovecot makes its indexes then."""
    found = {name: [] for name in SERVERS}
    with Relay(place) as relay:
        for name in SERVERS if rounds > 1 else ():
            relay.run(name, len(MAILBOXES))
        for number in range(rounds):
            for name in SERVERS[number % 3:] + SERVERS[:number % 3]:
                found[name].append(relay.run(name, n_messages))
    return found
