"""A server of SMTP that keeps each message as it came, byte for byte, and refuses or breaks off where it is told to."""

import contextlib
import select
import threading
from typing import NamedTuple

from harness.server import Server

EXTENSIONS = (b"PIPELINING", b"SIZE 52428800", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES")
# Instead of a reply.
HANG, HOLD, CLOSE, TAKE_AND_CLOSE = "hang", "hold", "close", "take and close"
# Where it can be told to say or do something else, besides the address of a recipient.
STEPS = ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT", "END")


class Taken(NamedTuple):
    sender: str
    recipients: list
    message: bytes

    @property
    def head(self):
        return self.message.split(b"\r\n\r\n", 1)[0]


class Over(Exception):
    """This connection is."""


def is_left(client):
    """Has the other side gone, or did we end it? What it said before may still be there to be read."""
    looking = select.poll()
    looking.register(client, select.POLLRDHUP)
    return looking.poll(0) != []


class Sink(Server):
    """refusals: reply, HANG, CLOSE or HOLD, which is until the release, by what it answers: one
    of STEPS, or the address of a recipient. END is that for the message; at CONTENT it breaks off in its middle."""

    def __init__(self):
        self.taken = []
        self.refusals = {}
        self.hanging = set()  # those that it does not answer, and that still wait
        self.n_left = 0  # those that did not wait for the release
        self.released = threading.Event()
        super().__init__()

    def take(self):
        """What has come since this was asked last."""
        taken, self.taken = self.taken, []
        return taken

    def keep(self, sender, recipients, message):
        self.taken.append(Taken(sender, recipients, message))

    def become(self, **refusals):
        """Instead of what it was told before; connections that are open end."""
        self.refusals = refusals
        self.drop()

    def serve(self, client):
        try:
            with client.makefile("rb") as lines, contextlib.suppress(Over):
                self._talk(client, lines)
        finally:
            self.hanging.discard(client)

    def _answer(self, client, said, *steps):
        """Says what it was told to at the first of these steps that it was told anything for; returns whether that is
        "yes"."""
        usual, refusals = said, self.refusals  # which may be others a moment later
        said = next((refusals[step] for step in steps if step in refusals), said)
        if said in (HANG, HOLD):
            self.hanging.add(client)
        if said == HOLD:
            while not self.released.wait(0.02):
                if is_left(client):
                    self.n_left += 1
                    raise Over
            self.hanging.discard(client)
            said = usual
        if said == HANG:
            while client.recv(4096):
                pass
        if said in (HANG, CLOSE, TAKE_AND_CLOSE):
            raise Over
        client.sendall(said + b"\r\n")
        return said[:1] in b"23"

    def _talk(self, client, lines):
        self._answer(client, b"220 sink.example.net ESMTP", "GREETING")
        sender, recipients = "", []
        while line := lines.readline():
            verb, argument = line[:4].upper(), line.partition(b"<")[2].rpartition(b">")[0]
            text = argument.decode()
            if verb == b"EHLO":
                words = (b"sink.example.net", *EXTENSIONS)
                self._answer(client, b"".join(b"250-%s\r\n" % word for word in words) + b"250 HELP", "EHLO")
            elif verb == b"MAIL":
                sender, recipients = text, []
                self._answer(client, b"250 2.1.0 Ok", "MAIL")
            elif verb == b"RCPT":
                if self._answer(client, b"250 2.1.5 Ok", text, "RCPT"):
                    recipients.append(text)
            elif verb == b"DATA" and not recipients:
                client.sendall(b"554 5.5.1 No recipients\r\n")
            elif verb == b"DATA":
                if self._answer(client, b"354 Go on", "DATA"):
                    self._take(client, lines, sender, recipients)
            elif verb == b"QUIT":
                client.sendall(b"221 2.0.0 Bye\r\n")
                return
            else:
                client.sendall(b"250 2.0.0 Ok\r\n")

    def _take(self, client, lines, sender, recipients):
        if "CONTENT" in self.refusals:
            lines.readline()
            self._answer(client, b"", "CONTENT")
        message = read_message(lines)
        if message is None:
            raise Over
        if self.refusals.get("END", HOLD) in (HOLD, TAKE_AND_CLOSE):
            self.keep(sender, recipients, message)
        self._answer(client, b"250 2.0.0 Ok", "END")


def read_message(lines):
    """Up to CR LF . CR LF alone, without the dots that were put before others. None: it was broken off."""
    found, begins = [], True
    while line := lines.readline():
        if begins and line == b".\r\n":
            return b"".join(found)
        found.append(line[1:] if begins and line[:1] == b"." else line)
        begins = line.endswith(b"\r\n")
    return None
