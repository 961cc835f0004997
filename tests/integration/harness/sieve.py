"""Scripts of users: stored as webmails do it, and what an IMAP client sees of the mail that they have filed."""

import contextlib
import imaplib
import re

from harness.lmtp import Client
from harness.managesieve import ManageSieve

EMAIL1, EMAIL2 = "email1@example.com", "email2@example.com"
PASSWORDS = {EMAIL1: "firstpassword", EMAIL2: "secondpassword"}


def mail(subject="test", body="A body.", **fields):
    head = {"From": "Ann <ann@example.net>", "To": EMAIL1, "Subject": subject,
            "Message-ID": f"<{subject}@example.net>", **fields}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in head.items()]
    return "\r\n".join(lines + ["", body, ""]).encode()


@contextlib.contextmanager
def imap(dovecot, user=EMAIL1):
    with imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=60) as client:
        client.login(user, PASSWORDS[user])
        yield client


def names(client, command="list"):
    _, lines = getattr(client, command)()
    return sorted(line.decode().rsplit(" ", 1)[1].strip('"') for line in lines if line)


def mail_in(client, headers=False):
    """What this IMAP client sees: folder: [(subject or header, flags)], but for empty folders."""
    found = {}
    for folder in names(client):
        status, data = client.select(f'"{folder}"', readonly=True)
        if status != "OK" or data == [b"0"]:  # one that is but a name, or empty
            continue
        part = "HEADER" if headers else "HEADER.FIELDS (SUBJECT)"
        _, rows = client.fetch("1:*", f"(FLAGS BODY.PEEK[{part}])")
        for row in rows:
            if isinstance(row, tuple):
                flags = re.search(rb"FLAGS \(([^)]*)\)", row[0])[1].decode().split()
                text = row[1].decode() if headers else row[1].decode().split(": ", 1)[1]
                found.setdefault(folder, []).append(
                    (text.strip(), sorted(flag for flag in flags if flag != r"\Recent")))
    return {folder: sorted(rows) for folder, rows in found.items()}


def shown(dovecot, user=EMAIL1, headers=False):
    with imap(dovecot, user) as client:
        return mail_in(client, headers)


def deliver(socket, *addresses, body=None, sender="sender@example.net"):
    with Client(socket) as client:
        client.hello()
        return [reply.status for reply in
                client.deliver(*addresses, body=body or mail(), sender=sender)]


def activate(dovecot, script, user=EMAIL1):
    with ManageSieve(dovecot.sieve_port, user, PASSWORDS[user]) as client:
        client.put("own", script)
        client.activate("own")


def make_folders(dovecot, *folders, user=EMAIL1):
    with imap(dovecot, user) as client:
        for folder in folders:
            client.create(folder)


class Site:
    """An lmtpd with scripts, and the Dovecot that reads its mail and keeps the scripts."""

    def __init__(self, daemon, dovecot):
        self.daemon = daemon
        self.dovecot = dovecot

    def activate(self, script, user=EMAIL1):
        activate(self.dovecot, script, user)

    def folders(self, *folders, user=EMAIL1):
        make_folders(self.dovecot, *folders, user=user)

    def deliver(self, *addresses, **options):
        return deliver(self.daemon.socket, *(addresses or (EMAIL1,)), **options)

    def shown(self, user=EMAIL1, **options):
        return shown(self.dovecot, user, **options)

    def log(self, **fields):
        return self.daemon.log(**fields)
