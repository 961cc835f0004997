"""lmtpd-auth: its processes and log, a client of its protocol, and a Postfix that logs in by it."""

import base64
import copy
import itertools
import os
import re
import signal
import smtplib
import socket
import subprocess
from typing import NamedTuple

import pytest

from harness.lmtpd import SANITIZER_OPTIONS, parse_log_line, render_config
from harness.mariadb import AUTH_PASSWORD, quote
from harness.postfix import Postfix
from harness.process import IS_ROOT, Daemon, free_port, run, run_checked, wait_until

EMAIL1 = "email1@example.com"
PASSWORD1 = "firstpassword"
EMAIL2 = "email2@example.com"
PASSWORD2 = "secondpassword"

# Who lmtpd-auth becomes: nobody who owns anything.
AUTH_ID = 5001 if IS_ROOT else os.geteuid()
AUTH_GROUP = 5001 if IS_ROOT else os.getegid()

# As Postfix.
HELLO = "VERSION\t1\t0\nCPID\t4711\n"
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


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

    def __init__(self, address, timeout=15):
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


class LmtpdAuth(Daemon):
    """One lmtpd-auth in a directory of its own. starts_as_root: it is left to it to change users."""

    def __init__(self, binary, directory, database, starts_as_root=False, environment=None,
                 **overrides):
        super().__init__(directory / "auth.log")
        self.binary = binary
        self.directory = directory
        self.socket = directory / "auth"
        self.control = directory / "control"
        self.config_path = directory / "auth.conf"
        self.starts_as_root = starts_as_root
        # The machine's own Postfix is none of --check's business here.
        self.environment = {**os.environ, **SANITIZER_OPTIONS, "MAIL_CONFIG": str(directory),
                            **(environment or {})}
        # The leak checker cannot look into a process that no other may look into. What is freed
        # is kept for a while, but not so much that it looks like growth.
        self.environment["ASAN_OPTIONS"] += ":detect_leaks=0:quarantine_size_mb=4"
        self.config = {
            "auth": {
                "listen": [f"unix:{self.socket}"], "socket_user": "", "socket_group": "",
                "user": str(AUTH_ID), "group": str(AUTH_GROUP), "failure_delay": 0,
                "control": str(self.control),
            },
            "mysql": {
                "hosts": [f"unix:{database.socket}"], "user": "mailauth",
                "password": AUTH_PASSWORD, "dbname": database.database,
            },
        }
        if IS_ROOT:
            os.chown(self.directory, AUTH_ID, AUTH_GROUP)
        self.configure(**overrides)

    def configure(self, **overrides):
        """Changes keys of the configuration: configure(auth={"failure_delay": 2})."""
        config = copy.deepcopy(self.config)
        for key, value in overrides.items():
            config.setdefault(key, {}).update(value)
        self.config = config
        self.config_path.write_text(render_config(config))

    def _privileges(self):
        if self.starts_as_root or not IS_ROOT:
            return {}
        return {"user": AUTH_ID, "group": AUTH_GROUP, "extra_groups": []}

    def command(self, *arguments):
        return [str(self.binary), "-c", str(self.config_path), *arguments]

    def start(self, **options):
        self.launch(**options)
        self.wait_until_answers(self.is_answering)
        return self

    def launch(self, wrapper=(), **options):
        """Starts without waiting until it serves."""
        self.spawn([*wrapper, *self.command()],
                   env=self.environment, **{**self._privileges(), **options})

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

    def run(self, *arguments, **options):
        """Runs a command of lmtpd-auth with this configuration to its end."""
        return run(*self.command(*arguments), env=self.environment,
                   **{**self._privileges(), **options})

    def fails_to_start(self):
        """Starts it where it must refuse; returns the exit code and what it said."""
        self.launch()
        try:
            return self.process.wait(30), self.output()
        except subprocess.TimeoutExpired:
            raise AssertionError(f"serves, though it must not:\n{self.output()}") from None
        finally:
            self.kill()

    def reload(self):
        """SIGHUP, and waits until it has been dealt with."""
        before = len(self.log(event="reload"))
        self.signal(signal.SIGHUP)
        return self.wait_for_log(before + 1, event="reload")[-1]

    def log(self, **wanted):
        """The lines of the log as dicts, those that have the wanted fields."""
        lines = [parse_log_line(line) for line in self.output().splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def wait_for_log(self, n=1, seconds=10, **wanted):
        """Waits for the n-th line with these fields and returns all of them."""
        wait_until(lambda: len(self.log(**wanted)) >= n, seconds, f"log line {wanted}")
        return self.log(**wanted)

    def assert_sane(self):
        output = self.output()
        assert not any(word in output for word in SANITIZERS), output


def set_password(database, email, stored):
    """Stores a hash, or what stands for one, for a user that may be new."""
    database.sql(
        f"INSERT INTO virtual_users (domain_id, password, email) VALUES (1, {quote(stored)}, "
        f"{quote(email)}) ON DUPLICATE KEY UPDATE password = {quote(stored)}"
    )


# --- Postfix ----------------------------------------------------------------

SASL_SETTINGS = {
    # The guide's, to the letter.
    "smtpd_use_tls": "yes",
    "smtpd_tls_auth_only": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_recipient_restrictions":
        "permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination",
    # Everybody is a stranger, the tests too; what may be relayed goes nowhere.
    "mynetworks": "",
    "default_transport": "discard:",
    "smtpd_client_connection_count_limit": "0",
}


def make_certificate(directory):
    """A key and a certificate that it signed itself."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    run_checked(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-subj", "/CN=host.example.com", "-days", "2", "-keyout", key, "-out",
        certificate,
    )
    return key, certificate


def is_greeting(port):
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


class SaslPostfix(Postfix):
    """Relays for those who log in. port demands TLS for that, as the guide has it; plain_port
    does not."""

    def __init__(self, base, database):
        super().__init__(base, database)
        self.plain_port = free_port()
        self.auth_socket = base / "spool/private/auth"

    def start(self):
        super().start()
        key, certificate = make_certificate(self.base / "etc")
        settings = {**SASL_SETTINGS, "smtpd_tls_key_file": key,
                    "smtpd_tls_cert_file": certificate}
        for name, value in settings.items():
            run_checked("postconf", "-c", self.base / "etc", "-e", f"{name} = {value}")
        with open(self.base / "etc/master.cf", "a") as master:
            master.write(f"127.0.0.1:{self.plain_port} inet n - n - - smtpd\n"
                         "  -o smtpd_tls_auth_only=no -o smtpd_tls_security_level=none\n")
        # Nobody may connect while there is no lmtpd-auth: smtpd would end itself, and a second
        # later Postfix would stop starting any for a minute.
        self._postfix("reload")

    def reload(self):
        """Waits for whole greetings, so that no smtpd is still about to look for lmtpd-auth."""
        super().reload()
        for port in (self.port, self.plain_port):
            wait_until(lambda: is_greeting(port), 30, f"greeting on port {port}")

    def swaks(self, *arguments, user=None, password=None, mechanism="PLAIN", to=EMAIL2):
        """One message by swaks, up to RCPT; the run, whose output has the whole session."""
        login = ["--auth", mechanism, "--auth-user", user, "--auth-password", password]
        return run(
            "swaks", "--server", f"127.0.0.1:{self.plain_port}", "--helo", "client.example.net",
            "--from", EMAIL1, "--to", to, "--quit-after", "RCPT", "--timeout", "30",
            *(login if user else []), *arguments,
        )


# --- other programs ---------------------------------------------------------

def fetch_packages(directory, *packages):
    """Debian's packages, unpacked and not installed: that would start services, or push Postfix
    off the machine. Skips the test where there is no archive of packages to fetch them from."""
    directory.mkdir()
    try:
        fetched = run("apt-get", "download", *packages, cwd=directory, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"CANNOT FETCH {packages}: {error}")
    if fetched.returncode != 0:
        pytest.skip(f"CANNOT FETCH {packages}: {fetched.stderr}")
    for archive in directory.glob("*.deb"):
        run_checked("dpkg-deb", "-x", archive, directory)
        archive.unlink()


def missing_libraries(package):
    """Packages of libraries that a package needs and this machine lacks."""
    facts = run("apt-cache", "show", "--no-all-versions", package).stdout
    depends = re.search(r"^Depends: (.*)$", facts, re.MULTILINE)
    names = [word.split()[0] for word in depends[1].split(", ")] if depends else []

    def is_installed(name):
        return run("dpkg-query", "-W", "-f=${db:Status-Status}", name).stdout == "installed"

    return [name for name in names if name.startswith("lib") and not is_installed(name)]
