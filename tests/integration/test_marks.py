"""What Dovecot's LMTP remembers of notices, redirects and seen messages is known to lmtpd, and the other way round: a mailbox
that moves sends nothing twice."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from harness.dovecot import SieveDovecot
from harness.process import MAIL_GROUP, MAIL_ID, as_mail_user
from harness.sieve import EMAIL1, activate, deliver, mail, make_folders, shown

pytestmark = pytest.mark.needs_root

TREE = Path(__file__).resolve().parents[2]
HOME = "example.com/email1"
SENDER = "Sender@Example.NET"
VACATION = 'require ["vacation"];\n'
DUPLICATE = 'require ["duplicate", "fileinto", "variables"];\n'
SEEN = 'if duplicate %s { fileinto "Seen"; }\n'


@pytest.fixture(scope="session")
def program(base):
    """marks.c, which has the libraries alone."""
    path = base / "marks"
    (base / "version.h").write_text('#define LMTPD_VERSION "test"\n')
    rooms = [source for room in ("sieve", "match", "mail", "maildir", "base") for source in sorted((TREE / room).glob("*.c"))]
    subprocess.run(["cc", "-Wall", "-Werror", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", f"-I{TREE}", f"-I{base}",
                    "-pthread", "-o", path, Path(__file__).with_name("marks.c"), TREE / "lmtpd/ids.c", *rooms,
                    "-lcrypto"], check=True)
    return path


class Both:
    """A home that both use: Dovecot's LMTP with Pigeonhole, and the libraries of lmtpd."""

    def __init__(self, directory, database, program):
        self.directory = directory
        self.program = program
        self.sent_path = directory / "sent"
        self.vhosts = directory / "vhosts"
        self.vhosts.mkdir(mode=0o700)
        self.sent_path.touch(mode=0o600)
        for path in (self.vhosts, self.sent_path):
            os.chown(path, MAIL_ID, MAIL_GROUP)
        sendmail = directory / "sendmail"
        sendmail.write_text(f'#!/bin/sh\ncat >/dev/null\nfor to; do :; done\necho "$to" >>{self.sent_path}\n')
        sendmail.chmod(0o755)
        self.dovecot = SieveDovecot(directory / "dovecot", database, self.vhosts, more=f"sendmail_path = {sendmail}\n")
        self.dovecot.start()
        make_folders(self.dovecot, "Seen")
        self.file = self.vhosts / HOME / ".dovecot.lda-dupes"

    def use(self, script):
        activate(self.dovecot, script)
        self.script = self.directory / "script"
        self.script.write_bytes(script.encode())

    def by_dovecot(self, text, recipient=EMAIL1):
        """Delivers a message; whom something was sent to, and how many messages are in Seen."""
        before = self.sent()
        assert deliver(self.dovecot.socket, recipient, body=text, sender=SENDER) == ["250 2.0.0"]
        output = self.dovecot.output()
        assert "lda-dupes" not in output and "Panic" not in output, output
        return self.sent()[len(before):]

    def sent(self):
        return self.sent_path.read_text().splitlines()

    def n_seen(self):
        return len(shown(self.dovecot).get("Seen", []))

    def marks(self, *arguments, **options):
        return subprocess.run([self.program, self.vhosts, HOME, EMAIL1, *map(str, arguments)], check=False,
                              stdout=subprocess.PIPE, **options, **as_mail_user())

    def by_us(self, text, recipient=EMAIL1, how="mark"):
        done = self.marks(how, SENDER, recipient, self.script, input=text)
        assert done.returncode == 0, done.stdout
        return done.stdout.decode().splitlines()

    def has(self, name):
        done = self.marks("has", name)
        assert done.returncode in (0, 1), done.stdout
        return done.returncode == 0

    def add(self, seconds, *names):
        done = self.marks("add", seconds, *names)
        assert done.returncode == 0, done.stdout


@pytest.fixture
def both(directory, database, program):
    found = Both(directory, database, program)
    yield found
    found.dovecot.stop()


def identified(text):
    return mail().replace(b"<test@example.net>", text.encode())


FOLDED = b"Developers of\r\n\tthings <dev.example.net> "


def with_field(text, name, value):
    return name.encode() + b": " + value + b"\r\n" + text


