"""A client of LMTP on a bare socket: it sends exact bytes and reads every reply."""

import array
import fcntl
import re
import socket
import termios
from typing import NamedTuple

from harness.process import wait_until

REPLY_LINE = re.compile(rb"(\d{3})([ -])(?:(\d\.\d{1,3}\.\d{1,3})(?: |$))?(.*)")

# Sequences that some servers took for the end of the data. None of them is.
FALSE_ENDS = {
    "LF.LF": b"\n.\n",
    "LF.CR": b"\n.\r",
    "CR.LF": b"\r.\n",
    "CR.CR": b"\r.\r",
    "LF.CRLF": b"\n.\r\n",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CRLF.CR": b"\r\n.\r",
    "CRLF NUL.CRLF": b"\r\n\0.\r\n",
    "CRLF.NUL CRLF": b"\r\n.\0\r\n",
    "CRLF.CR CRLF": b"\r\n.\r\r\n",
    "CR CRLF.CR CRLF": b"\r\r\n.\r\r\n",
}


class Reply(NamedTuple):
    code: int
    enhanced: str
    text: str
    lines: list

    def __str__(self):
        return f"{self.code} {self.enhanced} {self.text}"

    @property
    def status(self):
        """Code and enhanced code, as in "550 5.1.1"."""
        return f"{self.code} {self.enhanced}".strip()


def stuffed(body):
    """The body as DATA carries it, with its end mark; body has CRLF line ends."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    lines = body.split(b"\r\n")
    return b"\r\n".join(b"." + line if line[:1] == b"." else line for line in lines) + b".\r\n"


def as_stored(wire):
    """What the disk must hold: lines end at CRLF only, and lose the dot that they begin with."""
    lines = wire.split(b"\r\n")
    return b"\n".join(line[1:] if line[:1] == b"." else line for line in lines)


def message(text="A body.\r\n", subject="test"):
    return f"Subject: {subject}\r\n\r\n{text}".encode()


class Client:
    """address is the path of a Unix socket or (host, port)."""

    def __init__(self, address, timeout=60):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        self.socket.connect(address if isinstance(address, tuple) else str(address))
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def wait_until_read(self):
        """Until the daemon has taken all of what was sent over a Unix socket."""
        def is_read():
            waiting = array.array("i", [0])
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, waiting)
            return waiting[0] == 0

        wait_until(is_read, 60, "all to be read")

    def _line(self):
        while b"\n" not in self.pending:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {self.pending!r}")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1]

    def reply(self):
        lines = []
        while True:
            match = REPLY_LINE.fullmatch(self._line())
            assert match, "not a reply"
            lines.append(match[4].decode())
            if match[2] == b" ":
                enhanced = match[3].decode() if match[3] else ""
                return Reply(int(match[1]), enhanced, lines[-1], lines)

    def replies(self, n):
        return [self.reply() for _ in range(n)]

    def is_silent(self, seconds=0.3):
        """No reply is there, and none comes for a moment."""
        if self.pending:
            return False
        timeout = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self.pending = self.socket.recv(65536)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(timeout)

    def is_closed(self):
        """The server has closed, and nothing stands before that."""
        try:
            return self.pending == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def command(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def hello(self):
        assert self.reply().code == 220
        lhlo = self.command("LHLO client.example.net")
        assert lhlo.code == 250, lhlo
        return lhlo

    def mail(self, sender="sender@example.net", parameters=""):
        return self.command(f"MAIL FROM:<{sender}>{parameters}")

    def rcpt(self, address):
        if isinstance(address, str):
            address = address.encode()
        return self.command(b"RCPT TO:<" + address + b">")

    def data(self, body, n=1):
        """DATA and the message; n replies, one for each recipient."""
        go_ahead = self.command("DATA")
        assert go_ahead.code == 354, go_ahead
        self.send(stuffed(body))
        return self.replies(n)

    def deliver(self, *addresses, body=message(), sender="sender@example.net"):
        """A transaction of good recipients; returns the replies after the data."""
        assert self.mail(sender).status == "250 2.1.0"
        for address in addresses:
            reply = self.rcpt(address)
            assert reply.status == "250 2.1.5", reply
        return self.data(body, len(addresses))

    def quit(self):
        assert self.command("QUIT").code == 221
        assert self.is_closed()
