"""A client of Postfix's policy protocol on a bare socket."""

import socket

DUNNO = "DUNNO"

# As Postfix 3.7 has them.
ATTRIBUTES = {
    "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
    "client_address": "192.0.2.7", "client_name": "unknown", "helo_name": "client.example.net",
    "sender": "sender@example.net", "recipient": "", "recipient_count": "0", "queue_id": "",
    "instance": "39ef.6560c0c3.1f4a2.0", "size": "4711", "mail_version": "3.7.11",
}


def request(recipient, /, **changed):
    """The bytes that ask for a recipient; an attribute that is None is left out."""
    attributes = {**ATTRIBUTES, "recipient": recipient, **changed}
    lines = [f"{name}={value}\n" for name, value in attributes.items() if value is not None]
    return ("".join(lines) + "\n").encode()


class PolicyClient:
    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def action(self):
        """The next answer."""
        while b"\n\n" not in self.pending:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {self.pending!r}")
            self.pending += data
        answer, self.pending = self.pending.split(b"\n\n", 1)
        assert answer.startswith(b"action=") and b"\n" not in answer, answer
        return answer[len(b"action="):].decode()

    def ask(self, recipient, /, **changed):
        self.send(request(recipient, **changed))
        return self.action()

    def is_closed(self):
        """The server has closed, and nothing stands before that."""
        try:
            return self.pending == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
