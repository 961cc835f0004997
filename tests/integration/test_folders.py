"""Folders: user+folder@ goes into one, and Dovecot shows it at once."""

import contextlib
import imaplib
import os
import subprocess
import threading
from pathlib import Path

import pytest

from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID, as_mail_user, run_checked

TREE = Path(__file__).resolve().parents[2]

EMAIL1 = "email1@example.com"
PASSWORD = "firstpassword"
MAILDIR = "example.com/email1/Maildir"


def files(path):
    return [found.name for found in (path / "new").iterdir()] if path.exists() else []


def folders(maildir):
    return sorted(path.name for path in maildir.iterdir() if path.name.startswith("."))


def subscriptions(maildir):
    path = maildir / "subscriptions"
    return path.read_text().splitlines() if path.exists() else []


def deliver(daemon, *addresses):
    with daemon.session() as session:
        return [reply.status for reply in session.deliver(*addresses)]


def make_folder(path):
    for part in ("", "cur", "new", "tmp"):
        (path / part).mkdir(parents=True, exist_ok=True)
    if IS_ROOT:
        for found in [path, *path.rglob("*")]:
            os.chown(found, MAIL_ID, MAIL_GROUP)


@pytest.fixture
def detailed(lmtpd):
    """detailed("create", ...): an lmtpd with maildir.detail, and keys of section maildir."""
    def start(mode, **keys):
        return lmtpd(maildir={"detail": mode, **keys})

    return start


def test_details_are_ignored_by_default(lmtpd):
    daemon = lmtpd()
    assert deliver(daemon, "email1+Work@example.com") == ["250 2.0.0"]
    maildir = daemon.vhosts / MAILDIR
    assert len(files(maildir)) == 1 and folders(maildir) == []


@pytest.mark.quick
def test_existing(detailed):
    """A folder that is there gets the mail; for one that is not it lies in INBOX, and nothing is made."""
    daemon = detailed("existing")
    maildir = daemon.vhosts / MAILDIR
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    make_folder(maildir / ".Work")
    assert deliver(daemon, "email1+Work@example.com") == ["250 2.0.0"]
    assert deliver(daemon, "email1+work@example.com") == ["250 2.0.0"]
    assert len(files(maildir / ".Work")) == 1
    assert len(files(maildir)) == 2
    assert folders(maildir) == [".Work"] and subscriptions(maildir) == []


@pytest.mark.quick
def test_create(detailed):
    daemon = detailed("create")
    maildir = daemon.vhosts / MAILDIR
    for detail in ("Work", "Work.Sub", "Entwürfe", "INBOX", "inbox", "a&b"):
        assert deliver(daemon, f"email1+{detail}@example.com") == ["250 2.0.0"]
    assert folders(maildir) == [".Entw&APw-rfe", ".Work", ".Work.Sub", ".a&-b"]
    for name in folders(maildir):
        assert len(files(maildir / name)) == 1
        assert (maildir / name / "maildirfolder").read_bytes() == b""
        assert (maildir / name).stat().st_mode & 0o777 == 0o700
    assert len(files(maildir)) == 2
    assert subscriptions(maildir) == ["V\t2", "", "Work", "Work\tSub", "Entw&APw-rfe", "a&-b"]
    assert list((maildir / "tmp").iterdir()) == []
    [line] = daemon.log(event="delivery", to="<email1+Work.Sub@example.com>")
    assert line["folder"] == "Work.Sub"


@pytest.mark.parametrize("detail", ["..", "../x", "a/b", "~root", ".dot", "dot.", "a..b", "x*", "50%",
                                    "ä&" * 80])
def test_names_that_are_refused(detailed, detail):
    """They lie in INBOX: a detail is anybody's, so it is no reason to lose or bounce mail."""
    daemon = detailed("create")
    assert deliver(daemon, f"email1+{detail}@example.com") == ["250 2.0.0"]
    maildir = daemon.vhosts / MAILDIR
    assert len(files(maildir)) == 1 and folders(maildir) == []


def test_home_that_is_the_maildir(detailed):
    """The user's script and keys lie beside the folders there, and are nobody's to make."""
    daemon = detailed("create", path="")
    for detail in ("dovecot.sieve", "ssh", "Work"):
        assert deliver(daemon, f"email1+{detail}@example.com") == ["250 2.0.0"]
    home = daemon.vhosts / "example.com/email1"
    assert folders(home) == [".Work"] and len(files(home)) == 2


