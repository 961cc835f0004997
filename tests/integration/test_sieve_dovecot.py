"""The same mail by lmtpd and by Dovecot's LMTP with Pigeonhole: each script leaves the same folders, flags and keywords.

The scripts are what webmails, panels and mail server images generate or ship, written anew, as far as they send nothing."""

import datetime
import os

import pytest

from harness.process import MAIL_GROUP, MAIL_ID
from harness.sieve import EMAIL1, Site, activate, deliver, mail, make_folders, shown

pytestmark = pytest.mark.needs_root

TODAY = datetime.date.today().isoformat()
FOLDERS = ("Work", "Lists", "Junk", "Big", "Private", "Tag")

# name: (script, mails, recipient)
CASES = {
    # Webmail's form of rules: CRLF, a rule that is off, nested tests, sizes, several actions.
    "rules": ("""require ["body","copy","date","fileinto","imap4flags","regex","relational","variables"];
# rule:[lists]
if anyof (header :contains "list-id" "<dev.", address :is :domain "from" "lists.example.net")
{
\tfileinto "Lists";
\tstop;
}
# rule:[off]
if false # header :contains "subject" "report"
{
\tdiscard;
}
# rule:[report]
if allof (header :matches "subject" "*report*", not header :is "x-priority" ["1","2"])
{
\taddflag "\\\\Seen";
\taddflag ["$label1", "\\\\Flagged"];
\tfileinto "Work";
}
# rule:[big]
if size :over 5K
{
\tfileinto :copy "Big";
}
# rule:[body]
if body :text :contains "secret"
{
\tfileinto "Private";
}
# rule:[regex]
if header :regex "subject" ["^\\\\[tag-([0-9]+)\\\\]", "never"]
{
\tsetflag "tag${1}";
\tkeep;
}
""".replace("\n", "\r\n"), [
        mail("hello"), mail("list", List_Id="Developers <dev.example.net>"),
        mail("domain", From="x@lists.example.net"), mail("the REPORT"),
        mail("urgent report", X_Priority="1"), mail("large", "x" * 70 + "\r\n" + "y\r\n" * 3000),
        mail("body", "This is Secret."), mail("[tag-42] x"), mail("=?utf-8?Q?report_=C3=A4?="),
    ], EMAIL1),
    # Comments with what a program remembers in them, and flags before the action.
    "remembered": ("""require ["imap4flags", "fileinto"];
# This is a script of a program - do not change it
/*
BEGIN:FILTER:9b1
BEGIN:HEADER
eyJOYW1lIjoieCIsICJFbmFibGVkIjoiMSJ9
END:HEADER
*/
if header :contains ["Subject"] "invoice"
{
    addflag "\\\\Seen";
    fileinto "Work";
    stop;
}
/* END:FILTER */
/*
BEGIN:FILTER:off
*/
/* if header :contains ["From"] "ann" { discard; } */
if allof(header :contains ["To", "Cc", "Bcc"] ["email1@"], not header :contains ["X-Spam"] ["no"])
{
    fileinto "INBOX";
    fileinto "Private";
}
""", [mail("invoice 7"), mail("other"), mail("no", X_Spam="no")], EMAIL1),
    # Several requires in a row, labels as keywords, one that no keyword can be.
    "labels": ("""### filters: begin
require "imap4flags";
require ["fileinto"];
### filters: end
### away: begin
require ["date", "relational"];
### away: end
# of the user
if header :is "subject" "mine" { keep; stop; }
### rules
# Project
if allof (address :all :contains "from" "ann@example.net", header :is "Subject" "project x") {
    addflag "$project_x";
    addflag "$a\\\\b";
    fileinto "Work";
}
if currentdate :value "ge" "date" "%s" {
    addflag "$late";
}
""" % TODAY, [mail("mine"), mail("project x"), mail("none")], EMAIL1),
    # The part behind the plus becomes a folder, its name in a form of its own.
    "subaddress": ("""require ["fileinto", "mailbox", "subaddress", "envelope", "variables"];
if envelope :detail :matches "to" "*" {
  set :lower :upperfirst "tag" "${1}";
  if mailboxexists "${tag}" {
    fileInto "${tag}";
  } else {
    fileinto :create "New.${tag}";
  }
}
""", [mail("one")], "email1+tAG@example.com"),
    "subaddress that is not there": ("""require ["fileinto", "mailbox", "subaddress", "envelope", "variables"];
if envelope :detail :matches "to" "*" {
  set :lower :upperfirst "tag" "${1}";
  fileinto :create "New.${tag}";
}
""", [mail("one")], "email1+OTHER@example.com"),
    "no subaddress": ("""require ["fileinto", "subaddress", "envelope"];
if envelope :detail :matches "to" "*" { fileinto "Work"; }
""", [mail("one")], EMAIL1),
    # Spam to its folder by its use, and its mark in the subject.
    "spam": ("""require ["fileinto", "special-use", "editheader", "variables", "imap4flags"];
if header :matches "Subject" "*" { set "subject" "${1}"; }
if header :contains "X-Spam" "yes" {
  deleteheader "Subject";
  addheader :last "Subject" "[SPAM] ${subject}";
  setflag "\\\\Seen";
  fileinto :specialuse "\\\\Junk" "Work";
}
""", [mail("cheap", X_Spam="Yes"), mail("dear", X_Spam="No")], EMAIL1),
    # By scores, and by a hop of the mail's way.
    "scores": ("""require ["variables", "index", "relational", "spamtest", "spamtestplus", "fileinto",
"comparator-i;ascii-numeric", "imap4flags", "mailbox", "regex"];
if header :index 2 :matches "Received" "from * by * for <*>; *" {
  setflag "$hop";
}
if spamtest :percent :value "gt" :comparator "i;ascii-numeric" "60" {
  setflag "\\\\Seen";
  fileinto :create "Junk";
  stop;
}
if spamtest :value "eq" :comparator "i;ascii-numeric" "1" { fileinto "Work"; }
""", [mail("9", X_Spam_Score="9.0"), mail("0", X_Spam_Score="0"), mail("none"), mail("5", X_Spam_Score="5"),
      mail("hop", Received="from a\r\n\tby b\r\n\tfor <c@d>; Thu, 1 Jan 2026 00:00:00 +0000")], EMAIL1),
    # A line that is folded is one with a blank, whatever folds it.
    "folds": ("""require ["imap4flags"];
if header :is "X" "one two" { addflag "$one"; }
if header :is "X" "one  two" { addflag "$two"; }
if header :is "X" "one \ttwo" { addflag "$tab"; }
if header :is "X" "one\t two" { addflag "$tab_before"; }
if header :contains "Subject" "one two" { addflag "$subject"; }
""", [mail("one\r\n\ttwo"), *(mail(f"{i}", X=f"one{fold}two") for i, fold in enumerate(
        ("\r\n\t", "\r\n ", "\r\n  ", "\r\n\t\t", "\r\n \t", "\r\n\t ", " \r\n\t", "\t\r\n\t")))], EMAIL1),
    "discard": ('if header :contains "subject" "no" { discard; }', [mail("no"), mail("yes")], EMAIL1),
    "folder that is not there": ('require "fileinto"; fileinto "Nowhere";', [mail("x")], EMAIL1),
    "folder that cannot be": ('require ["fileinto", "mailbox"]; fileinto :create "a..b";',
                              [mail("x")], EMAIL1),
    "the last flags count": ("""require ["fileinto", "imap4flags"];
fileinto :flags "\\\\Seen" "Work"; fileinto :flags "\\\\Flagged" "Work";
fileinto :flags "$x" "inbox";
""", [mail("x")], EMAIL1),
    "names of other languages": ("""require ["fileinto", "mailbox"];
fileinto :create "Entwürfe & Co.日本語";
""", [mail("x")], EMAIL1),
    "many keywords": ("""require ["imap4flags"];
setflag ["a1", "b2", "c3", "d4", "e5", "\\\\Answered", "\\\\Draft", "\\\\Deleted", "\\\\Recent", "\\\\Own"];
""", [mail("x")], EMAIL1),
    "run-time error": ("""require ["fileinto", "variables", "editheader"];
fileinto "Work"; set "n" "a b"; addheader "${n}" "x";
""", [mail("x")], EMAIL1),
}


