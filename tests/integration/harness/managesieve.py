"""A client of ManageSieve (RFC 5804): it stores a user's scripts, as webmails do."""

import base64
import re
import socket


class ManageSieve:
    def __init__(self, port, user, password):
        self.file = socket.create_connection(("127.0.0.1", port), timeout=60).makefile("rwb")
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
                assert line.startswith(b"OK"), b"".join(lines).decode()
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
