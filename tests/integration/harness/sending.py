"""lmtpd whose scripts send, with the Postfix that brings mail and takes what is sent."""

import re

from harness.process import wait_until
from harness.sieve import EMAIL2, Site, imap


class SendingSite(Site):
    """With the Postfix that brings mail, and takes what is sent."""

    def __init__(self, daemon, dovecot, postfix):
        super().__init__(daemon, dovecot)
        self.postfix = postfix

    def send(self, recipients, message, sender=EMAIL2, n=1, **options):
        """Returns Postfix's deliveries of it."""
        qid = self.postfix.send(recipients, message, sender, **options)
        return self.postfix.wait_until_sent(qid, n)

    def wait_for(self, user, n=1, folder="INBOX"):
        """Whole messages, when there are n of them."""
        def found():
            messages = self.messages(user, folder)
            return messages if len(messages) >= n else None

        messages = wait_until(found, 60, f"{n} messages of {user}")
        assert len(messages) == n, messages
        return messages

    def messages(self, user, folder="INBOX"):
        with imap(self.dovecot, user) as client:
            _, [n] = client.select(folder, readonly=True)
            _, rows = client.fetch("1:*", "(BODY.PEEK[])") if n != b"0" else (None, [])
            return [row[1].decode() for row in rows if isinstance(row, tuple)]


def make_sending_site(make_lmtpd, make_sieve_dovecot, postfix, sieve=None, lmtp=None, **rest):
    daemon = make_lmtpd(
        starts_as_root=True,
        sieve={"enabled": True, "submission": f"inet:127.0.0.1:{postfix.port}", **(sieve or {})},
        lmtp={"listen": [f"unix:{postfix.lmtp_socket}"], "socket_user": "postfix", "socket_group": "postfix",
              "socket_mode": 0o600, **(lmtp or {})}, **rest)
    daemon.socket = postfix.lmtp_socket
    return SendingSite(daemon.start(), make_sieve_dovecot(daemon.vhosts), postfix)


def field(message, name):
    found = re.search(rf"^{name}: (.*(?:\r?\n[ \t].*)*)", message, re.MULTILINE | re.IGNORECASE)
    return found and re.sub(r"\r?\n[ \t]", " ", found[1]).strip()
