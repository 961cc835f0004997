"""Senders that behave as Postfix does: what is not acknowledged is sent again."""

import base64
import contextlib
import random
import threading
import time

from harness.lmtp import stuffed

# Weights and sizes in bytes: most mail is small.
SIZES = ((60, 1 << 10, 4 << 10), (25, 4 << 10, 32 << 10), (10, 32 << 10, 256 << 10),
         (4, 256 << 10, 1 << 20), (1, 1 << 20, 4 << 20))
RECIPIENTS = ((60, 1, 1), (30, 2, 5), (10, 6, 20))
PUT_OFF = (451, 452)
MESSAGES_OF_A_SESSION = ((30, 1, 1), (50, 2, 10), (20, 11, 50))


def pick(rng, table):
    _, low, high = rng.choices(table, [weight for weight, *_ in table])[0]
    return rng.randint(low, high)


def letter_bytes(letter_id, body):
    return b"Message-ID: <%s@sender.example.net>\r\nTo: list@example.net\r\nSubject: x\r\n\r\n%s" % (
        letter_id.encode(), body)


class Letter:
    """A message and those of its recipients who still wait for it: address to mailboxes."""

    def __init__(self, letter_id, rng, recipients, sender="sender@example.net"):
        self.id = letter_id
        self.sender = sender
        self.waiting = dict(recipients)
        text = base64.encodebytes(rng.randbytes(pick(rng, SIZES) * 3 // 4))
        self.body = b".\r\n..a\r\n" + text.replace(b"\n", b"\r\n")
        self.bytes = letter_bytes(letter_id, self.body)


class Sender(threading.Thread):
    def __init__(self, load, number):
        super().__init__(name=f"sender {number}", daemon=True)
        self.load = load
        self.number = number
        self.rng = random.Random(f"{load.seed} {number}")
        self.n_letters = 0
        self.letter = None
        self.error = None

    def run(self):
        try:
            while not self._is_done():
                try:
                    self._hold_session()
                except (OSError, EOFError):
                    self.load.n_broken += 1
                    time.sleep(self.rng.uniform(0.01, 0.1))
        except BaseException as error:  # told to whoever waits for the load
            self.error = error

    def _is_done(self):
        return self.load.ending.is_set() and (self.letter is None or not self.load.drains)

    def _hold_session(self):
        with self.load.connect() as client:
            self._reply(client, 220)
            client.send("LHLO client.example.net\r\n")
            self._reply(client, 250)
            for _ in range(pick(self.rng, MESSAGES_OF_A_SESSION)):
                if self._is_done():
                    break
                self._send(client)
                time.sleep(self.rng.uniform(0, self.load.pause))
            if self.rng.random() < 0.5:
                client.send("QUIT\r\n")
                self._reply(client, 221)

    def _next_letter(self):
        if self.letter is None:
            n = min(pick(self.rng, RECIPIENTS), len(self.load.addresses))
            recipients = [(address, self.load.mailboxes[address])
                          for address in self.rng.sample(self.load.addresses, n)]
            self.n_letters += 1
            letter_id = f"{self.load.seed}.{self.number}.{self.n_letters}"
            senders = self.load.from_whom
            self.letter = Letter(letter_id, self.rng, recipients, senders[self.n_letters % len(senders)])
            self.load.ledger.post(self.letter.id, self.letter.body)
        return self.letter

    def _send(self, client):
        """One transaction for all who wait; those whom it reaches wait no longer."""
        self.load.going.wait()
        letter = self._next_letter()
        accepted = self._offer(client, letter)
        if accepted:
            self._transmit(client, letter, accepted)
        if not letter.waiting:
            self.letter = None
        else:
            self.load.n_deferred += 1
            time.sleep(self.rng.uniform(0.01, 0.1))

    def _offer(self, client, letter):
        """The envelope; returns the addresses that were accepted, with DATA under way."""
        addresses = list(letter.waiting)
        client.send("".join([
            f"MAIL FROM:<{letter.sender}>\r\n",
            *[f"RCPT TO:<{address}>\r\n" for address in addresses], "DATA\r\n",
        ]))
        self._reply(client, 250)
        accepted = [address for address in addresses
                    if self._reply(client, 250, *PUT_OFF).code == 250]
        self._reply(client, 354 if accepted else 503)
        if not accepted:
            client.send("RSET\r\n")
            self._reply(client, 250)
        return accepted

    def _transmit(self, client, letter, accepted):
        client.send(stuffed(letter.bytes))
        # From here on it may be stored, whether or not anybody reads that.
        saved, unread = [], list(accepted)
        begun = time.monotonic()
        try:
            if self.rng.random() < self.load.rudeness:
                raise EOFError("goes away")
            for address in accepted:
                reply = self._reply(client, 250, *PUT_OFF)
                unread.remove(address)
                if reply.code == 250:
                    saved.append(address)
            self.load.latencies.append((begun, time.monotonic() - begun))
        finally:
            self._settle(letter, saved, unread, accepted)

    def _settle(self, letter, saved, unread, accepted):
        mailboxes = letter.waiting
        # An alias for several mailboxes is put off when it fails at one of them.
        partly = [address for address in accepted
                  if address not in saved and len(mailboxes[address]) > 1]
        reached = {mailbox for address in saved for mailbox in mailboxes[address]}
        doubtful = {mailbox for address in {*unread, *partly} for mailbox in mailboxes[address]}
        self.load.ledger.settle(letter.id, reached, doubtful - reached)
        for address in saved:
            del letter.waiting[address]

    def _reply(self, client, *expected):
        reply = client.reply()
        if reply.code == 421:
            raise EOFError("421")
        assert reply.code in expected, f"{reply} instead of {expected}"
        return reply


class Load:
    """connect() returns a client that has not read the greeting; mailboxes: who is behind each
    address. drains: at its end, what waits is sent until it is acknowledged. Loads that share a
    ledger need seeds of their own."""

    def __init__(self, connect, ledger, mailboxes, n_senders=8, drains=False, rudeness=0.0,
                 pause=0.0, seed=1, from_whom=("sender@example.net",)):
        self.connect = connect
        self.ledger = ledger
        self.mailboxes = mailboxes
        self.addresses = sorted(mailboxes)
        self.drains = drains
        self.rudeness = rudeness  # share of clients that go away before they read the reply
        self.pause = pause  # seconds at most between two messages of a sender
        self.seed = seed
        self.from_whom = from_whom
        self.ending = threading.Event()
        self.going = threading.Event()
        self.going.set()
        self.latencies = []  # (when, seconds) from the last dot to the last reply
        self.n_deferred = 0
        self.n_broken = 0
        self.senders = [Sender(self, number) for number in range(n_senders)]

    def __enter__(self):
        for sender in self.senders:
            sender.start()
        return self

    def __exit__(self, kind, *_):
        self.drains = self.drains and kind is None
        self.ending.set()
        for sender in self.senders:
            sender.join(120)
        # What a sender met explains what failed here, but Ctrl-C stays one.
        if kind is None or issubclass(kind, Exception):
            self.check()

    @contextlib.contextmanager
    def held(self):
        """While the block runs no message is begun; soon all that were are at their end."""
        self.going.clear()
        try:
            yield
        finally:
            self.going.set()

    def check(self):
        """No sender got a reply that it must not get, or hangs after its end."""
        for sender in self.senders:
            if sender.error:
                raise sender.error
            assert not (self.ending.is_set() and sender.is_alive()), f"{sender.name} hangs"


def add_mailboxes(database, n_domains=4, n_users=200, n_aliases=100):
    """Fills the tables; returns address to mailboxes, for a load."""
    database.sql(
        "INSERT INTO virtual_domains (name) SELECT CONCAT('d', seq, '.example.com') "
        f"FROM seq_1_to_{n_domains};"
        "INSERT INTO virtual_users (domain_id, password, email) "
        "SELECT d.id, '*', CONCAT('u', seq, '@', d.name) FROM virtual_domains d "
        f"JOIN seq_1_to_{n_users} WHERE d.name LIKE 'd%.example.com'")
    mailboxes = {
        f"u{user}@d{domain}.example.com": (f"d{domain}.example.com/u{user}",)
        for domain in range(1, n_domains + 1) for user in range(1, n_users + 1)
    }
    users = sorted(mailboxes)
    rows = []
    for number in range(n_aliases):
        destinations = users[number % len(users)::max(1, len(users) // (1 + number % 3))][:3]
        address = f"alias{number}@d1.example.com"
        mailboxes[address] = tuple(mailboxes[user][0] for user in destinations)
        rows += [f"(@domain, '{address}', '{user}')" for user in destinations]
    database.sql(
        "SET @domain = (SELECT id FROM virtual_domains WHERE name = 'd1.example.com');"
        "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES " + ", ".join(rows))
    return mailboxes
