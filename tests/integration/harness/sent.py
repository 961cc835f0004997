"""The books of a load whose users have scripts that send: what the server has taken counts as theirs, too."""

import hashlib
import re

from harness.audit import MESSAGE_ID, Ledger
from harness.load import letter_bytes
from harness.scripts import SENT
from harness.sink import Sink

SMALL = 16 << 10
REDIRECTED_FROM = re.compile(rb"^X-Sieve-Redirected-From: ([^@]*)@(\S*)", re.MULTILINE)


class SendingLedger(Ledger):
    """Keeps small messages, to bring them again."""

    def __init__(self):
        super().__init__()
        self.bodies = {}

    def post(self, letter_id, body):
        super().post(letter_id, body)
        if len(body) <= SMALL:
            self.bodies[letter_id] = body

    def bring_again(self, daemon, entries):
        """Those of the entries that can be, each to the mailbox alone; returns them."""
        brought = [entry for entry in dict.fromkeys(entries) if entry[1] in self.bodies]
        with daemon.session() as session:
            for place, letter_id in brought:
                domain, user, *_ = place.split("/")
                [reply] = session.deliver(
                    f"{user}@{domain}", body=letter_bytes(letter_id, self.bodies[letter_id]))
                assert reply.code == 250, reply
        return brought


class Taker(Sink):
    """Remembers of what it has acknowledged no more than the books need."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.entries = []
        self.n_notices = 0
        super().__init__()

    def keep(self, sender, recipients, message):
        if sender == "":
            self.n_notices += 1
            return
        head, _, body = message.partition(b"\r\n\r\n")
        user, domain = REDIRECTED_FROM.search(head).groups()
        letter_id = MESSAGE_ID.search(head)[1].decode()
        digest = hashlib.sha256(body.replace(b"\r\n", b"\n")).digest()
        assert digest == self.ledger.digests[letter_id]
        self.entries.append((f"{domain.decode()}/{user.decode()}/{SENT}", letter_id))