# name: (script, message, recipient)
SENDING = {
    "vacation": (VACATION + 'vacation "Away.";', mail(), EMAIL1),
    "vacation of several lines": (VACATION + 'vacation text:\nAway.\n..\n\nBye.\n.\n;', mail(), EMAIL1),
    "vacation with lines of CRLF": (VACATION + 'vacation "Away.\r\nBye.";\r\n', mail(), EMAIL1),
    "vacation with all arguments": (
        VACATION + 'vacation :days 3 :subject "Äway" :from "Me <email1@example.com>" '
                   ':addresses ["a@example.com"] "Ä";', mail(), EMAIL1),
    "vacation with an empty subject": (VACATION + 'vacation :subject "" "Away.";', mail(), EMAIL1),
    "vacation of MIME": (
        VACATION + 'vacation :mime "Content-Type: text/plain\n\nAway.";', mail(), EMAIL1),
    "vacation with a handle": (VACATION + 'vacation :handle "Handle" "Away.";', mail(), EMAIL1),
    "vacation with variables": (
        'require ["vacation", "variables"];\nset "x" "y"; '
        'if header :matches "Subject" "*" { vacation :subject "Re: ${1}" "${x} ${none}$"; }', mail(), EMAIL1),
    "vacation with a handle of variables": (
        'require ["vacation", "variables"];\nif header :matches "Subject" "*" '
        '{ vacation :handle "h${1}" "Away."; }', mail(), EMAIL1),
    "vacation with coded characters": (
        'require ["vacation", "encoded-character", "variables"];\nset "x" "y"; '
        'vacation "A${hex:77 61}y ${x} ${unicode:24}{x}";', mail(), EMAIL1),
    "redirect": ('redirect "To@Example.net";', mail(), EMAIL1),
    "redirect of mail with a detail": ('redirect "to@example.net";', mail(), "email1+Detail@example.com"),
    "redirect of mail to a domain in capitals": (
        'redirect "to@example.net";', mail(), "email1@EXAMPLE.com"),
    "redirect by a list": (
        'redirect "to@example.net";', with_field(mail(), "LIST-ID", FOLDED), EMAIL1),
    "redirect of what was sent again": (
        'redirect "to@example.net";', with_field(mail(Resent_From="b@example.net"), "Resent-Message-ID",
                                                 b"  <again@example.net>\t"), EMAIL1),
    "redirect of what somebody has sent again": (
        'redirect "to@example.net";', mail(Resent_From="Bob  <b@example.net>"), EMAIL1),
    "redirect of an id with blanks": (
        'redirect "to@example.net";', identified("(x) <a @b> <c@d>"), EMAIL1),
    "redirect of an id in a literal": (
        'redirect "to@example.net";', identified("<1@[192.0.2.1]>"), EMAIL1),
    "redirect of a changed header": (
        'require "editheader"; deleteheader "Message-ID"; addheader "List-Id" "x"; redirect "to@example.net";',
        mail(), EMAIL1),
    "redirect to a quoted address": (r'redirect "\"a b\"@example.net";', mail(), EMAIL1),
    "redirect by name": ('redirect "Name <to@example.net>";', mail(), EMAIL1),
}


def is_silent(lines):
    return lines in (["vacation: the sender was answered already"], ["redirect: seen"])


@pytest.mark.parametrize("case", SENDING)
def test_what_dovecot_has_sent(both, case):
    script, text, recipient = SENDING[case]
    both.use(script)
    assert len(both.by_dovecot(text, recipient)) == 1, both.dovecot.output()
    assert is_silent(both.by_us(text, recipient)), both.file.read_bytes()


@pytest.mark.parametrize("case", SENDING)
def test_what_we_have_sent(both, case):
    script, text, recipient = SENDING[case]
    both.use(script)
    lines = both.by_us(text, recipient)
    assert lines in (["vacation"], ["redirect"])
    assert is_silent(both.by_us(text, recipient))
    assert both.by_dovecot(text, recipient) == [], both.file.read_bytes()


