"""Logins: how much of what the processors can hash lmtpd-auth makes of it, and what delivery keeps
of its speed while passwords are being guessed."""

import contextlib
import json
import os
import resource
import statistics
import subprocess
import time

import processes
from harness.auth import EMAIL1, PASSWORD1
from harness.process import run_checked
from workloads import KIB

TREE = "logins"
MAILBOXES = range(1)
CLIENTS = 64
GUESSERS = 3000
SESSIONS = 20

TEXT = """\
sha512crypt, medians of 3 runs of {seconds} s:
  bare crypt_rn() on all processors     {bare:6.0f} a second
  logins through lmtpd-auth, {clients} clients {logins:6.0f} a second, {logins_share:.0f} %
{messages} messages of 4 KiB over {sessions} sessions to one mailbox:
  alone                                 {alone:6.0f} a second
  while {guessers} clients guess passwords    {stormy:6.0f} a second, {stormy_share:.0f} %
  processor time that lmtpd-auth took   {taken:6.0f} %, leaving {left:.0f} %"""


def middle_of(measure, *arguments):
    return statistics.median(measure(*arguments) for _ in range(3))


def hashes(place, stored, seconds):
    """Of bare crypt_rn(), a second."""
    return float(run_checked(
        place.programs["auth_load"], "crypt", stored, os.cpu_count(), seconds))


def logins(place, auth, seconds):
    """Answers a second."""
    return float(run_checked(
        place.programs["auth_load"], "login", auth.socket, EMAIL1, PASSWORD1, CLIENTS, seconds))


def deliveries(place, lmtpd, n):
    """Messages a second."""
    got = json.loads(run_checked(
        place.programs["load"], "deliver", "--socket", lmtpd.socket, "--sessions", SESSIONS,
        "--messages", n, "--size", 4 * KIB, "--mailboxes", len(MAILBOXES), timeout=600))
    return got["messages_per_second"]


@contextlib.contextmanager
def guessing(place, auth, seconds):
    """Yields when the storm has blown for a while."""
    with subprocess.Popen(
        [place.programs["auth_load"], "login", auth.socket, EMAIL1, "wrong", str(GUESSERS), "600"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as storm:
        try:
            time.sleep(seconds + 2)
            yield
            assert storm.poll() is None, "the guessing of passwords ended too early"
        finally:
            storm.kill()


def measure_on(place, lmtpd, auth, stored, seconds, n):
    bare = middle_of(hashes, place, stored, seconds)
    answered = middle_of(logins, place, auth, seconds)
    alone = middle_of(deliveries, place, lmtpd, n)
    with guessing(place, auth, seconds):
        begun, before = time.monotonic(), processes.processor_seconds([auth.pid])
        stormy = deliveries(place, lmtpd, n)
        used = processes.processor_seconds([auth.pid]) - before
        share = 100 * used / ((time.monotonic() - begun) * os.cpu_count())
    return TEXT.format(
        seconds=seconds, clients=CLIENTS, sessions=SESSIONS, guessers=GUESSERS, messages=n,
        bare=bare, logins=answered, logins_share=100 * answered / bare,
        alone=alone, stormy=stormy, stormy_share=100 * stormy / alone,
        taken=share, left=100 - share)


def measure(place, is_quick):
    """Returns the figures as text."""
    # A row of schema/sample.sql.
    [[stored]] = place.database.sql(
        f"SELECT password FROM virtual_users WHERE email = '{EMAIL1}'", "mailserver")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    servers = []
    try:
        for name in ("lmtpd", "auth"):
            servers.append(place.start(name, place.root(TREE)))
        return measure_on(
            place, *servers, stored, 1 if is_quick else 4, 4000 if is_quick else 20_000)
    finally:
        for server in servers:
            server.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        place.drop(TREE)