def test_at_most_so_many(detailed):
    daemon = detailed("create", folders_max=2)
    for name in "abcd":
        assert deliver(daemon, f"email1+{name}@example.com") == ["250 2.0.0"]
    maildir = daemon.vhosts / MAILDIR
    assert folders(maildir) == [".a", ".b"]
    assert len(files(maildir)) == 2


def test_auto(detailed):
    """Those are made when they are first needed, also where others are not."""
    daemon = detailed("existing", auto=["Junk"])
    assert deliver(daemon, "email1+Junk@example.com", "email1+Other@example.com") == ["250 2.0.0"] * 2
    maildir = daemon.vhosts / MAILDIR
    assert folders(maildir) == [".Junk"] and len(files(maildir)) == 1
    assert subscriptions(maildir)[-1] == "Junk"


def test_separator_and_prefix(detailed):
    daemon = detailed("create", separator="/", prefix="INBOX/")
    for detail in ("INBOX/Foo", "Foo.Bar"):
        assert deliver(daemon, f"email1+{detail}@example.com") == ["250 2.0.0"]
    maildir = daemon.vhosts / MAILDIR
    assert folders(maildir) == [".Foo"] and len(files(maildir)) == 1


@pytest.mark.parametrize("prefix", ["INBOX", "INBOX/", ".INBOX."])
def test_prefix_that_can_be_none(make_lmtpd, prefix):
    """As Dovecot has it: it ends in the separator, and does not begin with it."""
    code, said = make_lmtpd(maildir={"prefix": prefix}).fails_to_start()
    assert code == 78 and f'maildir.prefix: \\"{prefix}\\": needs the separator . at its end' in said


def test_one_message_lies_in_each_place_once(detailed):
    """Two folders that are not there and INBOX are one place; a folder that is there is another."""
    daemon = detailed("existing")
    maildir = daemon.vhosts / MAILDIR
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    make_folder(maildir / ".Work")
    assert deliver(daemon, "email1+none@example.com", "email1+Work@example.com", EMAIL1,
                   "email1+neither@example.com", "email1+Work@example.com") == ["250 2.0.0"] * 5
    assert len(files(maildir)) == 2 and len(files(maildir / ".Work")) == 1
    [one] = (maildir / ".Work/new").iterdir()
    assert one.stat().st_nlink == 2


def test_folder_that_cannot_be_used(detailed):
    """A file has its name: INBOX gets the mail."""
    daemon = detailed("create")
    maildir = daemon.vhosts / MAILDIR
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    (maildir / ".Work").write_text("")
    assert deliver(daemon, "email1+Work@example.com") == ["250 2.0.0"]
    assert len(files(maildir)) == 2
    [line] = [line for line in daemon.log(event="folder")]
    assert ".Work" in line["reason"]


# --- beside Dovecot ---------------------------------------------------------

@contextlib.contextmanager
def imap(dovecot):
    with imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=60) as client:
        client.login(EMAIL1, PASSWORD)
        yield client


def listed(client, command="list"):
    _, lines = getattr(client, command)()
    return sorted(line.decode().rsplit(" ", 1)[1].strip('"') for line in lines if line)


@pytest.mark.needs_root
def test_dovecot_shows_it(detailed, make_dovecot):
    """In LIST, LSUB and STATUS at once. A session that has had a list keeps it for a while (2.3), but for what is
    subscribed to."""
    daemon = detailed("create")
    dovecot = make_dovecot(daemon)
    with imap(dovecot) as client:
        client.select("INBOX")
        assert listed(client) == ["INBOX"]
        assert deliver(daemon, "email1+Work.Straße@example.com") == ["250 2.0.0"]
        assert deliver(daemon, "email1+Work.Straße@example.com") == ["250 2.0.0"]
        assert listed(client, "lsub") == ["Work.Stra&AN8-e"]
        with imap(dovecot) as other:
            assert listed(other) == ["INBOX", "Work", "Work.Stra&AN8-e"]
        _, [status] = client.status('"Work.Stra&AN8-e"', "(MESSAGES UNSEEN RECENT)")
        assert b"MESSAGES 2" in status and b"UNSEEN 2" in status
        # What a client subscribes to, and what we do, stay beside one another.
        client.create("Mine")
        client.subscribe("Mine")
        deliver(daemon, "email1+More@example.com")
        assert listed(client, "lsub") == ["Mine", "More", "Work.Stra&AN8-e"]
        client.unsubscribe("Mine")
        assert listed(client, "lsub") == ["More", "Work.Stra&AN8-e"]
        # A folder that Dovecot has made is used.
        deliver(daemon, "email1+Mine@example.com")
        _, [status] = client.status("Mine", "(MESSAGES)")
        assert b"MESSAGES 1" in status
    assert "Error" not in dovecot.output(), dovecot.output()


