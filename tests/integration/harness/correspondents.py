"""Many who write to one mailbox, each once or a few times, over several connections at once; and what its marks come to."""

import random
import struct
import threading
import time
from typing import NamedTuple

from harness.sieve import EMAIL1, mail

LETTERS = (1, 1, 1, 2, 2, 3)  # how many one writes: half of them one


def address_of(number):
    return f"sender{number}@example.net"


class Letter(NamedTuple):
    sender: str
    body: bytes
    is_first: bool = True  # of who writes it


def letter_of(number, subject, is_first=True):
    sender = address_of(number)
    return Letter(sender, mail(subject, From=f"S {number} <{sender}>"), is_first)


def letters_of(numbers, rng, prefix):
    """Those of all, in no order."""
    order = [number for number in numbers for _ in range(rng.choice(LETTERS))]
    rng.shuffle(order)
    counts, letters = {}, []
    for number in order:
        count = counts[number] = counts.get(number, 0) + 1
        letters.append(letter_of(number, f"{prefix}{number}.{count}", count == 1))
    return letters


def first_letters(numbers, prefix):
    return [letter_of(number, f"{prefix}{number}.1") for number in numbers]


class Pace:
    """Asks for fewer notices than lmtpd sends: 50 a second and 500 at once, of which 1000 may wait. Each is counted here before
    lmtpd can count it, and both read the same clock, so however busy the machine is it has tokens left."""

    RATE, AHEAD = 45, 300

    def __init__(self, n_taken, burst=200):
        self.n_taken = n_taken  # how many have come out
        self.burst = burst
        self.lock = threading.Lock()
        self.begun = time.monotonic()
        self.n_before = n_taken()
        self.n = 0

    def _may_go(self):
        due = self.burst + self.RATE * (time.monotonic() - self.begun)
        # One that did nothing for a while must not make up for it at once.
        if due - self.n > self.burst:
            self.begun += (due - self.n - self.burst) / self.RATE
        return self.n + 1 <= due and self.n - (self.n_taken() - self.n_before) < self.AHEAD

    def wait(self):
        while True:
            with self.lock:
                if self._may_go():
                    self.n += 1
                    return
            time.sleep(0.01)


class Posting(threading.Thread):
    """A connection, and what it takes from the letters of all."""

    def __init__(self, post):
        super().__init__(daemon=True)
        self.post = post
        self.error = None
        self.start()

    def run(self):
        try:
            with self.post.daemon.session(timeout=120) as session:
                while letter := self.post.next():
                    [reply] = session.deliver(self.post.recipient, body=letter.body, sender=letter.sender)
                    assert reply.status == "250 2.0.0", reply
        except BaseException as error:  # told to whoever waits
            self.error = error


class Post:
    """Brings letters, and is done when all are acknowledged. pace: None: as fast as can be."""

    def __init__(self, daemon, letters, pace=None, n_connections=8, recipient=EMAIL1):
        self.daemon = daemon
        self.letters = iter(letters)
        self.pace = pace
        self.recipient = recipient
        self.lock = threading.Lock()
        postings = [Posting(self) for _ in range(n_connections)]
        for posting in postings:
            posting.join()
        for posting in postings:
            if posting.error:
                raise posting.error

    def next(self):
        with self.lock:
            letter = next(self.letters, None)
        if letter and letter.is_first and self.pace:
            self.pace.wait()
        return letter


# --- .dovecot.lda-dupes ------------------------------------------------------

RECORD = struct.Struct("=III")  # until, bytes of the id and of the user
VERSION = struct.pack("=I", 2)


def write_marks(path, ids, user=EMAIL1, seconds=86400):
    """As many that count."""
    until = int(time.time()) + seconds
    path.write_bytes(VERSION + b"".join(
        RECORD.pack(until, len(name), len(user)) + name + user.encode() for name in ids))


def ids_of(path, user=EMAIL1):
    """The ids of a file that is whole."""
    content, found = path.read_bytes(), []
    assert content.startswith(VERSION)
    at = len(VERSION)
    while at < len(content):
        until, n_id, n_user = RECORD.unpack_from(content, at)
        at += RECORD.size
        assert until > time.time() and content[at + n_id:at + n_id + n_user] == user.encode()
        found.append(content[at:at + n_id])
        at += n_id + n_user
    assert at == len(content)
    return found


def random_ids(n, seed=1):
    rng = random.Random(seed)
    return [rng.randbytes(16) for _ in range(n)]
