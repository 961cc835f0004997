"""The scripts that packages of mail servers bring along, which run before and behind those of users: spam to Junk, by
what rspamd and SpamAssassin say in the header, folders for detailed addresses, and notices of absence by the server.

The tests build on one another, in their order.
"""

import pytest

from forms import ABSENCE, NOW
from harness.process import wait_until
from sending import SENDER, TARGET, await_one, configure, connect, found, make_site, send_from, upload
from users import USER, shown, use

ALIAS = "postmaster@mail.example.com"
SPAM = "--header 'X-Spam-Flag: YES'"
FILES_REPORTS = 'require "fileinto"; if header :contains "subject" "report" { fileinto "Work"; }'

# mailcow's: what a user's own part does first, and what the server does with the rest.
MAILCOW_BEFORE = """require ["fileinto", "imap4flags", "copy"];
if address :domain :is "from" "example.com" {
  addflag "\\\\Flagged";
}
if header :contains "subject" "archived" {
  fileinto :copy "Archive";
}
"""
MAILCOW_AFTER = """require "fileinto";
require "mailbox";
require "variables";
require "subaddress";
require "envelope";
require "duplicate";
if header :contains "X-Spam-Flag" "YES" {
  fileInto "Junk";
}
if allof (
  envelope :detail :matches "to" "*",
  header :contains "X-Moo-Tag" "YES"
  ) {
  set :lower :upperfirst "tag" "${1}";
  if mailboxexists "INBOX/${tag}" {
    fileinto "INBOX/${tag}";
  } else {
    fileinto :create "INBOX/${tag}";
  }
}
if duplicate {
  discard;
  stop;
}
"""

# docker-mailserver's: three files, of which each does one thing.
DMS_SUBJECT = """require ["editheader", "variables"];
if anyof (header :contains "X-Spam-Flag" "YES", header :contains "X-Spam" "Yes") {
  if header :matches "Subject" "*" {
    deleteheader "Subject";
    addheader :last "Subject" "***SPAM*** ${1}";
  }
}
"""
DMS_SEEN = """require ["imap4flags"];
if anyof (header :contains "X-Spam-Flag" "YES", header :contains "X-Spam" "Yes") {
  setflag "\\\\Seen";
}
"""
DMS_JUNK = """require ["fileinto", "special-use"];
if anyof (header :contains "X-Spam-Flag" "YES", header :contains "X-Spam" "Yes") {
  fileinto :specialuse "\\\\Junk" "Junk";
}
"""

# Mailu's: made from what a user has set in its pages.
MAILU = "".join(f'require "{name}";\n' for name in (
    "variables", "vacation", "fileinto", "envelope", "mailbox", "imap4flags", "regex", "relational", "date",
    "comparator-i;ascii-numeric", "spamtestplus", "editheader", "index")) + """
if header :index 2 :matches "Received" "from * by * for <*>; *"
{
  deleteheader "Delivered-To";
  addheader "Delivered-To" "<${3}>";
}

if spamtest :percent :value "gt" :comparator "i;ascii-numeric" "80"
{
  setflag "\\\\seen";
  fileinto :create "Junk";
  stop;
}

if not address :localpart :contains ["From","Reply-To"] ["noreply","no-reply"]{
  vacation :days 1 :from "\\"One, Mail\\" <email1@example.com>" :subject "Not at work: Mailu" "Later.";
}
"""


@pytest.fixture(scope="module")
def site(container, package, release):
    """With detailed addresses, / between folders, and Junk that both make."""
    make_site(container, package, release)
    container.run("postconf -e 'recipient_delimiter = +' && postfix reload")
    with open(container.path("/etc/dovecot/local.conf"), "a") as file:
        file.write("namespace inbox {\n  separator = /\n  mailbox Junk {\n    auto = subscribe\n  }\n}\n")
    container.run("systemctl restart dovecot")
    with open(container.path("/etc/lmtpd/lmtpd.conf"), "a") as file:
        file.write('\nmaildir {\n  separator = "/"\n  auto = {"Junk"}\n}\n')
    wait_until(lambda: use(container, "activate", "", check=False).returncode == 0, 60, "ManageSieve")
    use(container, "create", "Archive")
    return container


def install(site, before=None, after=None, more=""):
    """Has these scripts run, name: text, and no other ones; the check has nothing to say against them."""
    lists = []
    for when, scripts in (("before", before or {}), ("after", after or {})):
        directory = site.path(f"/etc/lmtpd/{when}")
        site.run(f"rm -rf /etc/lmtpd/{when} && mkdir /etc/lmtpd/{when}")
        for name, text in scripts.items():
            (directory / f"{name}.sieve").write_text(text)
        lists.append(f'{when} = {{"/etc/lmtpd/{when}"}}')
    configure(site, "\n  ".join([*lists, more]))
    said = site.run("lmtpd --check")
    assert f"ok    script: {len(before or {}) + len(after or {})} of the admin" in said, said
    assert "warn" not in said, said


def rows(site, subject, user=USER):
    """Where messages of this subject lie: [(folder, flags)]."""
    return [(folder, row[1]) for folder, found in shown(site, user).items() for row in found if row[0] == subject]


