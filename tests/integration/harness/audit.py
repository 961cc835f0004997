"""What was promised, and whether it was kept: the books of the senders against the Maildirs."""

import hashlib
import re
import threading
from collections import Counter

from harness.mail import NAME, Message, wire_size

MESSAGE_ID = re.compile(rb"^Message-ID: <([^@>]*)@", re.MULTILINE)
EXAMPLES = 5


class Ledger:
    """What the senders know. A mailbox is named by its path: "example.com/email1"."""

    def __init__(self):
        self.changed = threading.Condition()
        self.digests = {}  # of the body as it shall lie on the disk, by message id
        self.saved = []  # (mailbox, id): a 250 for it was read; in the order of reading
        self.doubtful = []  # (mailbox, id): nobody knows whether it was stored once more

    def post(self, letter_id, body):
        """Before anything of it is sent."""
        self.digests[letter_id] = hashlib.sha256(body.replace(b"\r\n", b"\n")).digest()

    def settle(self, letter_id, saved, doubtful=()):
        """After a transaction: to which mailboxes it came, and to which it may have come."""
        with self.changed:
            self.saved += [(mailbox, letter_id) for mailbox in sorted(set(saved))]
            self.doubtful += [(mailbox, letter_id) for mailbox in sorted(set(doubtful))]
            self.changed.notify_all()

    def wait_for_more(self, seconds=60):
        """Returns how much was saved, as soon as that is more than it is now."""
        with self.changed:
            n_saved = len(self.saved)
            assert self.changed.wait_for(lambda: len(self.saved) > n_saved, seconds), "no delivery"
            return len(self.saved)


def is_unfinished_folder(path):
    """A crash may leave what was to become a folder; no mail lies there yet."""
    return path.is_dir() and all(found.is_dir() or found.name == "maildirfolder"
                                 for found in path.rglob("*"))


def inbox_of(entry):
    """Of (place, id), the same message in INBOX of that mailbox."""
    return entry[0].partition("/.")[0], entry[1]


class Audit:
    """The Maildirs below vhosts, whose folders are mailboxes of their own. n_promised: how many entries
    of ledger.saved must be there; the others, and whatever is in doubt, may be. judge(place, path) asserts more of
    each file. sent: entries of what lies elsewhere."""

    def __init__(self, vhosts, ledger, n_promised=None, judge=None, sent=()):
        self.ledger = ledger
        self.judge = judge
        self.found = Counter(sent)
        self.torn = []
        self.left = []
        self.known = {}
        for maildir in sorted(vhosts.glob("*/*/Maildir")):
            # What a repair puts there is no mailbox: mail in it counts as lost if it was promised.
            if maildir.parent.parent.name == "lost+found":
                continue
            mailbox = str(maildir.parent.relative_to(vhosts))
            self._read_mailbox(mailbox, maildir)
            for folder in sorted(maildir.glob(".*")):
                self._read_mailbox(f"{mailbox}/{folder.name}", folder)
        promised = Counter(ledger.saved[:n_promised])
        allowed = Counter(ledger.saved) + Counter(ledger.doubtful)
        self.n_promised = promised.total()
        self.lost = sorted((promised - self.found).elements())
        # A second copy, or one that was not addressed to this mailbox.
        self.surplus = sorted((self.found - allowed).elements())

    def _read_mailbox(self, mailbox, maildir):
        for folder in ("new", "cur"):
            directory = maildir / folder
            for path in directory.iterdir() if directory.is_dir() else ():
                try:
                    letter_id = self._identify(path)
                    if self.judge:
                        self.judge(mailbox, path)
                    self.found[mailbox, letter_id] += 1
                except AssertionError as error:
                    self.torn.append(f"{path}: {str(error).splitlines()[0] if str(error) else ''}")
        if (maildir / "tmp").is_dir():
            self.left += [path for path in sorted((maildir / "tmp").iterdir())
                          if not is_unfinished_folder(path)]

    def _identify(self, path):
        """The id of a message that is whole. Names of one file are read once."""
        inode = path.stat().st_ino
        if inode not in self.known:
            message = Message(path)
            self.known[inode] = (
                self._check(message), len(message.bytes), wire_size(message.bytes))
        letter_id, size, size_on_wire = self.known[inode]
        name = NAME.fullmatch(path.name.partition(":2,")[0])
        assert name, "not a name of ours"
        assert int(name["size"]) == size, f"S= is wrong: it has {size} bytes"
        assert int(name["wire_size"]) == size_on_wire, f"W= is wrong: it is {size_on_wire}"
        return letter_id

    def _check(self, message):
        head, _, body = message.content.partition(b"\n\n")
        found = MESSAGE_ID.search(head)
        assert found and b"\0" not in head, f"the header is broken: {head[:200]}"
        letter_id = found[1].decode()
        digest = hashlib.sha256(body).digest()
        assert digest == self.ledger.digests.get(letter_id), "the body is not what was sent"
        return letter_id

    def take_inbox_for_folders(self):
        """A folder that could not be made has its mail in INBOX: one copy there may stand for those that are lost or
        in doubt. Returns how many were lost."""
        excused = [entry for entry in self.lost
                   if entry != inbox_of(entry) and self.found[inbox_of(entry)]]
        self.lost = sorted((Counter(self.lost) - Counter(excused)).elements())
        instead = Counter({inbox_of(entry) for entry in excused})
        instead += Counter({inbox_of(entry) for entry in self.ledger.doubtful})
        self.surplus = sorted((Counter(self.surplus) - instead).elements())
        return len(excused)

    @property
    def is_clean(self):
        return not (self.lost or self.torn or self.surplus or self.left)

    def __str__(self):
        lines = [f"{self.n_promised} promised, {self.found.total()} found"]
        for name in ("lost", "torn", "surplus", "left"):
            items = getattr(self, name)
            if items:
                lines.append(f"{len(items)} {name}: {', '.join(map(str, items[:EXAMPLES]))}")
        return "; ".join(lines)

    def assert_clean(self):
        assert self.is_clean, str(self)
