"""The example of containers, as it stands, in podman and a network of its own: see run."""

import contextlib
import email
import imaplib
import json
import os
import pathlib
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

pytest.register_assert_rewrite("confinement")

SERVICES = ("lmtpd", "lmtpd-auth", "database", "postfix", "dovecot")
TREE = pathlib.Path(__file__).resolve().parents[2]
# Of schema/sample.sql.
EMAIL1, PASSWORD1 = "email1@example.com", "firstpassword"
EMAIL2, PASSWORD2 = "email2@example.com", "secondpassword"


def run(*command, check=True, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, **options)
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(command)}: {done.returncode}: {done.stdout}")
    return done


def wait_until(is_so, seconds, what):
    """Returns what is_so() returned; a connection that is refused or ends is not so."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, smtplib.SMTPException, imaplib.IMAP4.error):
            if found := is_so():
                return found
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.3)


def no_verification():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Stack:
    def __init__(self, directory):
        self.directory = directory
        self.is_up = False

    def compose(self, *arguments):
        """podman-compose tells by its own exit code nothing of those that it prints."""
        done = run("podman-compose", *arguments, cwd=self.directory)
        codes = set(re.findall(r"^exit code: (.*)$", done.stdout, re.M))
        assert codes == {"0"}, done.stdout

    def name(self, service):
        return f"{self.directory.name}_{service}_1"

    def podman(self, command, service, *arguments, check=True, **options):
        return run("podman", command, self.name(service), *arguments, check=check, **options)

    def exec(self, service, *command, check=True, **options):
        return run("podman", "exec", "-i", self.name(service), *command, check=check, **options)

    def inspect(self, service):
        [told] = json.loads(self.podman("inspect", service).stdout)
        return told

    def pid(self, service):
        return self.inspect(service)["State"]["Pid"]

    def logs(self, service):
        return self.podman("logs", service).stdout

    def health(self, service):
        """The exit code of the health check, as podman runs it."""
        return run("podman", "healthcheck", "run", self.name(service), check=False).returncode

    def status(self, service):
        """The exit code of the command itself, and its words."""
        done = self.exec(service, service, "--status", "--quiet", check=False)
        return done.returncode, done.stdout

    def volume(self, name):
        name = f"{self.directory.name}_{name}"
        return pathlib.Path(run("podman", "volume", "inspect", name, "--format", "{{.Mountpoint}}")
                            .stdout.strip())

    def stop(self, service):
        """podman stop, with the 10 seconds that it gives by default; how long it took."""
        began = time.monotonic()
        self.podman("stop", service)
        return time.monotonic() - began

    def start(self, *services):
        for service in services:
            self.podman("start", service)

    def sql(self, text):
        return self.exec("database", "mariadb", "mailserver", input=text).stdout

    def fill(self):
        """Waits for the database, and gives it the sample rows."""
        wait_until(lambda: self.exec("database", "mariadb", "mailserver", "-e", "SELECT 1",
                                     check=False).returncode == 0, 60, "database")
        self.sql((TREE / "schema/sample.sql").read_text())

    def up(self):
        self.compose("up", "-d")
        self.fill()
        self.wait_for_health()
        self.is_up = True

    def renew(self):
        """What a test has stopped runs again, and its mail goes."""
        self.start(*SERVICES)
        self.wait_for_health()
        wait_until(lambda: self.exec("postfix", "postsuper", "-d", "ALL", check=False).returncode == 0, 60,
                   "Postfix")
        for domain in self.volume("mail").iterdir():
            shutil.rmtree(domain)

    def wait_for_health(self):
        wait_until(lambda: self.health("lmtpd") == self.health("lmtpd-auth") == 0, 60, "health")

    def down(self, keeps_volumes=False):
        self.is_up = False
        run("podman-compose", "down", cwd=self.directory, check=False)
        assert run("podman", "ps", "-aq").stdout == ""
        if not keeps_volumes:
            run("podman", "volume", "prune", "--force")
            assert run("podman", "volume", "ls", "-q").stdout == ""

    def send(self, subject, *recipients, sender="sender@example.net"):
        """As a stranger does, over the port that is published."""
        def attempt():
            with smtplib.SMTP("127.0.0.1", 25, timeout=20) as client:
                refused = client.sendmail(sender, recipients, f"From: {sender}\r\nTo: {', '.join(recipients)}\r\n"
                                          f"Subject: {subject}\r\n\r\nbody\r\n")
                assert refused == {}
                return True
        wait_until(attempt, 60, "Postfix that takes mail")

    def flush(self):
        self.exec("postfix", "postqueue", "-f")

    def subjects(self, user=EMAIL1, password=PASSWORD1, folder="INBOX"):
        """Of all messages that IMAP shows there, in order."""
        with imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=no_verification(),
                               timeout=20) as client:
            client.login(user, password)
            client.select(folder, readonly=True)
            _, [numbers] = client.search(None, "ALL")
            shown = []
            for number in numbers.split():
                _, [(_, header), _] = client.fetch(number, "(BODY.PEEK[HEADER])")
                shown.append(email.message_from_bytes(header)["Subject"])
            return shown

    def wait_for(self, *subjects, **where):
        """Exactly these are shown, in any order."""
        def are_there():
            self.flush()
            return sorted(self.subjects(**where)) == sorted(subjects)
        wait_until(are_there, 60, f"{subjects} as all that is shown")

    @contextlib.contextmanager
    def submission(self):
        with smtplib.SMTP("127.0.0.1", 587, timeout=30) as client:
            client.starttls(context=no_verification())
            yield client


class Lmtp:
    """A client of lmtpd's socket, by its volume."""

    def __init__(self, stack):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(stack.volume("lmtp-socket") / "lmtp"))
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220 ")

    def reply(self):
        while (line := self.file.readline().decode())[3:4] == "-":
            pass
        return line

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def begin(self, to):
        """As far as the message itself."""
        assert self.say("LHLO tests").startswith("250 ")
        assert self.say("MAIL FROM:<sender@example.net>").startswith("250 ")
        assert self.say(f"RCPT TO:<{to}>").startswith("250 ")
        assert self.say("DATA").startswith("354 ")


@pytest.fixture(scope="session")
def stacks():
    """The one that there is."""
    found = Stack(pathlib.Path(os.environ["COMPOSE_DIRECTORY"]))
    found.down()
    yield found
    found.down()


@pytest.fixture
def empty(stacks):
    """No container and no volume, before and afterwards."""
    stacks.down()
    yield stacks
    stacks.down()


@pytest.fixture
def stack(stacks):
    """All of it, and no mail; perhaps that of the test before."""
    if stacks.is_up:
        stacks.renew()
    else:
        stacks.up()
    return stacks
