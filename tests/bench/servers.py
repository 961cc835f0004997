"""The servers that are measured, each fresh for each turn and over its own mailboxes."""

import os
import shutil

from harness.auth import LmtpdAuth
from harness.dovecot import DovecotLmtp
from harness.lmtp import Client
from harness.lmtpd import Lmtpd
from harness.mariadb import PASSWORD
from harness.process import MAIL_GROUP, MAIL_ID, Daemon, as_mail_user

PROGRAMS = ("load", "sink", "disk", "auth_load")


class Sink(Daemon):
    def __init__(self, program, commits, directory, root, *database):
        super().__init__(directory / "sink.log")
        self.program = program
        self.commits = commits
        self.database = database
        self.socket = directory / "lmtp"
        self.root = root
        os.chown(directory, MAIL_ID, MAIL_GROUP)

    def start(self):
        self.spawn([self.program, self.commits, self.socket, self.root, *self.database], **as_mail_user())
        self.wait_until_answers(self.is_answering)

    def is_answering(self):
        try:
            with Client(self.socket) as client:
                return client.reply().code == 220
        except OSError:
            return False

    def stop(self):
        """It knows no orderly end."""
        self.kill()


class Place:
    """Where everything of a run lies, and how its servers are made."""

    def __init__(self, base, filesystem, database, built, programs, beside=None):
        self.base = base
        self.filesystem = filesystem
        self.database = database
        # Copies, that the owner of the mail may execute wherever the tree lies.
        self.lmtpd = shutil.copy(built / "lmtpd/lmtpd", base / "lmtpd")
        self.beside = beside and shutil.copy(beside, base / "beside")
        self.lmtpd_auth = shutil.copy(built / "auth/lmtpd-auth", base / "lmtpd-auth")
        self.programs = {name: shutil.copy(programs / name, base / name) for name in PROGRAMS}
        self.n_started = 0

    def root(self, name):
        return self.filesystem.path / name

    def drop(self, name):
        """Removes a directory of the disk with all its mail."""
        shutil.rmtree(self.root(name))
        self.filesystem.sync()

    def start(self, name, root=None, rows="mailserver"):
        """A fresh lmtpd, limited, scripts, pigeonhole, beside, sink, once, asking, dovecot or auth, with its mail below root and its users from
        rows."""
        self.n_started += 1
        directory = self.base / f"{name}{self.n_started}"
        directory.mkdir()
        self.database.database = rows
        server = getattr(self, f"_make_{name}")(directory, root or self.root(name))
        # One that does not come up is ended all the same.
        try:
            server.start()
        except BaseException:
            server.kill()
            raise
        return server

    def _make_lmtpd(self, directory, root, program=None):
        return Lmtpd(
            program or self.lmtpd, directory, self.database, starts_as_root=True,
            lmtp={"socket_user": "postfix", "socket_group": "postfix"},
            maildir={"home": f"{root}/%d/%n"},
            mysql={"hosts": [f"127.0.0.1:{self.database.port}"]},
        )

    def _make_limited(self, directory, root):
        daemon = self._make_lmtpd(directory, root)
        daemon.configure(mysql={"user_query": f"SELECT email, {1 << 40} AS quota_bytes "
                                              "FROM virtual_users WHERE email = '%u'"})
        return daemon

    def _make_scripts(self, directory, root):
        daemon = self._make_lmtpd(directory, root)
        daemon.configure(sieve={"enabled": True})
        return daemon

    def _make_pigeonhole(self, directory, root):
        return DovecotLmtp(directory, self.database, root, directory / "lmtp", has_sieve=True)

    def _make_beside(self, directory, root):
        return self._make_lmtpd(directory, root, self.beside)

    def _make_auth(self, directory, root):
        return LmtpdAuth(self.lmtpd_auth, directory, self.database, auth={"failure_delay": 2})

    def _make_dovecot(self, directory, root):
        return DovecotLmtp(directory, self.database, root, directory / "lmtp")

    def _make_sink(self, directory, root):
        return Sink(self.programs["sink"], "twice", directory, root)

    def _make_once(self, directory, root):
        return Sink(self.programs["sink"], "once", directory, root)

    def _make_asking(self, directory, root):
        return Sink(self.programs["sink"], "once", directory, root,
                    f"127.0.0.1:{self.database.port}",
                    "mailuser", PASSWORD, self.database.database)
