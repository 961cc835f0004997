"""What --check says, and what it looks at: a Postfix and a Dovecot that are configured, not run."""

import json
import os


class Report:
    """The rows of --check --json, of one run."""

    def __init__(self, daemon, **options):
        self.done = daemon.run("--check", "--json", **options)
        parsed = json.loads(self.done.stdout)
        self.code = self.done.returncode
        assert parsed["exit"] == self.code, self.done.stdout
        self.rows = parsed["checks"]

    def find(self, status, what):
        return [row for row in self.rows if (row["status"], row["what"]) == (status, what)]

    def only(self, status, what):
        """The one row of this status and subject."""
        found = self.find(status, what)
        assert len(found) == 1, self.rows
        return found[0]

    def troubles(self):
        """What is not ok; that the tests' passwords lie open is no news."""
        return [row for row in self.rows
                if row["status"] != "ok" and row["what"] != "configuration"]

    def own_troubles(self):
        """Those that the Dovecot of the machine that tests has no part in: it knows nothing of our limits."""
        return [row for row in self.troubles() if "Dovecot has no quota" not in row["detail"]]


MASTER = """
smtp inet n - y - - smtpd
submission inet n - y - - smtpd
  -o smtpd_sasl_auth_enable=yes
lmtp unix - - y - - lmtp
virtual unix - n n - - virtual
"""

MAIN = {
    "compatibility_level": "3.6",
    "myhostname": "mail.example.org",
    "mydestination": "localhost",
    "virtual_transport": "lmtp:unix:private/dovecot-lmtp",
    "virtual_mailbox_domains": "static:all",
    "virtual_mailbox_maps": "static:all",
    "virtual_alias_maps": "static:all",
    "recipient_delimiter": "+",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
}


class ConfiguredPostfix:
    """Files for postconf, and the queue directory with private/; nothing of it runs."""

    def __init__(self, directory):
        self.etc = directory / "postfix"
        self.queue = directory / "spool"
        self.private = self.queue / "private"
        self.etc.mkdir()
        self.private.mkdir(parents=True)
        self.settings = {**MAIN, "queue_directory": str(self.queue)}
        self.master = MASTER
        self.write()

    def write(self, **settings):
        self.settings.update(settings)
        lines = [f"{name} = {value}\n" for name, value in self.settings.items()]
        for name, text in (("main.cf", "".join(lines)), ("master.cf", self.master)):
            (self.etc / name).write_text(text)
            # Postfix waits until a file has been left alone for two seconds.
            os.utime(self.etc / name, (0, 0))

    def serve(self, daemon, section, name):
        """The daemon is to have its socket where this Postfix looks for it."""
        daemon.environment["MAIL_CONFIG"] = str(self.etc)
        daemon.socket = self.private / name
        daemon.configure(**{section: {"listen": [f"unix:{daemon.socket}"]}})