@pytest.fixture(scope="session")
def place(base):
    """place(daemon, folder, flags, keywords...): a message by the library alone, as a script would place it."""
    program = base / "place"
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-D_GNU_SOURCE", f"-I{TREE}", "-pthread", "-o", program,
                    Path(__file__).with_name("place.c"), *sorted((TREE / "maildir").glob("*.c")),
                    TREE / "base/error.c", TREE / "base/text.c", TREE / "base/utf8.c"], check=True)

    def put(daemon, folder, flags, *keywords):
        return run_checked(program, daemon.vhosts, MAILDIR, folder, flags, *keywords,
                           input="Subject: x\n\nx\n", **as_mail_user()).strip()

    return put


def flags_of(client, number):
    _, [line] = client.fetch(str(number), "(FLAGS)")
    return set(imaplib.ParseFlags(line)) - {b"\\Recent"}


@pytest.mark.needs_root
def test_flags_and_keywords(lmtpd, make_dovecot, place):
    """Dovecot shows those of ours, beside those that a client has made; and its own stay."""
    daemon = lmtpd()
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    dovecot = make_dovecot(daemon)
    assert place(daemon, ".Work", "FS", "$Junk", "Label1") == ""
    with imap(dovecot) as client:
        client.select("Work")
        assert flags_of(client, 1) == {b"\\Flagged", b"\\Seen", b"$Junk", b"Label1"}
        client.store("1", "+FLAGS", "(Mine)")
        assert place(daemon, ".Work", "", "Other", "mine") == ""
        assert place(daemon, ".Work", "D") == ""
        client.noop()
        assert flags_of(client, 2) == {b"Other", b"Mine"}
        assert flags_of(client, 3) == {b"\\Draft"}
        client.store("2", "-FLAGS", "(Other)")
        assert flags_of(client, 1) == {b"\\Flagged", b"\\Seen", b"$Junk", b"Label1", b"Mine"}
        client.select("INBOX")
        assert place(daemon, "", "A", "Label1") == ""
        client.noop()
        assert flags_of(client, 2) == {b"Label1"}
    with imap(dovecot) as client:
        client.select("Work")
        assert flags_of(client, 2) == {b"Mine"}
    assert "unknown-" not in dovecot.output() and "Error" not in dovecot.output()


@pytest.mark.needs_root
def test_idle_client_is_told(detailed, make_dovecot):
    daemon = detailed("create")
    deliver(daemon, "email1+Work@example.com")
    dovecot = make_dovecot(daemon)
    with imap(dovecot) as client:
        client.select("Work")
        client.send(b"x IDLE\r\n")
        assert client.readline().startswith(b"+ ")
        deliver(daemon, "email1+Work@example.com")
        line = client.readline()
        while b"EXISTS" not in line:
            line = client.readline()
        assert line == b"* 2 EXISTS\r\n"
        client.send(b"DONE\r\n")
        while not line.startswith(b"x OK"):
            line = client.readline()


@pytest.mark.needs_root
def test_many_at_once(detailed, make_dovecot):
    """Sessions that make the same folders side by side, while a client subscribes and unsubscribes."""
    daemon = detailed("create")
    dovecot = make_dovecot(daemon)
    said = []

    def send():
        for number in range(10):
            said.extend(deliver(daemon, f"email1+f{number}@example.com"))

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    with imap(dovecot) as client:
        for number in range(20):
            client.create(f"c{number}")
            client.subscribe(f"c{number}")
        for sender in senders:
            sender.join(120)
        assert said == ["250 2.0.0"] * 40
        assert set(listed(client, "lsub")) == {*(f"f{n}" for n in range(10)),
                                               *(f"c{n}" for n in range(20))}
        for number in range(10):
            _, [status] = client.status(f"f{number}", "(MESSAGES)")
            assert b"MESSAGES 4" in status
    assert "Error" not in dovecot.output(), dovecot.output()
