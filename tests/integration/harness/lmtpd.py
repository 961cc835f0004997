"""lmtpd itself: its configuration, its processes, its log."""

import copy
import os
import re
import signal
import subprocess

from harness.lmtp import Client
from harness.mail import Mailbox, reached
from harness.mariadb import PASSWORD
from harness.process import (
    IS_ROOT, MAIL_GROUP, MAIL_ID, Daemon, as_mail_user, run, wait_until,
)

LOG_PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)')
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|runtime error:).*")
# A sanitizer's finding must not look like an ordinary end.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
}


def render(value):
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(render(item) for item in value) + "}"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def render_config(config):
    lines = []
    for key, value in config.items():
        if isinstance(value, dict):
            inner = [f"  {name} = {render(item)}" for name, item in value.items()]
            lines += [f"{key} {{", *inner, "}"]
        else:
            lines.append(f"{key} = {render(value)}")
    return "\n".join(lines) + "\n"


def parse_log_line(line):
    return {key: value[1:-1] if value.startswith('"') else value
            for key, value in LOG_PAIR.findall(line)}


class Lmtpd(Daemon):
    """One lmtpd in a directory of its own. starts_as_root: it is left to lmtpd to change users."""

    def __init__(self, binary, directory, database, starts_as_root=False, environment=None,
                 **overrides):
        super().__init__(directory / "lmtpd.log")
        self.binary = binary
        self.directory = directory
        self.socket = directory / "lmtp"
        self.control = directory / "control"
        self.config_path = directory / "lmtpd.conf"
        self.vhosts = directory / "vhosts"
        self.starts_as_root = starts_as_root
        # The machine's own Postfix is none of --check's business here.
        self.environment = {**os.environ, **SANITIZER_OPTIONS, "MAIL_CONFIG": str(directory),
                            **(environment or {})}
        if starts_as_root:
            # The leak checker cannot look into a process that has changed users.
            self.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        self.config = {
            "hostname": "mx.example.com",
            "lmtp": {
                "listen": [f"unix:{self.socket}"], "socket_user": "", "socket_group": "",
                "control": str(self.control),
            },
            "maildir": {
                "home": f"{self.vhosts}/%d/%n", "user": str(MAIL_ID), "group": str(MAIL_GROUP),
            },
            "mysql": {
                "hosts": [f"unix:{database.socket}"], "password": PASSWORD,
                "dbname": database.database,
            },
        }
        self._prepare_directory()
        self.configure(**overrides)

    def _prepare_directory(self):
        self.vhosts.mkdir(mode=0o700, exist_ok=True)
        if IS_ROOT:
            os.chown(self.directory, MAIL_ID, MAIL_GROUP)
            os.chown(self.vhosts, MAIL_ID, MAIL_GROUP)

    def configure(self, **overrides):
        """Changes keys of the configuration: configure(lmtp={"recipient_limit": 2})."""
        config = copy.deepcopy(self.config)
        for key, value in overrides.items():
            if isinstance(value, dict):
                config.setdefault(key, {}).update(value)
            else:
                config[key] = value
        self.config = config
        self.config_path.write_text(render_config(config))

    def _privileges(self):
        return {} if self.starts_as_root else as_mail_user()

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
                return client.reply().code == 220
        except OSError:
            return False

    def connect(self, **options):
        return Client(self.socket, **options)

    def session(self, **options):
        """A client that has said LHLO."""
        client = self.connect(**options)
        client.hello()
        return client

    def run(self, *arguments, **options):
        """Runs a command of lmtpd with this configuration to its end."""
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
        self.signal(signal.SIGHUP)

    def mailbox(self, name):
        return Mailbox(self.vhosts, name)

    def reached(self):
        return reached(self.vhosts)

    def log(self, **wanted):
        """The lines of the log as dicts, those that have the wanted fields."""
        lines = [parse_log_line(line) for line in self.output().splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def wait_for_log(self, n=1, seconds=10, **wanted):
        """Waits for the n-th line with these fields and returns all of them."""
        wait_until(lambda: len(self.log(**wanted)) >= n, seconds, f"log line {wanted}")
        return self.log(**wanted)

    def peak_memory(self):
        """The most memory it ever had resident, in bytes."""
        return int(self.status()["VmHWM"].split()[0]) * 1024

    def assert_sane(self):
        finding = SANITIZER.search(self.output())
        assert not finding, self.output()
