"""./dev run: MariaDB, lmtpd and lmtpd-auth to try, below build/run.

Whatever runs is ended when this ends; should this be killed outright, the kernel ends it.
"""

import argparse
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/integration"))

from harness.auth import EMAIL1, PASSWORD1, AuthClient, LmtpdAuth, plain_response  # noqa: E402
from harness.lmtpd import Lmtpd  # noqa: E402
from harness.mariadb import MariaDB  # noqa: E402
from harness.process import Daemon, wait_until  # noqa: E402

RUN = TREE / "build/run"
LMTPD = TREE / "build/release/lmtpd/lmtpd"
LMTPD_AUTH = TREE / "build/release/auth/lmtpd-auth"
ME = {"user": os.geteuid(), "group": os.getegid()}
# Where the sockets lie when build/run is no place for them.
ELSEWHERE = RUN / "sockets"

NEXT = """
Send the next one (from another terminal):
  {swaks}

Ask what would happen to an address:
  build/release/lmtpd/lmtpd -c build/run/lmtpd.conf --check alias@example.com

Try a password:
  build/release/auth/lmtpd-auth -c build/run/auth.conf --verify email1@example.com

Watch them:
  build/release/lmtpd/lmtpd -c build/run/lmtpd.conf --status --watch
  build/release/auth/lmtpd-auth -c build/run/auth.conf --status --watch
"""


def take_lock(name):
    """Returns the file that holds a lock below build/run, None when another process has it."""
    file = open(RUN / name, "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return file


def remove_sockets():
    if ELSEWHERE.is_symlink():
        shutil.rmtree(os.readlink(ELSEWHERE), ignore_errors=True)
        ELSEWHERE.unlink()


def prepare():
    """An empty build/run. Returns its locks, and the directory for sockets. One lock is ours. The
    other one the daemons hold with us: it says when those of a run that was killed have ended."""
    RUN.mkdir(parents=True, exist_ok=True)
    RUN.chmod(0o700)
    ours = take_lock("lock")
    assert ours, "another ./dev run works in this tree"
    theirs = wait_until(lambda: take_lock("daemons"), 30, "end of an earlier run's daemons")
    # In groups of their own: Ctrl-C is for us, and we end them in our order.
    Daemon.options = {"pass_fds": (theirs.fileno(),), "process_group": 0}
    remove_sockets()
    for path in RUN.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("lock", "daemons"):
            path.unlink()
    if len(str(RUN)) <= 90:
        return (ours, theirs), RUN
    # The path of a socket has 107 bytes at most.
    sockets = Path(tempfile.mkdtemp(prefix="lmtpd-run.", dir="/tmp"))
    ELSEWHERE.symlink_to(sockets)
    return (ours, theirs), sockets


def make_daemons(sockets):
    """MariaDB, lmtpd and lmtpd-auth, in the order in which they start."""
    database = MariaDB(RUN, has_network=False)
    database.socket = sockets / "mysql.sock"
    lmtpd = Lmtpd(
        LMTPD, RUN, database, **ME, hostname="localhost",
        lmtp={"listen": [f"unix:{sockets}/lmtp.sock"], "control": f"{sockets}/control"})
    lmtpd.socket = sockets / "lmtp.sock"
    auth = LmtpdAuth(
        LMTPD_AUTH, RUN, database, **ME,
        auth={"listen": [f"unix:{sockets}/auth.sock"], "control": f"{sockets}/control-auth",
              "failure_delay": 2})
    auth.socket = sockets / "auth.sock"
    return database, lmtpd, auth


def swaks_command(lmtpd):
    return (f"swaks --protocol LMTP --socket {shlex.quote(str(lmtpd.socket))} --helo localhost "
            "--from sender@example.net --to alias@example.com")


def send_message(lmtpd):
    command = (f"{swaks_command(lmtpd)} --suppress-data --header 'Subject: Hello' "
               "--body 'The first message.'")
    print(f"\n{command}", flush=True)
    assert subprocess.run(command, shell=True).returncode == 0, "the message was not accepted"
    [file] = lmtpd.vhosts.glob("example.com/email1/Maildir/new/*")
    print("\nalias@example.com leads to email1@example.com, and the message became this file:\n"
          f"  {file.relative_to(TREE)}\n")
    for line in file.read_text().splitlines():
        print(f"  | {line}")


class TalkingClient(AuthClient):
    """Shows every line."""

    def send(self, text):
        for line in text.splitlines():
            print("   ->", line.replace("\t", " "))
        super().send(text)

    def line(self):
        line = super().line()
        print("  <- ", line.replace("\t", " "))
        return line


def log_in(auth):
    """Speaks to lmtpd-auth as Postfix does."""
    print(f"\n{EMAIL1} logs in with {PASSWORD1}, as through Postfix's smtpd:")
    with TalkingClient(auth.socket) as client:
        client.hello(f"VERSION\t1\t0\nCPID\t{os.getpid()}\n")
        client.send_auth(
            "PLAIN", f"resp={plain_response(EMAIL1, PASSWORD1)}", rip="127.0.0.1")
        assert client.answer().verb == "OK", f"the login was not accepted\n{auth.output()}"


def serve(*daemons):
    """Shows the logs; the end of one daemon is the end of all."""
    print("\nServing until Ctrl-C; the logs of both:")
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    logs = [open(daemon.log_path, errors="replace") for daemon in daemons]
    while all(daemon.is_running() for daemon in daemons):
        for log in logs:
            sys.stdout.write(log.read())
        sys.stdout.flush()
        time.sleep(0.1)
    raise AssertionError("lmtpd or lmtpd-auth ended by itself")


def run(is_once, sockets):
    database, lmtpd, auth = daemons = make_daemons(sockets)
    try:
        database.install()
        database.reset()
        lmtpd.start()
        auth.start()
        send_message(lmtpd)
        log_in(auth)
        print(NEXT.format(swaks=swaks_command(lmtpd)), flush=True)
        if not is_once:
            serve(lmtpd, auth)
    finally:
        # Nothing may keep what is left from its end.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for daemon in reversed(daemons):
            daemon.stop()


def main():
    parser = argparse.ArgumentParser(prog="./dev run")
    parser.add_argument("--once", action="store_true", help="stop when all has been shown")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    os.umask(0o077)
    print("starting a private MariaDB, lmtpd and lmtpd-auth below build/run", flush=True)
    try:
        locks, sockets = prepare()
        try:
            run(arguments.once, sockets)
        finally:
            remove_sockets()
    except AssertionError as error:
        sys.exit(f"dev: {error}")


if __name__ == "__main__":
    main()
