"""What servers of the tests have in common."""

import contextlib
import socket
import threading


class Server:
    """On a port of its own; each client has a thread, which serve() is for. Whatever breaks a connection ends it."""

    def __init__(self):
        self.clients = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def serve(self, client):
        raise NotImplementedError

    def drop(self):
        """Ends the connections that are open."""
        for client in list(self.clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()
        self.thread.join(10)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            # What is sent in pieces does not wait for the other side's word on the piece before.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clients.add(client)
            threading.Thread(target=self._run, args=[client], daemon=True).start()

    def _run(self, client):
        with client, contextlib.suppress(OSError):
            self.serve(client)
        self.clients.discard(client)
