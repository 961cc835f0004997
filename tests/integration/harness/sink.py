"""A server of SMTP that keeps each message as it came, byte for byte, and refuses what it is told to."""

import contextlib
import socket
import threading
from typing import NamedTuple

EXTENSIONS = (b"PIPELINING", b"SIZE 52428800", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES")


class Taken(NamedTuple):
    sender: str
    recipients: list
    message: bytes

    @property
    def head(self):
        return self.message.split(b"\r\n\r\n", 1)[0]


class Sink:
    """On a port of its own. refusals: reply by what it answers: "MAIL", the address of a recipient, or "END" for the
    message."""

    def __init__(self):
        self.taken = []
        self.refusals = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def take(self):
        """What has come since this was asked last."""
        taken, self.taken = self.taken, []
        return taken

    def keep(self, sender, recipients, message):
        self.taken.append(Taken(sender, recipients, message))

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError):
            client.sendall(b"220 sink.example.net ESMTP\r\n")
            sender, recipients = "", []
            while line := lines.readline():
                verb, argument = line[:4].upper(), line.partition(b"<")[2].rpartition(b">")[0]
                text = argument.decode()
                said = b"250 2.0.0 Ok"
                if verb == b"EHLO":
                    words = (b"sink.example.net", *EXTENSIONS)
                    client.sendall(b"".join(b"250-%s\r\n" % word for word in words))
                    said = b"250 HELP"
                elif verb == b"MAIL":
                    said = self.refusals.get("MAIL", said)
                    sender, recipients = text, []
                elif verb == b"RCPT":
                    said = self.refusals.get(text, said)
                    recipients += [text] if said[:1] == b"2" else []
                elif verb == b"DATA" and not recipients:
                    said = b"554 5.5.1 No recipients"
                elif verb == b"DATA":
                    client.sendall(b"354 Go on\r\n")
                    message = read_message(lines)
                    if message is None:
                        return
                    said = self.refusals.get("END", said)
                    if said[:1] == b"2":
                        self.keep(sender, recipients, message)
                elif verb == b"QUIT":
                    client.sendall(b"221 2.0.0 Bye\r\n")
                    return
                client.sendall(said + b"\r\n")


def read_message(lines):
    """Up to CR LF . CR LF alone, without the dots that were put before others. None: it was broken off."""
    found, begins = [], True
    while line := lines.readline():
        if begins and line == b".\r\n":
            return b"".join(found)
        found.append(line[1:] if begins and line[:1] == b"." else line)
        begins = line.endswith(b"\r\n")
    return None
