"""lmtpd-auth: a Program, and a client of its protocol."""

import base64
import itertools
import os
import socket
from typing import NamedTuple

from harness.mariadb import AUTH_PASSWORD, quote
from harness.process import IS_ROOT
from harness.program import Program

EMAIL1 = "email1@example.com"
PASSWORD1 = "firstpassword"
EMAIL2 = "email2@example.com"
PASSWORD2 = "secondpassword"

# Who lmtpd-auth becomes: nobody who owns anything.
AUTH_ID = 5001 if IS_ROOT else os.geteuid()
AUTH_GROUP = 5001 if IS_ROOT else os.getegid()

# As Postfix.
HELLO = "VERSION\t1\t0\nCPID\t4711\n"

# Who fails again has to wait longer, so by default nobody does.
addresses = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))


def base64_of(text):
    data = text if isinstance(text, bytes) else text.encode()
    return base64.b64encode(data).decode()


def plain_response(user, password):
    return base64_of(f"\0{user}\0{password}")


class Answer(NamedTuple):
    verb: str
    id: str
    fields: list

    @property
    def user(self):
        names = [field[5:] for field in self.fields if field.startswith("user=")]
        return names[0] if names else None


class AuthClient:
    """A client of the protocol; address is the path of a Unix socket or (host, port)."""

    def __init__(self, address, timeout=60):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        self.socket.connect(address if isinstance(address, tuple) else str(address))
        self.pending = b""
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        while b"\n" not in self.pending:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {self.pending!r}")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode()

    def hello(self, said=HELLO):
        """Reads the handshake to its end; returns its lines."""
        self.send(said)
        lines = [self.line()]
        while lines[-1] != "DONE":
            lines.append(self.line())
        return lines

    def answer(self):
        verb, number, *fields = self.line().split("\t")
        return Answer(verb, number, fields)

    def send_auth(self, mechanism, *parameters, rip=None):
        """Begins a login; returns its id. Each is of a client of its own, unless rip says so."""
        self.last_id += 1
        rip = rip or next(addresses)
        words = ["AUTH", str(self.last_id), mechanism, "service=smtp", "nologin", f"rip={rip}"]
        self.send("\t".join([*words, *parameters]) + "\n")
        return self.last_id

    def send_plain(self, user, password, **options):
        return self.send_auth("PLAIN", f"resp={plain_response(user, password)}", **options)

    def plain(self, user, password, **options):
        self.send_plain(user, password, **options)
        return self.answer()

    def login(self, user, password, **options):
        number = self.send_auth("LOGIN", **options)
        assert self.answer() == ("CONT", str(number), ["VXNlcm5hbWU6"])
        self.send(f"CONT\t{number}\t{base64_of(user)}\n")
        assert self.answer() == ("CONT", str(number), ["UGFzc3dvcmQ6"])
        self.send(f"CONT\t{number}\t{base64_of(password)}\n")
        return self.answer()

    def is_closed(self):
        """The server has closed, and nothing stands before that."""
        try:
            return self.pending == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class LmtpdAuth(Program):
    def __init__(self, binary, directory, database, user=AUTH_ID, group=AUTH_GROUP,
                 starts_as_root=False, **rest):
        self.socket = directory / "auth"
        self.control = directory / "control"
        config = {
            "auth": {
                "listen": [f"unix:{self.socket}"], "socket_user": "", "socket_group": "",
                "user": str(user), "group": str(group), "failure_delay": 0,
                "control": str(self.control),
            },
            "mysql": {
                "hosts": [f"unix:{database.socket}"], "user": "mailauth",
                "password": AUTH_PASSWORD, "dbname": database.database,
            },
        }
        super().__init__(binary, directory, "auth.conf", config, user, group, starts_as_root,
                         **rest)
        # The leak checker cannot look into a process that no other may look into. What is freed
        # is kept for a while, but not so much that it looks like growth.
        self.environment["ASAN_OPTIONS"] += ":detect_leaks=0:quarantine_size_mb=4"

    def is_answering(self):
        try:
            with self.connect() as client:
                return client.hello()[-1] == "DONE"
        except (OSError, EOFError):
            return False

    def connect(self, **options):
        return AuthClient(self.socket, **options)

    def client(self, **options):
        """A client that has read the handshake."""
        client = self.connect(**options)
        client.hello()
        return client


def set_password(database, email, stored):
    """Stores a hash, or what stands for one, for a user that may be new."""
    database.sql(
        f"INSERT INTO virtual_users (domain_id, password, email) VALUES (1, {quote(stored)}, "
        f"{quote(email)}) ON DUPLICATE KEY UPDATE password = {quote(stored)}"
    )