# name: (script, message)
SEEING = {
    "duplicate": (DUPLICATE + SEEN % "", mail()),
    "duplicate of an id with blanks": (DUPLICATE + SEEN % "", identified("  x <a @b\t>  y")),
    "duplicate with a handle": (DUPLICATE + SEEN % ':handle "h"', mail()),
    "duplicate for seconds": (DUPLICATE + SEEN % ":seconds 600", mail()),
    "duplicate by another field": (DUPLICATE + SEEN % ':header "Subject"', mail()),
    "duplicate by words that are encoded": (
        DUPLICATE + SEEN % ':header "Subject"', mail("=?utf-8?q?=C3=A4?= b")),
    "duplicate by a folded field": (DUPLICATE + SEEN % ':header "X"', mail(X="a b\r\n c")),
    "duplicate by a text": (DUPLICATE + SEEN % ':uniqueid "u"', mail()),
    "duplicate by a variable": (
        DUPLICATE + 'if header :matches "Subject" "*" { %s }' % (SEEN % ':handle "h${1}" :uniqueid "${1}"'), mail()),
    "the last duplicate": (DUPLICATE + SEEN % ":last", mail()),
    "the last duplicate with a handle": (DUPLICATE + SEEN % ':handle "h" :last', mail()),
}


@pytest.mark.parametrize("case", SEEING)
def test_what_dovecot_has_seen(both, case):
    script, text = SEEING[case]
    both.use(script)
    both.by_dovecot(text)
    assert both.n_seen() == 0
    assert "store Seen" in both.by_us(text), both.file.read_bytes()


@pytest.mark.parametrize("case", SEEING)
def test_what_we_have_seen(both, case):
    script, text = SEEING[case]
    both.use(script)
    assert both.by_us(text) == ["mark"]
    assert "store Seen" in both.by_us(text)
    both.by_dovecot(text)
    assert both.n_seen() == 1, both.file.read_bytes()


def test_last_knows_the_others(both):
    """Who begins to say :last has not forgotten what he has seen without it."""
    both.use(DUPLICATE + SEEN % "")
    both.by_dovecot(mail())
    both.use(DUPLICATE + SEEN % ":last")
    assert "store Seen" in both.by_us(mail(), how="run")
    both.by_dovecot(mail())
    assert both.n_seen() == 1


def test_marks_at_the_end(both):
    """Dovecot reads what was put behind its own marks, one after the other, and keeps it; what was forgotten is forgotten; and so
    on in turns."""
    both.use(VACATION + 'vacation "Away.";')
    assert both.by_dovecot(mail()) == [SENDER]
    inode = both.file.stat().st_ino
    names = [f"id{i}" for i in range(300)]
    both.add(3600, *names)
    both.add(3600, "i" * 3000)
    assert both.file.stat().st_ino == inode
    assert both.marks("forget", "id7").returncode == 0
    both.use('redirect "to@example.net";')
    for turn in range(3):
        assert both.by_dovecot(identified(f"<{turn}@example.net>")) == ["to@example.net"]
        assert both.by_us(identified(f"<{turn}@example.net>")) == ["redirect: seen"]
        assert both.by_us(identified(f"<our{turn}@example.net>")) == ["redirect"]
        assert both.by_dovecot(identified(f"<our{turn}@example.net>")) == []
    assert both.file.stat().st_ino != inode
    assert [name for name in names if not both.has(name)] == ["id7"]
    assert both.has("i" * 3000)
    both.use(VACATION + 'vacation "Away.";')
    assert both.by_dovecot(mail()) == []
    assert sorted(path.name for path in both.file.parent.glob(".dovecot.lda-dupes*") if path.is_file()) == [
        ".dovecot.lda-dupes"]


def test_a_notice_that_was_not_sent(both):
    """What is forgotten Dovecot sends again."""
    both.use('redirect "to@example.net";')
    assert both.by_us(mail()) == ["redirect"]
    text = "<test@example.net>-email1@example.com-to@example.net--"
    assert both.has(text)
    assert both.marks("forget", text).returncode == 0
    assert not both.has(text)
    assert both.by_dovecot(mail()) == ["to@example.net"]


def test_marks_end(both):
    """In the same second."""
    both.add(2, "soon")
    both.add(100, "later")
    end = time.time() + 60
    while both.has("soon") and time.time() < end:
        time.sleep(0.2)
    assert not both.has("soon")
    both.use('redirect "to@example.net";')
    both.by_dovecot(mail())
    assert both.has("later") and b"soon" not in both.file.read_bytes()
