"""What people outside of a container do: other mail servers, and a user with a mail program."""

import collections
import contextlib
import itertools
import json
import re
import shlex
import sys
import time
from pathlib import Path

from harness.process import run, wait_until

tags = itertools.count(1)
PASSWORD = "firstpassword"
USER = "email1@example.com"
PASSWORDS = {USER: PASSWORD, "email2@example.com": "secondpassword", "email3@example.com": "thirdpassword"}
MAILDIR = "/var/mail/vhosts/example.com/email1/Maildir"


def subjects(container):
    """The subjects of what lies in the user's Maildir, oldest first."""
    files = sorted(container.path(MAILDIR).glob("[nc]*/*"), key=lambda path: path.name)
    return [line[9:] for path in files for line in path.read_text().splitlines()
            if line.startswith("Subject: ")]


def send(container, subject, *options):
    """As another mail server does it, or a mail program; returns swaks's exit code and output."""
    done = container.try_run(
        f"swaks --from a@example.net --header 'Subject: {subject}' "
        + " ".join(options))
    return done.returncode, done.stdout + done.stderr


def deliver(container, subject, *options):
    code, said = send(container, subject, *options)
    assert code == 0, said


def wait_for(container, subject):
    wait_until(lambda: subject in subjects(container), 60, f"message {subject}")


def ask_dovecot(container, url, *options, user=USER, password=PASSWORD):
    """What the user's mail program gets."""
    words = ["curl", "--silent", "--show-error", "--insecure", "--user", f"{user}:{password}", *options, url]
    return container.run(shlex.join(words))


def use(container, command, *arguments, user=USER, check=True, **options):
    """What a program of that user's does; see mailbox.py."""
    done = run(*container.connected(sys.executable, "-B", Path(__file__).parent / "mailbox.py", command, user,
                                    PASSWORDS[user], *arguments), **options)
    assert done.returncode == 0 or not check, done.stderr
    return done


def shown(container, user=USER):
    """{folder: [[subject, flags], ...]}"""
    return json.loads(use(container, "show", user=user).stdout)


def let_run(container, name, script, user=USER):
    """Stores a script and activates it."""
    use(container, "store", name, user=user, input=script)
    use(container, "activate", name, user=user)


def settle(container, subject, to=USER, options=""):
    """Sends it to Postfix, and waits until that is rid of it."""
    deliver(container, subject, f"--to {to}", options)
    wait_until(lambda: "empty" in container.run("postqueue -p"), 60, f"delivery of {subject}")


def assert_read(container, subject):
    """That message is in the inbox which IMAP and POP3 show."""
    found = ask_dovecot(container, "imaps://127.0.0.1/INBOX", "--request", f'SEARCH SUBJECT "{subject}"')
    number = found.split()[-1]
    assert number.isdecimal(), f"{subject}: {found}"
    for url in (f"imaps://127.0.0.1/INBOX;MAILINDEX={number}", f"pop3s://127.0.0.1/{number}"):
        assert f"Subject: {subject}" in ask_dovecot(container, url).splitlines()


@contextlib.contextmanager
def under_load(container, pause=0.01):
    """Other servers and users send while the block runs, and for a second before and after it, with pauses of
    so many seconds."""
    tag = next(tags)
    with (container.load(4, f"server{tag}", pause) as server,
          container.load(2, f"user{tag}", pause, USER, PASSWORD) as user):
        time.sleep(1)
        yield server, user
        time.sleep(1)


def message_ids(container, subject):
    """Those of the messages in the Maildir with this subject."""
    texts = [path.read_text() for path in container.path(MAILDIR).glob("[nc]*/*")]
    return [re.search(r"^Message-Id: (.*)$", text, re.M | re.I)[1]
            for text in texts if f"\nSubject: {subject}\n" in text]


def is_saved_twice_by_dovecot_s_end(container, subject):
    """Dovecot saved it and ended before it said so; Postfix then brought it to lmtpd."""
    ids = message_ids(container, subject)
    log = container.journal().splitlines()
    lines = [line for line in log if f"msgid={ids[0]}" in line]
    return (len(ids) == 2 and ids[0] == ids[1] and len(lines) == 2
            and sum("saved mail to INBOX" in line for line in lines) == 1
            and sum("status=saved" in line for line in lines) == 1)


def assert_nothing_lost(container, *loads, is_excused=lambda container, subject: False):
    """Each message that was taken arrives, once unless it is excused, and none is refused or comes
    back."""
    for load in loads:
        assert load.summary["permanent"] == {}
        assert load.summary["accepted"] != []
    accepted = {subject for load in loads for subject in load.summary["accepted"]}

    def find_missing():
        container.run("postqueue -f")
        return accepted - set(subjects(container))

    # Postfix may have taken many more by then than Dovecot has saved.
    while missing := find_missing():
        n = len(missing)
        wait_until(lambda: len(find_missing()) < n, 60, f"delivery of {n} messages, such as {min(missing)}")
    assert "status=bounced" not in container.journal("-t", "postfix/lmtp")
    arrived = collections.Counter(subjects(container))
    twice = [subject for subject in accepted if arrived[subject] > 1]
    assert [subject for subject in twice if not is_excused(container, subject)] == []
