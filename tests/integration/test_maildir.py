"""What lies on the disk after 250, and what does when the disk fails."""

import errno
import os
import re
import time

import pytest

from harness.lmtp import message
from harness.mail import Mailbox, wire_size
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID, run_checked

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"


@pytest.fixture
def daemon(lmtpd):
    return lmtpd()


def deliver(daemon, *addresses, **options):
    with daemon.session() as session:
        return session.deliver(*addresses, **options)


def make_maildir(daemon, name):
    """A mailbox as an earlier delivery left it."""
    mailbox = daemon.mailbox(name)
    for folder in ("cur", "new", "tmp"):
        (mailbox.maildir / folder).mkdir(parents=True, mode=0o700)
    if IS_ROOT:
        run_checked("chown", "-R", f"{MAIL_ID}:{MAIL_GROUP}", daemon.vhosts)
    return mailbox


# --- names, sizes, modes ----------------------------------------------------

def test_name(daemon):
    before = int(time.time())
    deliver(daemon, EMAIL1)
    name = daemon.mailbox("example.com/email1").message().name
    assert before <= int(name["seconds"]) <= int(time.time())
    assert int(name["microseconds"]) < 1_000_000
    assert int(name["pid"]) == daemon.pid
    assert name["host"] == "mx.example.com"


def test_names_differ_and_sort_by_arrival(daemon):
    with daemon.session() as session:
        for number in range(30):
            session.deliver(EMAIL1, body=message(subject=str(number)))
    messages = daemon.mailbox("example.com/email1").messages()
    messages.sort(key=lambda stored: (int(stored.name["seconds"]),
                                      int(stored.name["microseconds"])))
    assert [stored.content.split(b"\n")[0] for stored in messages] == [
        b"Subject: %d" % number for number in range(30)
    ]


@pytest.mark.parametrize("content", [
    b"", b"a", b"a\n", b"a\r", b"a\r\n", b"a\r\n\nb\r\r\nc\r\rd\n\n\r\n", b"\n" * 5000,
    b"\r\n" * 5000, b"\r" * 5000, bytes(range(256)) * 40,
], ids=["empty", "no line end", "LF", "CR", "CRLF", "mixed", "LFs", "CRLFs", "CRs", "binary"])
def test_sizes_in_the_name(daemon, content):
    """BDAT can end a message anywhere; S= and W= are exact for each."""
    with daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.send(b"BDAT %d LAST\r\n" % len(content) + content)
        assert session.reply().status == "250 2.0.0"
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.content == content.replace(b"\r\n", b"\n")
    assert int(stored.name["size"]) == len(stored.bytes)
    assert int(stored.name["wire_size"]) == wire_size(stored.bytes)


def test_modes_and_owner(daemon):
    deliver(daemon, EMAIL1)
    mailbox = daemon.mailbox("example.com/email1")
    entries = [daemon.vhosts / "example.com", mailbox.home, mailbox.maildir,
               *mailbox.maildir.iterdir(), mailbox.message().path]
    for path in entries:
        status = path.stat()
        assert status.st_mode & 0o7777 == (0o700 if path.is_dir() else 0o600), path
        assert (status.st_uid, status.st_gid) == (MAIL_ID, MAIL_GROUP), path


def test_nothing_else_is_made(daemon):
    deliver(daemon, EMAIL1)
    mailbox = daemon.mailbox("example.com/email1")
    assert [path.name for path in mailbox.home.iterdir()] == ["Maildir"]
    assert sorted(path.name for path in mailbox.maildir.iterdir()) == ["cur", "new", "tmp"]
    assert mailbox.files("cur") == [] and len(mailbox.files("new")) == 1
    # Whatever a message passes through on its way lies on this filesystem, and is gone again.
    files = [path for path in daemon.vhosts.rglob("*") if path.is_file()]
    assert files == [mailbox.message().path]


