"""What lies in Maildirs."""

import re

NAME = re.compile(
    r"(?P<seconds>\d+)\.M(?P<microseconds>\d{1,6})P(?P<pid>\d+)Q(?P<count>\d+)"
    r"\.(?P<host>[^,/:]+),S=(?P<size>\d+),W=(?P<wire_size>\d+)"
)
ADDED = ("Return-Path", "Delivered-To", "Received")


def wire_size(stored):
    """The size of a file when each LF that has no CR before it is sent as CRLF."""
    return len(stored) + stored.count(b"\n") - stored.count(b"\r\n")


class Message:
    """A stored message: the fields put on top, and what came over the wire."""

    def __init__(self, path):
        self.path = path
        self.bytes = path.read_bytes()
        self.name = NAME.fullmatch(path.name)
        self.fields = []
        self.content = self.bytes
        while not self.fields or self.fields[-1][0] != "Received":
            field = re.match(rb"([A-Za-z-]+): ((?:.|\n[ \t])*)\n", self.content)
            assert field and field[1].decode() in ADDED, self.bytes[:500]
            value = re.sub(rb"\n[ \t]+", b" ", field[2])
            self.fields.append((field[1].decode(), value.decode(errors="surrogateescape")))
            self.content = self.content[field.end():]

    @property
    def field_names(self):
        return [name for name, _ in self.fields]

    def field(self, name):
        return dict(self.fields)[name]

    def assert_whole(self):
        """Its name is true: the form, S= and W=."""
        assert self.name, self.path.name
        assert int(self.name["size"]) == len(self.bytes) == self.path.stat().st_size
        assert int(self.name["wire_size"]) == wire_size(self.bytes)


class Mailbox:
    """A home below the base of all homes."""

    def __init__(self, vhosts, name):
        self.home = vhosts / name
        self.maildir = self.home / "Maildir"

    def files(self, folder="new"):
        directory = self.maildir / folder
        return sorted(directory.iterdir()) if directory.is_dir() else []

    def messages(self):
        """All of new/, each whole, oldest first; nothing may be left over in tmp/."""
        assert self.files("tmp") == []
        messages = [Message(path) for path in self.files()]
        for message in messages:
            message.assert_whole()
        return messages

    def message(self):
        messages = self.messages()
        assert len(messages) == 1, [message.path for message in messages]
        return messages[0]


def reached(vhosts):
    """How many messages lie in which mailbox: {"example.com/email1": 1}."""
    counts = {}
    for path in vhosts.glob("*/*/Maildir/new/*"):
        home = str(path.parents[2].relative_to(vhosts))
        counts[home] = counts.get(home, 0) + 1
    return counts
