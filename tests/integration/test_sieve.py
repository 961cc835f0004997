"""Scripts that users store by ManageSieve: run by lmtpd, and shown by Dovecot."""

import json
import os

import pytest

from harness.process import MAIL_GROUP, MAIL_ID
from harness.sieve import EMAIL1, EMAIL2, Site, imap, mail, names

pytestmark = pytest.mark.needs_root

FILE = 'require ["fileinto", "imap4flags", "mailbox", "copy"];\n'


def own(path):
    os.chown(path, MAIL_ID, MAIL_GROUP)
    return path


def write_script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return own(path)


@pytest.mark.quick
def test_whole_way(site):
    """A script that a client has stored and activated files mail, with flags and keywords."""
    here = site()
    here.folders("Work", "Lists")
    here.activate(FILE + """
if header :contains "subject" "report" {
    addflag ["\\\\Seen", "$todo"];
    fileinto "Work";
} elsif exists "list-id" {
    fileinto :copy :flags "\\\\Flagged" "Lists";
}
""")
    assert here.deliver(body=mail("report 1")) == ["250 2.0.0"]
    assert here.deliver(body=mail("news", List_Id="<l.example.net>")) == ["250 2.0.0"]
    assert here.deliver(body=mail("other")) == ["250 2.0.0"]
    assert here.shown() == {
        "INBOX": [("news", []), ("other", [])],
        "Lists": [("news", [r"\Flagged"])],
        "Work": [("report 1", ["$todo", r"\Seen"])],
    }
    one, two, three = here.log(event="delivery")
    assert (one["folder"], one["script"], one["status"]) == ("Work", "own", "saved")
    assert set(two["folder"].split(",")) == {"INBOX", "Lists"}
    assert "folder" not in three and three["script"] == "own"


def test_switched_off(make_lmtpd, make_sieve_dovecot):
    """By default no script runs, and there is no thread for any; a reload begins and ends it."""
    daemon = make_lmtpd()
    here = Site(daemon.start(), make_sieve_dovecot(daemon.vhosts))
    here.activate("discard;")
    assert here.deliver(body=mail("one")) == ["250 2.0.0"]
    assert "scripts" not in threads(daemon)
    with daemon.session() as session:
        daemon.configure(sieve={"enabled": True})
        daemon.reload()
        assert "scripts" in threads(daemon)
        assert session.deliver(EMAIL1, body=mail("two"))[0].status == "250 2.0.0"
        daemon.configure(sieve={"enabled": False})
        daemon.reload()
        assert session.deliver(EMAIL1, body=mail("three"))[0].status == "250 2.0.0"
    assert [subject for subject, _ in here.shown()["INBOX"]] == ["one", "three"]


def threads(daemon):
    """Their names."""
    return {task["Name"] for task in daemon.tasks()}


def test_discard(site):
    here = site()
    here.activate("discard;")
    assert here.deliver() == ["250 2.0.0"]
    assert here.shown() == {}
    [line] = here.log(event="delivery")
    assert (line["status"], line["code"], line["script"]) == ("discarded", "250", "own")
    told = here.daemon.told()["scripts"]
    assert told["runs"] == 1 and told["failed"] == told["exhausted"] == 0
    assert told["discarded"] == 1 and told["fuel"] > 100


@pytest.mark.quick
def test_folders_that_are_made(site):
    """By the script or by the configuration, and subscribed to where that is wanted."""
    here = site(sieve={"autosubscribe": True}, maildir={"auto": ["Archive"]})
    here.activate(FILE + """
if header :is "subject" "new" { fileinto :create "Work.Straße"; }
elsif header :is "subject" "auto" { fileinto "Archive"; }
else { fileinto "None"; }
""")
    for subject in ("new", "auto", "none"):
        assert here.deliver(body=mail(subject)) == ["250 2.0.0"]
    assert here.shown() == {"Work.Stra&AN8-e": [("new", [])], "Archive": [("auto", [])],
                            "INBOX": [("none", [])]}
    with imap(here.dovecot) as client:
        assert names(client, "lsub") == ["Archive", "Work.Stra&AN8-e"]
    [line] = here.log(event="folder")
    assert "there is no .None, INBOX is used" in line["reason"]


def test_autocreate(site):
    here = site(sieve={"autocreate": True})
    here.activate(FILE + 'fileinto "New";')
    assert here.deliver() == ["250 2.0.0"]
    assert here.shown() == {"New": [("test", [])]}
    with imap(here.dovecot) as client:
        assert names(client, "lsub") == []