def test_what_others_put_there_stays(daemon):
    mailbox = make_maildir(daemon, "example.com/email1")
    theirs = [mailbox.maildir / name for name in (
        "dovecot-uidlist", "cur/1700000000.M1P1Q1.other,S=1,W=1:2,S", "new/1700000001.old",
    )]
    for path in theirs:
        path.write_text("x")
    deliver(daemon, EMAIL1)
    assert [path.read_text() for path in theirs] == ["x"] * 3
    assert len(mailbox.files("new")) == 2


def test_configured_paths(lmtpd, directory):
    """%u, %d and %n may stand anywhere, and the path below home may have levels."""
    daemon = lmtpd(maildir={"home": f"{directory}/vhosts/%u/%d-%n", "path": "mail/box"})
    deliver(daemon, EMAIL1)
    home = directory / "vhosts/email1@example.com/example.com-email1"
    [stored] = (home / "mail/box/new").iterdir()
    assert stored.is_file()


@pytest.mark.parametrize("home, path", [
    ("vhosts/%d/%n", "Maildir/"), ("vhosts/%d/%n", "./Maildir"), ("vhosts/%d/%n/", "Maildir"),
    ("vhosts/%d//%n", "Maildir"), ("vhosts/./%d/./%n/.", "Maildir//"), ("/./vhosts/%d/%n", "Maildir/."),
])
def test_paths_that_need_no_mending(lmtpd, directory, home, path):
    """Slashes and dots that mean nothing do no harm."""
    daemon = lmtpd(maildir={"home": f"{directory}/{home}", "path": path})
    deliver(daemon, EMAIL1)
    assert daemon.reached() == {EMAIL1.split("@")[1] + "/email1": 1}
    assert f"{directory}/vhosts/example.com/email1/Maildir" in daemon.run("--check", EMAIL1).stdout


def test_path_of_nothing_but_dots(lmtpd, directory):
    """It is home itself, as the empty one."""
    daemon = lmtpd(maildir={"home": f"{directory}/vhosts/%d/%n", "path": "./"})
    deliver(daemon, EMAIL1)
    [stored] = (directory / "vhosts/example.com/email1/new").iterdir()
    assert stored.is_file()


@pytest.mark.parametrize("key, value", [
    ("home", "{}/../x/%d/%n"), ("home", "{}/vhosts/%d/../%n"), ("home", "{}/vhosts/%d/%n/.."),
    ("home", "/%n" + "/x" * 600), ("path", "../Maildir"), ("path", "mail/.."), ("path", "x/../Maildir"),
])
def test_paths_that_lead_back(make_lmtpd, directory, key, value):
    code, said = make_lmtpd(maildir={key: value.format(directory)}).fails_to_start()
    assert code == 78
    assert f"maildir.{key}" in said or key in said


@pytest.mark.parametrize("path", ["a..b", "..Maildir", "..."])
def test_dots_in_a_name(lmtpd, path):
    daemon = lmtpd(maildir={"path": path})
    deliver(daemon, EMAIL1)
    assert [entry.name for entry in (daemon.vhosts / "example.com/email1").iterdir()] == [path]


# --- the mail root ----------------------------------------------------------

@pytest.mark.parametrize("is_file", [False, True])
def test_no_mail_root(make_lmtpd, directory, is_file):
    if is_file:
        (directory / "gone").write_text("")
    code, said = make_lmtpd(maildir={"home": f"{directory}/gone/%d/%n"}).fails_to_start()
    assert code == 78
    assert f"there is no directory {directory}/gone: mount it, or make it" in said


def test_no_mail_root_at_a_reload(lmtpd, directory):
    """The old configuration stays, and delivers."""
    daemon = lmtpd()
    daemon.configure(maildir={"home": f"{directory}/gone/%d/%n"})
    line = daemon.reload()
    assert line["level"] == "error"
    assert line["reason"].startswith("the old configuration stays: maildir.home: ")
    assert f"{directory}/gone" in line["reason"]
    deliver(daemon, EMAIL1)
    (directory / "gone").mkdir()
    if IS_ROOT:
        os.chown(directory / "gone", MAIL_ID, MAIL_GROUP)
    assert daemon.reload()["reason"] == "the new configuration is in force"
    deliver(daemon, EMAIL1)
    assert (directory / "gone/example.com/email1/Maildir/new").exists()