def test_the_client(site):
    """sieve-connect says what the server has, and which one is active."""
    upload(site, FILES_REPORTS)
    upload(site, "keep;", name="other")
    said = connect(site, "--list").splitlines()
    assert [line.split() for line in said if '"' in line] == [['"other"', "ACTIVE"], ['"own"']], said
    upload(site, FILES_REPORTS)


def test_mailcow(site):
    install(site, {"prefilter": MAILCOW_BEFORE}, {"postfilter": MAILCOW_AFTER})
    for subject, to, options in (
            ("hello", USER, ""), ("a report", USER, ""), ("cheap", USER, SPAM), ("a cheap report", USER, SPAM),
            ("to be archived", USER, ""), ("archived spam", USER, SPAM),
            ("for the shop", "email1+sHOP@example.com", "--header 'X-Moo-Tag: YES'"),
            ("for the shop again", "email1+shop@example.com", "--header 'X-Moo-Tag: YES'"),
            ("for nobody", "email1+shop@example.com", "")):
        send_from(site, subject, to=to, options=options)
    flagged = ["\\Flagged"]
    assert rows(site, "hello") == rows(site, "for nobody") == [("INBOX", flagged)]
    assert rows(site, "a report") == rows(site, "a cheap report") == [("Work", flagged)]
    assert rows(site, "cheap") == [("Junk", flagged)]
    assert rows(site, "to be archived") == [("Archive", flagged), ("INBOX", flagged)]
    assert rows(site, "archived spam") == [("Archive", flagged), ("Junk", flagged)]
    assert rows(site, "for the shop") == rows(site, "for the shop again") == [("INBOX/Shop", flagged)]


def test_mailcow_and_duplicates(site):
    """The same message again is dropped, the next one is not."""
    for i in (1, 2, 2, 2, 3):
        send_from(site, f"copy {i}", options=f"--header 'Message-Id: <copy{i}@example.com>'")
    assert [rows(site, f"copy {i}") for i in (1, 2, 3)] == [[("INBOX", ["\\Flagged"])]] * 3


def test_mailcow_and_absence(site):
    """A user's notice goes its way beside what the server does with the message."""
    upload(site, ABSENCE.format(**NOW))
    send_from(site, "cheap and away", options=SPAM)
    await_one(site, SENDER, "Not at work: one")
    assert rows(site, "cheap and away") == [("Junk", ["\\Flagged"])]
    send_from(site, "away")
    send_from(site, "away", sender=TARGET)
    await_one(site, TARGET, "Not at work: one")
    assert rows(site, "away") == [("INBOX", ["\\Flagged"])] * 2
    assert len(found(site, SENDER, "Not at work: one")) == 1


def test_docker_mailserver(site):
    upload(site, FILES_REPORTS)
    install(site, {"spam_subject": DMS_SUBJECT}, {"60-spam_mark_as_read": DMS_SEEN, "70-spam_to_junk": DMS_JUNK})
    for subject, options in (("ham", ""), ("offers", SPAM), ("offers of rspamd", "--header 'X-Spam: Yes'"),
                             ("offers in a report", SPAM)):
        send_from(site, subject, options=options)
    assert rows(site, "ham") == [("INBOX", [])]
    assert rows(site, "***SPAM*** offers") == rows(site, "***SPAM*** offers of rspamd") == [("Junk", ["\\Seen"])]
    assert rows(site, "***SPAM*** offers in a report") == [("Work", [])]
    assert not any(row[0].startswith("offers") for found in shown(site).values() for row in found)


def test_mailu(site):
    """Spam by its score, and a notice also to who has written to an alias, which the message then names."""
    install(site, {"before": MAILU}, more='spamtest_header = "X-Spam-Score"\n  spamtest_max = "15"\n'
            "  vacation_check_recipient = no")
    for subject, to, options in (
            ("much", USER, "--header 'X-Spam-Score: 14.2'"), ("little", ALIAS, "--header 'X-Spam-Score: 3'"),
            ("untested", USER, ""), ("a report untested", USER, "")):
        send_from(site, subject, to=to, options=options)
    assert rows(site, "much") == [("Junk", ["\\Seen"])]
    assert rows(site, "little") == rows(site, "untested") == [("INBOX", [])]
    assert rows(site, "a report untested") == [("Work", [])]
    for subject, address in (("little", ALIAS), ("untested", USER)):
        [text] = found(site, USER, subject)
        assert text.get_all("Delivered-To") == [f"<{address}>"], text
    notice = await_one(site, SENDER, "Not at work: Mailu")
    assert notice["From"].addresses[0].display_name == "One, Mail", notice
    [answered] = found(site, USER, "little")
    assert notice["In-Reply-To"] == answered["Message-ID"], notice
    send_from(site, "do not answer", sender=TARGET, options="--header-From 'noreply <noreply@example.com>'")
    send_from(site, "answer", sender=TARGET)
    answer = await_one(site, TARGET, "Not at work: Mailu")
    [answered] = found(site, USER, "answer")
    assert answer["In-Reply-To"] == answered["Message-ID"], answer


def test_nothing_failed(site):
    log = site.journal("-t", "lmtpd")
    assert "event=script" not in log and "level=error" not in log, log
    assert site.failed_units() == []