def test_at_most_so_many_folders(site):
    """A sender chooses the names here."""
    here = site(maildir={"folders_max": 3})
    here.activate('require ["fileinto", "mailbox", "variables"];\n'
                  'if header :matches "subject" "*" { fileinto :create "${1}"; }')
    for subject in "abcde":
        assert here.deliver(body=mail(subject)) == ["250 2.0.0"]
    assert {folder: len(rows) for folder, rows in here.shown().items()} == {
        "a": 1, "b": 1, "c": 1, "INBOX": 2}


def test_special_use(site):
    here = site(maildir={"special_use": ["\\Junk=Spam", "\\Trash=Trash"]})
    here.folders("Spam", "Other")
    here.activate("""require ["fileinto", "special-use"];
if header :is "subject" "spam" { fileinto :specialuse "\\\\Junk" "Other"; }
else { fileinto :specialuse "\\\\Trash" "Other"; }
""")
    assert here.deliver(body=mail("spam")) == here.deliver(body=mail("old")) == ["250 2.0.0"]
    assert here.shown() == {"Spam": [("spam", [])], "Other": [("old", [])]}


@pytest.mark.quick
def test_versions_of_the_header(site):
    """What is filed before an edit is as it came; all copies have the same body and are whole."""
    here = site()
    here.folders("Before", "After", "Again")
    here.activate(FILE + """require "editheader";
fileinto "Before";
deleteheader "X-Old";
addheader :last "X-New" "1";
fileinto "After";
fileinto "Again";
""")
    body = "A line of the body.\r\n" * 20000
    assert here.deliver(body=mail("edited", body, X_Old="1")) == ["250 2.0.0"]
    shown = here.shown(headers=True)
    assert set(shown) == {"Before", "After", "Again"}
    for folder, [(header, _)] in shown.items():
        assert ("X-Old: 1" in header) is (folder == "Before")
        assert header.endswith("X-New: 1") is (folder != "Before")
        assert header.startswith("Return-Path: <sender@example.net>")
    box = here.daemon.vhosts / "example.com/email1/Maildir"
    files = {folder: next((box / f".{folder}/new").iterdir()) for folder in shown}
    ends = {path.read_bytes().split(b"\n\n", 1)[1] for path in files.values()}
    assert ends == {(body + "\r\n").replace("\r\n", "\n").encode()}
    for path in files.values():
        assert f",S={path.stat().st_size}," in path.name
    assert files["After"].stat().st_ino == files["Again"].stat().st_ino
    assert files["After"].stat().st_ino != files["Before"].stat().st_ino


@pytest.mark.quick
def test_recipients(site):
    """One message for two users, for two addresses of one, and for an alias; each script sees its own."""
    here = site()
    here.folders("A", "B")
    here.folders("Own", user=EMAIL2)
    here.activate("""require ["fileinto", "envelope", "subaddress", "imap4flags"];
if envelope :detail "to" "a" { fileinto :flags "\\\\Seen" "A"; }
elsif envelope :detail "to" "b" { fileinto "B"; fileinto :flags "$b" "A"; }
else { keep; }
""")
    here.activate('require "fileinto"; fileinto "Own";', EMAIL2)
    addresses = ["email1+a@example.com", EMAIL2, "email1+b@example.com", "alias@example.com"]
    assert here.deliver(*addresses) == ["250 2.0.0"] * 4
    assert here.shown() == {"A": [("test", ["$b", r"\Seen"])], "B": [("test", [])],
                            "INBOX": [("test", [])]}
    assert here.shown(EMAIL2) == {"Own": [("test", [])]}
    assert [line.get("folder") for line in here.log(event="delivery")] == ["A", "Own", "B,A", None]
    box = here.daemon.vhosts / "example.com/email1/Maildir"
    [path] = (box / ".B/new").iterdir()
    assert path.stat().st_nlink == 4


