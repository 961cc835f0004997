"""A client of ManageSieve (RFC 5804): it stores a user's scripts, as webmails do."""

import base64
import re
import socket


class Refused(AssertionError):
    """With what the server said."""


class ManageSieve:
    """With a context of TLS the client logs in within it."""

    def __init__(self, port, user, password, context=None):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = connection.makefile("rwb")
        self._answer()
        if context:
            self.command("STARTTLS")
            self.file.close()
            self.file = context.wrap_socket(connection).makefile("rwb")
            self._answer()
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.command(f'AUTHENTICATE "PLAIN" "{plain}"')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def _answer(self):
        """The lines up to OK, NO or BYE, which must be OK."""
        lines = []
        while True:
            line = self.file.readline()
            assert line, lines
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if literal:
                line += self.file.read(int(literal[1])) + self.file.readline()
            lines.append(line)
            if line.split(b" ")[0].strip() in (b"OK", b"NO", b"BYE"):
                if not line.startswith(b"OK"):
                    raise Refused(b"".join(lines).decode())
                return lines

    def command(self, text):
        self.file.write(text.encode() + b"\r\n")
        self.file.flush()
        return self._answer()

    def put(self, name, script):
        self.command(f'PUTSCRIPT "{name}" {{{len(script.encode())}+}}\r\n{script}')

    def activate(self, name):
        """That of no name: none is active."""
        self.command(f'SETACTIVE "{name}"')
