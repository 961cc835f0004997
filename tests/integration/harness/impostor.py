"""What stands where MariaDB should: it passes everything on to the real one, or does not."""

import selectors
import socket

from harness.server import Server

# What a server says to one client too many: an error packet in the place of its greeting.
TOO_MANY = b"\xff\x10\x04#08004Too many connections"
GREETING_OF_AN_ERROR = len(TOO_MANY).to_bytes(3, "little") + b"\0" + TOO_MANY


class Impostor(Server):
    """Its manners can be changed while it runs:

    honest   passes on what either side says
    silent   takes connections and never says anything
    rude     closes them at once
    foreign  greets in another protocol
    full     has too many connections

    limit: of the server's bytes only so many are passed on, then the connection is closed."""

    def __init__(self, target):
        self.target = target
        self.manner = "honest"
        self.limit = None
        super().__init__()

    def become(self, manner, limit=None):
        """From the next connection on; those that are open end."""
        self.manner, self.limit = manner, limit
        self.drop()

    def serve(self, client):
        if self.manner == "silent":
            client.recv(1 << 16)
        elif self.manner == "foreign":
            client.sendall(b"220 mx.example.com ESMTP\r\n")
            client.recv(1 << 16)
        elif self.manner == "full":
            client.sendall(GREETING_OF_AN_ERROR)
        elif self.manner != "rude":
            self._pass_on(client)

    def _pass_on(self, client):
        rest = self.limit
        with socket.create_connection(("127.0.0.1", self.target)) as server, \
                selectors.DefaultSelector() as selector:
            for side in (client, server):
                selector.register(side, selectors.EVENT_READ)
            while rest != 0:
                for key, _ in selector.select():
                    data = key.fileobj.recv(1 << 16)
                    if not data:
                        return
                    if key.fileobj is client:
                        server.sendall(data)
                        continue
                    data = data[:rest]
                    client.sendall(data)
                    rest = None if rest is None else rest - len(data)