def test_one_of_two_has_a_script(site):
    here = site()
    here.activate("discard;", EMAIL2)
    assert here.deliver(EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    assert here.shown() == {"INBOX": [("test", [])]} and here.shown(EMAIL2) == {}
    saved, discarded = here.log(event="delivery")
    assert (saved["status"], discarded["status"]) == ("saved", "discarded")
    assert "script" not in saved


def test_detail_chooses_the_folder_of_keep(site):
    here = site(maildir={"detail": "create"})
    here.folders("Work")
    here.activate(FILE + """
if header :is "subject" "keep" { setflag "\\\\Seen"; }
elsif header :is "subject" "both" { fileinto :copy "Work"; }
else { fileinto "INBOX"; }
""")
    for subject in ("keep", "both", "inbox"):
        assert here.deliver("email1+Lists@example.com", body=mail(subject)) == ["250 2.0.0"]
    assert here.shown() == {"Lists": [("both", []), ("keep", [r"\Seen"])],
                            "Work": [("both", [])], "INBOX": [("inbox", [])]}


def test_before_and_after(site, directory):
    """The order; an own script that is broken keeps none of the others from running."""
    before = write_script(directory / "scripts/before.sieve",
                          FILE + 'if exists "x-all" { fileinto :copy "All"; }')
    after = directory / "scripts/after"
    write_script(after / "10-spam.sieve",
                 FILE + 'if exists "x-spam" { fileinto "Spam"; stop; }')
    write_script(after / "20-broken.sieve", "no script at all")
    here = site(sieve={"before": [str(before)], "after": [str(after)]})
    here.folders("All", "Spam", "Own")
    assert here.deliver(body=mail("spam 1", X_Spam="1", X_All="1")) == ["250 2.0.0"]
    here.activate(FILE + 'if exists "x-own" { fileinto "Own"; }')
    assert here.deliver(body=mail("own", X_Spam="1", X_Own="1")) == ["250 2.0.0"]
    assert here.deliver(body=mail("spam 2", X_Spam="1")) == ["250 2.0.0"]
    script = here.daemon.vhosts / "example.com/email1/sieve/own.sieve"
    script.write_text("fileinto without what it requires")
    assert here.deliver(body=mail("spam 3", X_Spam="1")) == ["250 2.0.0"]
    assert here.deliver(body=mail("ham")) == ["250 2.0.0"]
    assert here.shown() == {
        "All": [("spam 1", [])], "Own": [("own", [])], "INBOX": [("ham", [])],
        "Spam": [("spam 1", []), ("spam 2", []), ("spam 3", [])],
    }
    reasons = [line["reason"] for line in here.log(event="script")]
    assert len(reasons) == 5 and all("20-broken.sieve" in reason for reason in reasons)
    assert "own.sieve" in reasons[3] and "own.sieve" not in reasons[2]
    assert [line["script"] for line in here.log(event="delivery")] == [
        "before,10-spam", "before,own", "before,own,10-spam", "before,10-spam", "before,10-spam"]


def test_script_that_fails(site):
    """What it had done before is taken back; the user finds why in his log."""
    here = site()
    here.folders("Work")
    here.activate("""require ["fileinto", "variables", "editheader"];
fileinto "Work";
set "name" "no name";
addheader "${name}" "x";
""")
    assert here.deliver() == ["250 2.0.0"]
    assert here.shown() == {"INBOX": [("test", [])]}
    told = here.daemon.told()["scripts"]
    assert told["failed"] == 1
    [line] = here.log(event="script")
    assert "own line 4" in line["reason"]
    assert "line 4" in (here.daemon.vhosts / "example.com/email1/.dovecot.sieve.log").read_text()


def test_broken_script_alone(site):
    """No script is left to run: the user is told all the same, and it is counted."""
    here = site()
    here.activate("keep;")
    script = here.daemon.vhosts / "example.com/email1/sieve/own.sieve"
    script.write_text("keep;\nfileinto without what it requires")
    assert here.deliver() == ["250 2.0.0"]
    assert here.shown() == {"INBOX": [("test", [])]}
    told = here.daemon.told()["scripts"]
    assert (told["runs"], told["failed"], told["exhausted"]) == (1, 1, 0)
    first, *rest = users_log(here.daemon)
    assert first.startswith("sieve: info: started log at ")
    assert rest and all(line.startswith("own: line 2: error: ") for line in rest)


def users_log(daemon):
    return (daemon.vhosts / "example.com/email1/.dovecot.sieve.log").read_text().splitlines()


def test_names_that_cannot_be(site):
    """INBOX has the message, and the user finds why in his log."""
    here = site()
    here.activate("""require ["fileinto", "variables"];
if header :matches "subject" "*" { fileinto "Lists.${1}"; }
""")
    assert here.deliver(body=mail("a..b")) == ["250 2.0.0"]
    assert here.shown() == {"INBOX": [("a..b", [])]}
    why = ('the folder "Lists.a..b" cannot be: a separator has no name on one of its sides, '
           "INBOX is used")
    assert users_log(here.daemon)[1:] == [f"own: line 2: error: msgid=<a..b@example.net>: {why}"]
    [line] = here.log(event="script")
    assert line["reason"].replace('\\"', '"') == f"{EMAIL1}: own line 2: {why}"


@pytest.mark.parametrize("kibibytes", [1, 40, 300, 3000])
def test_large_messages(site, kibibytes):
    """They are read again, whichever part of them a script looks at."""
    here = site()
    here.folders("End")
    here.activate("""require ["fileinto", "body"];
if allof(body :raw :contains "the very end", header :is "x-last" "yes",
         size :over %u) { fileinto "End"; }
""" % (kibibytes * 1024))
    text = ("x" * 70 + "\r\n") * (kibibytes * 1024 // 72) + "the very end"
    padding = {f"X_{n}": "y" * 900 for n in range(min(kibibytes // 2, 900))}
    assert here.deliver(body=mail("large", text, **padding, X_Last="yes")) == ["250 2.0.0"]
    assert here.shown() == {"End": [("large", [])]}


def test_quota_counts_every_copy(site, directory):
    """A folder's copy takes room like any other, as Dovecot counts it."""
    here = site(mysql={"user_query": "SELECT email, 1048576 AS quota_bytes FROM virtual_users "
                                     "WHERE email = '%u'"})
    here.folders("A", "B")
    here.activate(FILE + 'fileinto "A"; fileinto "B"; keep;')
    body = mail("big", ("x" * 70 + "\r\n") * 1000)
    assert here.deliver(body=body) == ["250 2.0.0"]
    sizes = [path.stat().st_size for path in here.daemon.vhosts.rglob("*,S=*")]
    assert len(sizes) == 3
    rows = json.loads(here.daemon.run("--quota", "--json", EMAIL1).stdout)
    percents = here.log(event="delivery")[-1]["quota"]
    assert percents == "20%", (percents, rows)
    for _ in range(3):
        assert here.deliver(body=body) == ["250 2.0.0"]
    assert [line["quota"] for line in here.log(event="delivery")] == ["20%", "41%", "62%", "82%"]


def test_quota_leaves_copies_out(site):
    """Those for which there is room are there, and the log names no others."""
    here = site(mysql={"user_query": "SELECT email, 1048576 AS quota_bytes FROM virtual_users "
                                     "WHERE email = '%u'"}, quota={"grace": "0"})
    here.folders("A", "B")
    here.activate(FILE + 'fileinto "A"; fileinto "B"; keep;')
    body = mail("big", ("x" * 70 + "\r\n") * 1000)
    for _ in range(5):
        assert here.deliver(body=body) == ["250 2.0.0"]
    assert here.deliver(body=body) == ["552 5.2.2"]
    assert {folder: len(rows) for folder, rows in here.shown().items()} == {
        "A": 5, "B": 5, "INBOX": 4}
    lines = here.log(event="delivery")
    assert [line.get("folder") for line in lines] == ["A,B,INBOX"] * 4 + ["A,B", None]
    assert lines[4]["quota"] == "96%"
    assert [line["reason"] for line in here.log(event="quota")][-1] == "a message has no room in it"


def test_with_postfix(postfix, make_lmtpd, make_sieve_dovecot):
    daemon = make_lmtpd(
        starts_as_root=True, sieve={"enabled": True},
        lmtp={"listen": [f"unix:{postfix.lmtp_socket}"], "socket_user": "postfix",
              "socket_group": "postfix", "socket_mode": 0o600})
    daemon.socket = postfix.lmtp_socket
    here = Site(daemon.start(), make_sieve_dovecot(daemon.vhosts))
    here.folders("Tagged")
    here.activate("""require ["fileinto", "envelope", "subaddress"];
if envelope :matches :detail "to" "t*" { fileinto "Tagged"; }
""")
    qid = postfix.send(["email1+tag@example.com", EMAIL2], mail("walk"))
    postfix.wait_until_sent(qid, 2)
    assert here.shown() == {"Tagged": [("walk", [])]}
    assert here.shown(EMAIL2) == {"INBOX": [("walk", [])]}


def test_stdio_and_the_end(site):
    """A script that runs when the daemon is told to end runs to its end."""
    here = site()
    here.folders("Work")
    here.activate(FILE + 'fileinto "Work";')
    with here.daemon.session() as session:
        session.mail()
        session.rcpt(EMAIL1)
        session.command("DATA")
        session.send(mail("last") + b".\r\n")
        session.wait_until_read()
        here.daemon.signal(15)
        assert session.reply().status == "250 2.0.0"
    assert here.shown() == {"Work": [("last", [])]}