# --- the marker -------------------------------------------------------------

@pytest.mark.parametrize("where", ["", "example.com"])
def test_marker(lmtpd, where):
    """Where the disk is not mounted the mail waits, and nothing is made below its mount point."""
    daemon = lmtpd(maildir={"marker": ".mounted"})
    if where:
        (daemon.vhosts / where).mkdir()
        if IS_ROOT:
            os.chown(daemon.vhosts / where, MAIL_ID, MAIL_GROUP)
    [reply] = deliver(daemon, EMAIL1)
    assert reply.status == "451 4.2.0"
    [line] = daemon.log(event="delivery")
    assert line["reason"] == ("cannot find the marker above "
                              f"{daemon.vhosts}/example.com/email1/Maildir: No such file or directory")
    done = daemon.run("--check", EMAIL1)
    assert done.returncode == 75
    assert "cannot be written: the marker: No such file or directory" in done.stdout
    assert not list(daemon.vhosts.glob("*/*"))
    assert f"{daemon.vhosts / where / '.mounted'} is not there" in daemon.run("--check").stdout
    (daemon.vhosts / where / ".mounted").write_text("")
    assert daemon.run("--check", EMAIL1).returncode == 0
    assert f"{daemon.vhosts / where / '.mounted'}\n" in daemon.run("--check").stdout
    deliver(daemon, EMAIL1)
    assert daemon.reached() == {EMAIL1.split("@")[1] + "/email1": 1}


@pytest.mark.parametrize("marker", ["a/b", "/x", ".", "..", "x" * 256])
def test_marker_that_is_no_name(make_lmtpd, marker):
    code, said = make_lmtpd(maildir={"marker": marker}).fails_to_start()
    assert code == 78
    assert "marker" in said


# --- header -----------------------------------------------------------------

def test_header_for_one_mailbox(daemon):
    [saved] = deliver(daemon, "Alias+x@Example.com", sender="Sender@Example.NET")
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.field_names == ["Return-Path", "Delivered-To", "Received"]
    assert stored.field("Return-Path") == "<Sender@Example.NET>"
    assert stored.field("Delivered-To") == EMAIL1
    assert stored.content == message().replace(b"\r\n", b"\n")
    session_id = saved.text.split()[1]
    received = stored.field("Received")
    assert re.match(
        r"from client\.example\.net by mx\.example\.com with LMTP id " + re.escape(session_id) +
        r" \(envelope-from <Sender@Example\.NET>\) for <Alias\+x@Example\.com>; "
        r"\w{3}, {1,2}\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", received,
    ), received


def test_header_with_smtputf8(daemon, database):
    database.add_user("\u00e9@example.com")
    deliver(daemon, "\u00e9@example.com")
    stored = daemon.mailbox("example.com/\u00e9").message()
    assert " with UTF8LMTP id " in stored.field("Received")


def test_header_for_two_mailboxes(daemon):
    deliver(daemon, EMAIL1, EMAIL2)
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.field_names == ["Return-Path", "Received"]
    assert " for " not in stored.field("Received")


def test_header_of_a_bounce(daemon):
    deliver(daemon, EMAIL1, sender="")
    stored = daemon.mailbox("example.com/email1").message()
    assert stored.field("Return-Path") == "<>"
    assert "(envelope-from <>)" in stored.field("Received")


def test_each_transaction_has_its_own_id(daemon):
    with daemon.session() as session:
        ids = {session.deliver(EMAIL1)[0].text.split()[1] for _ in range(3)}
    assert len(ids) == 3


