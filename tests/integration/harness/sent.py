"""The books of a load whose users have scripts that send: what the server has taken counts as theirs, too."""

import hashlib
import random
import re
import threading
import time

from harness.audit import MESSAGE_ID, Ledger
from harness.load import letter_bytes
from harness.scripts import SENT
from harness.sink import Over, Sink

SMALL = 16 << 10
REDIRECTED_FROM = re.compile(rb"^X-Sieve-Redirected-From: ([^@]*)@(\S*)", re.MULTILINE)


AUTHOR = re.compile(rb"^From: (?:.*<)?([^<>\r\n]*)", re.MULTILINE)
TOLD = "told@example.net"  # by notify


def entry_of(message):
    """Of what was redirected, as the books have it."""
    head = message.partition(b"\r\n\r\n")[0]
    user, domain = REDIRECTED_FROM.search(head).groups()
    return f"{domain.decode()}/{user.decode()}/{SENT}", MESSAGE_ID.search(head)[1].decode()


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
        entry = entry_of(message)
        body = message.partition(b"\r\n\r\n")[2]
        assert hashlib.sha256(body.replace(b"\r\n", b"\n")).digest() == self.ledger.digests[entry[1]]
        self.entries.append(entry)


class MoodyTaker(Taker):
    """Takes its time, puts off, refuses, and breaks off behind what it has taken, each now and then and at random. Keeps
    who was answered for whom, who was told, and what it has refused."""

    PUT_OFF, REFUSED = b"451 4.3.0 Later", b"550 5.7.1 No"

    def __init__(self, ledger, seed=1):
        self.rng = random.Random(seed)
        self.is_moody = True
        self.refused = []  # as entries
        self.answered = []  # (mailbox, sender)
        self.n_refused_notices = 0
        self.told = []  # mailboxes
        self.own = threading.local()
        super().__init__(ledger)

    def keep(self, sender, recipients, message):
        """Not before it has answered."""
        self.own.message = sender, recipients, message

    def _record(self, sender, recipients, message):
        author = AUTHOR.search(message.partition(b"\r\n\r\n")[0])
        if recipients == [TOLD]:
            self.told.append(author[1].decode())
        elif sender == "":
            self.answered.append((author[1].decode(), *recipients))
        else:
            super().keep(sender, recipients, message)

    def _answer(self, client, said, *steps):
        mood = self.rng.random() if self.is_moody else 1
        if mood < 0.2:
            time.sleep(mood / 4)
        if steps != ("END",):
            if steps[0] not in ("GREETING", "EHLO") and mood < 0.02:
                said = self.PUT_OFF
            return super()._answer(client, said, *steps)
        if 0.2 < mood < 0.25:
            said = self.PUT_OFF
        elif 0.25 < mood < 0.3:
            said = self.REFUSED
        return self._end(client, said, 0.3 < mood < 0.33)

    def _end(self, client, said, breaks_off):
        sender, recipients, message = self.own.message
        is_notice = sender == "" or recipients == [TOLD]
        if said[:1] == b"2":
            self._record(sender, recipients, message)
            # Nobody may be answered twice, and who was, nobody would know then.
            if breaks_off and not is_notice:
                raise Over
        elif is_notice:
            self.n_refused_notices += 1
        elif said == self.REFUSED:
            self.refused.append(entry_of(message))
        return super()._answer(client, said, "END")
