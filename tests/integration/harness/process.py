"""Child processes: each is ended by its own id, and waited for."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

IS_ROOT = os.geteuid() == 0
MAIL_ID = 5000 if IS_ROOT else os.geteuid()
MAIL_GROUP = 5000 if IS_ROOT else os.getegid()


def wait_until(check, seconds, what):
    """Polls until check() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def status_fields(status):
    """A file /proc/*/status as a dict."""
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


# Below those that the system gives by itself, to our own servers and to whoever connects: a server that is started again
# comes back to its port.
PORTS = range(13000, 32000)
PORTS_AT_ONCE = 100
claims = []  # sockets whose names say so


def claimed_ports():
    """Those that no other run of the tests beside this one gives. A name has one owner, and is free again when he ends."""
    for first in PORTS[::PORTS_AT_ONCE]:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0lmtpd's tests have ports from {first}")
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        yield from range(first, first + PORTS_AT_ONCE)


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


ports = claimed_ports()


def free_port():
    """One that nobody has, and that nobody is given as long as we run."""
    return next(port for port in ports if is_free(port))


def answers(port, address="127.0.0.1"):
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def run(*command, **options):
    """Runs a command to its end and returns it, output captured as text."""
    options.setdefault("timeout", 120)
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, **options
    )


def run_checked(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def as_user(user, group):
    """Options of Popen that start a child as this user, if we may."""
    return {"user": user, "group": group, "extra_groups": []} if IS_ROOT else {}


def as_mail_user():
    """Options of Popen that start a child as the owner of the mail."""
    return as_user(MAIL_ID, MAIL_GROUP)


class Daemon:
    """A child process that serves until it is told to end; its output goes to a file."""

    # Of Popen, for every daemon of this run.
    options = {}

    def __init__(self, log):
        self.log_path = log
        self.process = None

    def spawn(self, command, **options):
        # Should the test run be killed outright, the kernel ends its daemons.
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **{**self.options, **options}
            )

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def output(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def status(self):
        """/proc/PID/status as a dict."""
        return status_fields(Path(f"/proc/{self.pid}/status").read_text())

    def tasks(self):
        """/proc/PID/task/*/status of its threads, but for those that end meanwhile."""
        found = []
        for path in Path(f"/proc/{self.pid}/task").glob("*/status"):
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                found.append(status_fields(path.read_text()))
        return found

    def memory(self):
        """Resident now, in bytes."""
        return int(self.status()["VmRSS"].split()[0]) * 1024

    def threads(self):
        return int(self.status()["Threads"])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def ticks(self):
        """Of the processor, so far."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def comes_to_rest(self):
        """Does it do nothing for a second? On a busy machine it may still be starting, or be charged for what
        others do, but not in each of ten."""
        for _ in range(10):
            before = self.ticks()
            time.sleep(1)
            if self.ticks() - before <= 2:
                return True
        return False

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def freeze(self):
        """Returns when every thread has stopped: until then it may still answer."""
        self.signal(signal.SIGSTOP)
        wait_until(self.is_frozen, 60, "stop of all threads")

    def is_frozen(self):
        return all(task["State"].startswith("T") for task in self.tasks())

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self, seconds=60):
        """SIGTERM, then the exit code; a daemon that does not end is killed, and that fails."""
        if not self.is_running():
            return self.process.returncode if self.process else None
        self.thaw()
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end on SIGTERM:\n{self.output()}") from None

    def wait_until_answers(self, check, seconds=60):
        def is_up():
            assert self.is_running(), f"ended at its start:\n{self.output()}"
            return check()

        wait_until(is_up, seconds, f"start of {self.process.args[3]}")