def test_message_that_was_here_before(daemon):
    """People resend mail to themselves: an earlier Delivered-To is no loop."""
    body = b"Delivered-To: email1@example.com\r\n" + message()
    assert deliver(daemon, EMAIL1, body=body)[0].code == 250
    assert daemon.mailbox("example.com/email1").message().content.startswith(b"Delivered-To: ")


# --- several mailboxes ------------------------------------------------------

def test_mailboxes_share_one_file(daemon):
    deliver(daemon, EMAIL1, EMAIL2)
    first = daemon.mailbox("example.com/email1").message().path.stat()
    second = daemon.mailbox("example.com/email2").message().path.stat()
    assert (first.st_ino, first.st_nlink) == (second.st_ino, 2)


def test_sixty_mailboxes(daemon, database):
    names = [f"member{number}" for number in range(60)]
    for name in names:
        database.add_user(f"{name}@example.com")
    replies = deliver(daemon, *[f"{name}@example.com" for name in names])
    assert [reply.status for reply in replies] == ["250 2.0.0"] * 60
    for name in names:
        daemon.mailbox(f"example.com/{name}").message()


# --- failures ---------------------------------------------------------------

def fails_alone(daemon, status):
    """Delivers to email1, which fails with the status, and to email2, which does not."""
    replies = deliver(daemon, EMAIL1, EMAIL2)
    assert [reply.status for reply in replies] == [status, "250 2.0.0"]
    assert replies[0].text.startswith(f"<{EMAIL1}> ")
    daemon.mailbox("example.com/email2").message()
    [failed] = daemon.wait_for_log(event="delivery", to=f"<{EMAIL1}>")
    code, dsn = status.split()
    assert (failed["status"], failed["code"], failed["dsn"]) == ("deferred", code, dsn)
    return failed


def test_unwritable_mailbox(daemon):
    mailbox = make_maildir(daemon, "example.com/email1")
    for folder in ("new", "tmp"):
        (mailbox.maildir / folder).chmod(0o500)
    fails_alone(daemon, "451 4.2.0")
    log = daemon.output()
    assert "Permission denied" in log and "example.com/email1" in log
    for folder in ("new", "tmp"):
        (mailbox.maildir / folder).chmod(0o700)
    assert mailbox.messages() == []


def test_home_that_cannot_be_made(daemon, database):
    home = daemon.mailbox("example.com/email1").home
    home.parent.mkdir(mode=0o700)
    if IS_ROOT:
        os.chown(home.parent, MAIL_ID, MAIL_GROUP)
    home.write_text("a file stands where the home should be")
    fails_alone(daemon, "451 4.2.0")


def test_list_with_a_broken_member(daemon, database):
    """Its other members do not get a copy at every try, and one copy in the end; who has the mailbox
    of such a member by himself gets his mail at once."""
    database.sql("INSERT INTO virtual_aliases (domain_id, source, destination) VALUES "
                 "(1, 'list@example.com', 'email1@example.com'), "
                 "(1, 'list@example.com', 'email2@example.com')")
    make_maildir(daemon, "example.com/email1")
    home = daemon.mailbox("example.com/email2").home
    home.write_text("a file stands where the home should be")
    for _ in range(3):
        assert [reply.status for reply in deliver(daemon, "list@example.com")] == ["451 4.2.0"]
    assert daemon.mailbox("example.com/email1").messages() == []
    replies = deliver(daemon, "list@example.com", EMAIL1)
    assert [reply.status for reply in replies] == ["451 4.2.0", "250 2.0.0"]
    home.unlink()
    assert [reply.status for reply in deliver(daemon, "list@example.com")] == ["250 2.0.0"]
    assert len(daemon.mailbox("example.com/email1").messages()) == 2
    assert len(daemon.mailbox("example.com/email2").messages()) == 1


@pytest.mark.parametrize("part", ["", "new"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.write_text("x")],
                         ids=["fifo", "file"])