# lmtpd goes on with the admin's scripts behind one that fails, on purpose.
ENDS_THE_CHAIN = {"run-time error"}


def owned(path):
    for found in [path, *path.rglob("*")]:
        os.chown(found, MAIL_ID, MAIL_GROUP)
    return path


@pytest.fixture
def both(make_lmtpd, make_sieve_dovecot, directory):
    """Scripts of the admin, and what both make of the cases."""
    scripts = directory / "admin"
    scripts.mkdir()
    (scripts / "before.sieve").write_text(
        'require ["fileinto", "copy", "imap4flags"];\n'
        'if exists "x-archive" { fileinto :copy "Lists"; }\n')
    (scripts / "after.sieve").write_text(
        'require ["fileinto"];\nif exists "x-after" { fileinto "Big"; }\n')
    own = {kind: scripts / f"{kind}.sieve" for kind in ("before", "after")}
    daemon = make_lmtpd(sieve={"enabled": True, "spamtest_header": "X-Spam-Score", "spamtest_max": "10",
                               **{kind: [str(path)] for kind, path in own.items()}})
    here = Site(daemon, make_sieve_dovecot(daemon.vhosts))
    daemon.start()
    vhosts = directory / "vhosts-of-dovecot"
    vhosts.mkdir(mode=0o700)
    there = make_sieve_dovecot(owned(vhosts), own)
    return here, there


@pytest.mark.parametrize("case", CASES)
def test_same(both, case):
    here, there = both
    script, mails, recipient = CASES[case]
    for dovecot in (here.dovecot, there):
        make_folders(dovecot, *FOLDERS)
        activate(dovecot, script)
    mails = [*mails, mail("archived", X_Archive="1")]
    if case not in ENDS_THE_CHAIN:
        mails.append(mail("after", X_After="1"))
    for text in mails:
        assert deliver(here.daemon.socket, recipient, body=text) == ["250 2.0.0"]
        assert deliver(there.socket, recipient, body=text) == ["250 2.0.0"]
    assert here.shown() == shown(there)