def test_no_directory_in_its_place(daemon, part, make):
    """Nobody waits for the other end of a FIFO."""
    path = make_maildir(daemon, "example.com/email1").maildir / part
    run_checked("rm", "-rf", path)
    make(path)
    fails_alone(daemon, "451 4.2.0")
    assert not path.is_dir()


@pytest.mark.parametrize("part", ["cur", "new", "tmp"])
def test_half_a_mailbox(daemon, part):
    """As somebody's clean-up leaves it: mail comes all the same."""
    mailbox = make_maildir(daemon, "example.com/email1")
    (mailbox.maildir / part).rmdir()
    assert deliver(daemon, EMAIL1)[0].status == "250 2.0.0"
    mailbox.message()


@pytest.mark.parametrize("link", ["example.com/email1", "example.com/email1/Maildir",
                                  "example.com/email1/Maildir/new"])
def test_symlink_that_leads_out(daemon, directory, link):
    """Whoever can write a home must not make us write elsewhere."""
    outside = directory / "outside"
    for folder in ("Maildir/new", "Maildir/cur", "Maildir/tmp", "new", "cur", "tmp"):
        (outside / folder).mkdir(parents=True)
    make_maildir(daemon, "example.com/email1")
    run_checked("chmod", "-R", "a+rwX", outside)
    run_checked("rm", "-rf", daemon.vhosts / link)
    (daemon.vhosts / link).symlink_to(outside)
    fails_alone(daemon, "451 4.2.0")
    assert [path for path in outside.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("on", [{}, {"fsync_on": "directories"}, {"fsync_on": "parents"}],
                         ids=["everything", "directories", "parents"])
@pytest.mark.parametrize("number, status", [
    (errno.EIO, "451 4.2.0"), (errno.ENOSPC, "452 4.3.1"), (errno.EDQUOT, "452 4.3.1"),
])
def test_disk_that_does_not_sync(lmtpd, faults, number, status, on):
    """What could not be synced is not there, and was never promised."""
    daemon = lmtpd(environment=faults(fsync_errno=number, **on))
    assert [reply.status for reply in deliver(daemon, EMAIL1, EMAIL2)] == [status] * 2
    assert daemon.reached() == {}
    for name in ("example.com/email1", "example.com/email2"):
        assert daemon.mailbox(name).messages() == []
    assert os.strerror(number) in daemon.output()


def test_order_of_what_reaches_the_disk(lmtpd, faults, directory):
    """File, file with its names, directory, and the way to it: all are synced in this order before
    the 250."""
    trace = directory / "trace"
    daemon = lmtpd(environment=faults(trace=trace))
    deliver(daemon, EMAIL1, EMAIL2)
    done = [line.split(" ", 1) for line in trace.read_text().splitlines()]
    steps = [(what, path.removeprefix(f"{daemon.vhosts}/")) for what, path in done]
    reply = next(at for at, (what, _) in enumerate(steps) if what == "reply")

    def at(what, path):
        found = [at for at, step in enumerate(steps) if step == (what, path)]
        assert found, f"{what} {path} is missing: {steps}"
        return found

    content, names = [at for at, (what, path) in enumerate(steps)
                      if what == "sync" and (path.endswith(" (deleted)") or "/Maildir/tmp/" in path)]
    for name in ("example.com/email1", "example.com/email2"):
        new = f"{name}/Maildir/new"
        named = at("name", f"{new}/{daemon.mailbox(name).message().path.name}")[0]
        assert content < named < names < max(at("sync", new)) < reply
    made = [path for what, path in steps if what == "mkdir"]
    assert len(made) == 11, made
    for path in made:
        parent = path.rpartition("/")[0] or str(daemon.vhosts)
        assert at("mkdir", path)[0] < max(at("sync", parent)) < reply


@pytest.fixture
def small_disk(mount):
    """small_disk(path, options): a filesystem of 512 KiB there."""
    owner = f"uid={MAIL_ID},gid={MAIL_GROUP},mode=700"
    return lambda path, options: mount("none", path, f"{owner},{options}", "tmpfs")


@pytest.mark.needs_root
@pytest.mark.parametrize("options, body", [
    ("size=512k", message("x" * 70 + "\r\n") * 20000), ("size=512k,nr_inodes=6", message()),
], ids=["blocks", "inodes"])
def test_full_disk(daemon, small_disk, options, body):
    """A full disk defers, and is forgotten as soon as there is room."""
    small_disk(daemon.vhosts, options)
    fill = daemon.vhosts / "fill"
    fill.mkdir()
    for number in range(3):
        (fill / str(number)).touch()
    with daemon.session() as session:
        replies = session.deliver(EMAIL1, EMAIL2, body=body)
        assert [reply.status for reply in replies] == ["452 4.3.1"] * 2
        assert daemon.reached() == {}
        assert [path for path in daemon.vhosts.rglob("*.M*") if path.is_file()] == []
        run_checked("mount", "-o", "remount,size=64m,nr_inodes=0", daemon.vhosts)
        assert session.deliver(EMAIL1)[0].status == "250 2.0.0"
    daemon.mailbox("example.com/email1").message()


@pytest.mark.needs_root
def test_mailboxes_on_two_disks(daemon, small_disk):
    """No hard link leads across: the second disk gets a copy."""
    small_disk(daemon.vhosts / "example.com/email1", "size=512k")
    os.chown(daemon.vhosts / "example.com", MAIL_ID, MAIL_GROUP)
    replies = deliver(daemon, EMAIL1, EMAIL2)
    assert [reply.status for reply in replies] == ["250 2.0.0"] * 2
    first = daemon.mailbox("example.com/email1").message()
    second = daemon.mailbox("example.com/email2").message()
    assert first.bytes == second.bytes
    assert first.path.stat().st_dev != second.path.stat().st_dev


@pytest.mark.needs_root
@pytest.mark.parametrize("order", [(EMAIL1, EMAIL2), (EMAIL2, EMAIL1)],
                         ids=["full one first", "full one second"])
def test_one_of_two_disks_full(daemon, small_disk, order):
    """Whoever has room gets the mail, in whatever order they were named."""
    small_disk(daemon.vhosts / "example.com/email1", "size=512k")
    os.chown(daemon.vhosts / "example.com", MAIL_ID, MAIL_GROUP)
    replies = deliver(daemon, *order, body=message("x" * 70 + "\r\n") * 20000)
    assert {address: reply.status for address, reply in zip(order, replies)} == {
        EMAIL1: "452 4.3.1", EMAIL2: "250 2.0.0",
    }
    daemon.mailbox("example.com/email2").message()
    assert daemon.mailbox("example.com/email1").messages() == []


def test_log_of_a_delivery(daemon):
    body = (b"Received: from a by host.example.com (Postfix) with ESMTP id 4QF3Kz1Lx7;\r\n"
            b"\tMon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <m1@example.net>\r\n" + message())
    [saved] = deliver(daemon, "Alias@example.com", body=body)
    [line] = daemon.wait_for_log(event="delivery")
    stored = daemon.mailbox("example.com/email1").message()
    expected = {
        "qid": "4QF3Kz1Lx7", "from": "<sender@example.net>", "to": "<Alias@example.com>",
        "mailbox": f"<{EMAIL1}>", "msgid": "<m1@example.net>", "status": "saved", "code": "250",
        "dsn": "2.0.0", "size": str(len(stored.bytes)), "reason": "",
    }
    assert {key: line.get(key) for key in expected} == expected
    assert line["session"] in saved.text
    assert int(line["ms"]) >= 0


def test_log_escapes_what_strangers_wrote(daemon):
    body = b'Message-ID: <a" status=saved\x1b[2J\xff@x>\r\n' + message()
    deliver(daemon, EMAIL1, body=body, sender='"a status=x"@example.net')
    [line] = daemon.wait_for_log(event="delivery")
    assert line["status"] == "saved"
    assert "\x1b" not in daemon.output()
