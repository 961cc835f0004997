"""Scripts of Sieve before any mail comes: lmtpd --sieve-check and --sieve-test, and what --check says of those that
would run."""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from harness.base import TREE
from harness.check import Report
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID

EMAIL1, EMAIL2 = "email1@example.com", "email2@example.com"
SPAM_TO_JUNK = TREE / "examples/sieve/spam-to-junk.sieve"
MESSAGE = ("Return-Path: <bounce@example.org>\nDelivered-To: email1+lists@example.com\n"
           "From: a@example.org\nTo: Somebody <other@example.com>\nSubject: news\n{}\nhello\n")


@pytest.fixture
def script(directory):
    """script(text, name): a file with it."""
    def write(text, name="test.sieve"):
        path = directory / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def daemon(make_lmtpd):
    """One that is not started."""
    return make_lmtpd()


def try_out(daemon, path, *envelope, extra="", message=None, code=0):
    """The lines that --sieve-test prints."""
    done = daemon.run("--sieve-test", path, *envelope,
                      input=MESSAGE.format(extra) if message is None else message)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.splitlines()


# --- one script -------------------------------------------------------------

@pytest.mark.quick
@pytest.mark.parametrize("text, said, code", [
    ("keep;\n", [], 0),
    ("", [], 0),
    ("keep;\nfileinto \"a\";\n", [":2:1: error: "], 65),
    ("if true {\n  nothing;\n  keep :what;\n}\n", [":2:3: error: ", ":3:8: error: "], 65),
    ("require \"vnd.dovecot.pipe\";\n", [":1:9: error: "], 65),
])
def test_check(daemon, script, text, said, code):
    path = script(text)
    done = daemon.run("--sieve-check", path)
    lines = done.stdout.splitlines()
    assert done.returncode == code, done.stdout
    assert len(lines) == len(said)
    for line, start in zip(lines, said):
        assert line.startswith(f"{path}{start}") and "; " in line


def test_check_reads_no_configuration(daemon, script):
    daemon.config_path.write_text("nonsense\n")
    assert daemon.run("--sieve-check", script("keep;\n")).returncode == 0


@pytest.mark.parametrize("n", [30, 31, 100])
def test_many_errors(daemon, script, n):
    """Nobody reads more than 30, and how many there are is not known: the compiler does not go on."""
    lines = daemon.run("--sieve-check", script("nothing;\n" * n)).stdout.splitlines()
    assert len(lines) == 30 and ("there are more errors; mend" in lines[-1]) == (n > 30)
    assert all(f":{i}:1: error: " in line for i, line in enumerate(lines, 1))


@pytest.mark.parametrize("arguments, code", [
    (["--sieve-check"], 64),
    (["--sieve-check", "a", "b"], 64),
    (["--sieve-check", "--json", "a"], 64),
    (["--sieve-test"], 64),
    (["--sieve-test", "a", "b", "c", "d"], 64),
    (["--sieve-check", "/nowhere/a.sieve"], 66),
    (["--sieve-test", "/nowhere/a.sieve"], 66),
])
def test_wrong_calls(daemon, arguments, code):
    done = daemon.run(*arguments, input="")
    assert done.returncode == code
    assert ("usage: " in done.stderr) == (code == 64)


# --- a script and a message -------------------------------------------------

@pytest.mark.quick
def test_actions(daemon, script):
    path = script('require ["fileinto", "imap4flags", "mailbox", "copy", "envelope", "subaddress"];\n'
                  'if envelope :detail "to" "lists" {\n'
                  '  fileinto :create :flags ["\\\\Seen", "$x"] "Lists";\n'
                  '  redirect :copy "friend@example.net";\n}\n')
    assert try_out(daemon, path) == [
        "envelope  from <bounce@example.org> to <email1+lists@example.com>",
        "assumed   every folder is there, and no message was seen before",
        "sent      over inet:127.0.0.1:25",
        "store     Lists, made if it is not there, marked \\Seen $x  (test: line 3)",
        "redirect  friend@example.net, sender <bounce@example.org>  (test: line 4)",
    ]
    assert try_out(daemon, path, "", "x@example.com") == [
        "envelope  from <> to <x@example.com>",
        "assumed   every folder is there, and no message was seen before",
        "keep      INBOX",
    ]


@pytest.mark.quick
def test_what_is_sent(daemon, script):
    """The envelope of each, and whole messages of those that are not the one that came."""
    daemon.configure(sieve={"submission": "inet:127.0.0.1:10026", "vacation_from": "recipient",
                            "redirect_from": "recipient"})
    path = script('require ["vacation", "enotify", "copy"];\n'
                  'vacation :days 3 :subject "Away" "Not here.";\n'
                  'notify "mailto:b@example.net,c@example.net";\n'
                  'redirect :copy "d@example.net";\n')
    found = try_out(daemon, path, "a@example.org", "other@example.com")
    assert found[2:7] == [
        "sent      over inet:127.0.0.1:10026",
        "vacation  a@example.org, sender <other@example.com>, once in 259200 seconds  (test: line 2)",
        "notify    b@example.net, c@example.net, sender <postmaster@" + found[4].rsplit("@", 1)[1],
        "redirect  d@example.net, sender <other@example.com>  (test: line 4)",
        "keep      INBOX"]
    assert found[4].endswith(">  (test: line 3)")
    answer = found.index("message of vacation:")
    told = found.index("message of notify:")
    assert 7 == answer < told
    assert {"  To: <a@example.org>", "  Subject: Away", "  Auto-Submitted: auto-replied (vacation)",
            "  Not here."} <= set(found[answer:told])
    assert "  Subject: Notification: news" in found[told:]
    done = try_out(daemon, path, "", "other@example.com")
    assert "vacation  nobody is answered: the envelope's sender is empty  (test: line 2)" in done
    assert "message of vacation:" not in done


def test_postmaster_of_the_machine(daemon, script):
    """Where no name is configured: the machine's own."""
    daemon.configure(hostname="")
    found = try_out(daemon, script('require "enotify";\nnotify "mailto:b@example.net";\n'))
    assert f"notify    b@example.net, sender <postmaster@{socket.gethostname()}>  (test: line 2)" in found


def test_reject(daemon, script):
    path = script('require "reject";\nreject text:\nNot here.\nGo \u00e4way.\n.\n;\n')
    assert try_out(daemon, path, "a@example.org", "b@example.com")[2:] == [
        "reject    550-5.7.1 <b@example.com> Not here.", "          550 5.7.1 Go ?way.  (test: line 2)"]
    assert try_out(daemon, path, "", "b@example.com")[2:] == [
        "reject    nobody can be told: INBOX keeps the message  (test: line 2)"]


def test_envelope_of_the_message(daemon, script):
    path = script("discard;\n")
    only_to = "To: A <a@example.com>, b@example.com\n\nhello\n"
    assert try_out(daemon, path, message=only_to)[0] == "envelope  from <> to <a@example.com>"
    assert try_out(daemon, path, message="")[0] == "envelope  from <> to <>"
    assert try_out(daemon, path, message="")[2] == "discard   the message is dropped  (test: line 1)"


def test_without_a_configuration(daemon, script):
    """A script is tried on any machine; but a file that was named must be there."""
    path = script("keep;\n")
    usual = subprocess.run([daemon.binary, "--help"], capture_output=True, text=True, check=True).stdout
    if os.path.exists(re.search(r"FILE is (\S+)", usual)[1]):
        pytest.skip("THIS MACHINE HAS A CONFIGURATION")
    done = subprocess.run([daemon.binary, "--sieve-test", path], input=MESSAGE, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.endswith("keep      INBOX  (test: line 1)\n")
    assert "lmtpd.conf: not there, so the defaults count" in done.stderr
    daemon.config_path.unlink()
    assert try_out(daemon, path, code=78) == []


def test_body_and_size(daemon, script):
    path = script('require ["body", "fileinto"];\n'
                  'if allof (body :contains "needle", size :over 300K) { fileinto "Big"; }\n')
    body = "x" * 70 + "\n"
    for n, end in ((1, "needle\n"), (5000, ""), (5000, "needle\n")):
        found = try_out(daemon, path, message="Subject: x\n\n" + body * n + end)
        assert found[2].split()[:2] == (["store", "Big"] if n > 1 and end else ["keep", "INBOX"])


def test_header_that_is_changed(daemon, script):
    path = script('require "editheader";\naddheader "X-Mark" "1";\ndeleteheader "Subject";\n')
    assert try_out(daemon, path, message="To: a@b\nSubject: x\n\nhello\n")[2:] == [
        "keep      INBOX, with header 1", "header 1:", "  X-Mark: 1", "  To: a@b", "  "]


def test_special_use(daemon, script):
    daemon.configure(maildir={"special_use": ["\\Junk=Spam"]})
    path = script('require ["special-use", "fileinto"];\nfileinto :specialuse "\\\\Junk" "Junk";\n')
    assert try_out(daemon, path)[2].startswith("store     Spam, by its use \\Junk")


def test_includes(daemon, script, directory):
    (directory / "global").mkdir()
    daemon.configure(sieve={"global": str(directory / "global")})
    path = script('require "include";\ninclude "a";\ninclude :global "b";\n')
    assert "line 2" in try_out(daemon, path, code=65)[0]
    script('require "fileinto"; fileinto "A";\n', "a.sieve")
    script('require "fileinto"; fileinto "B";\n', "global/b.sieve")
    assert [line.split()[1] for line in try_out(daemon, path)[2:]] == ["A", "B"]


def test_failed_run(daemon, script):
    path = script('require ["variables", "fileinto"];\nset "a" "..";\nredirect "${a}";\n')
    found = try_out(daemon, path, code=65)
    assert found[2].startswith("error     test: line 3: ")
    assert found[3] == "keep      INBOX  (since the script failed)"


@pytest.mark.parametrize("extra, folder", [
    ("", None), ("X-Spam: Yes\n", "Junk"), ("X-Spam-Flag: YES\n", "Junk"), ("X-Spam-Flag: NO\n", None),
])
def test_spam_to_junk(daemon, extra, folder):
    done = daemon.run("--sieve-check", SPAM_TO_JUNK)
    assert (done.returncode, done.stdout) == (0, "")
    found = try_out(daemon, SPAM_TO_JUNK, extra=extra)
    assert found[2].split(",")[0].split() == (["store", folder] if folder else ["keep", "INBOX"])


# --- those of mailboxes -----------------------------------------------------

class Homes:
    """An lmtpd that runs scripts, and homes with some."""

    def __init__(self, daemon, directory):
        self.daemon = daemon
        self.admin = directory / "admin"
        self.admin.mkdir()
        self.admin.chmod(0o755)
        directory.chmod(0o755)
        daemon.configure(sieve={"enabled": True})

    def own(self, path):
        if IS_ROOT:
            os.chown(path, MAIL_ID, MAIL_GROUP, follow_symlinks=False)

    def write(self, user, text, name="roundcube", active=True):
        home = self.daemon.vhosts / "example.com" / user
        storage = home / "sieve"
        storage.mkdir(parents=True, exist_ok=True)
        (storage / f"{name}.sieve").write_text(text)
        for path in (home.parent, home, storage, storage / f"{name}.sieve"):
            self.own(path)
        if active:
            link = home / ".dovecot.sieve"
            link.unlink(missing_ok=True)
            link.symlink_to(f"sieve/{name}.sieve")
            self.own(link)
        return home


@pytest.fixture
def homes(daemon, directory):
    return Homes(daemon, directory)


@pytest.mark.quick
def test_address(homes):
    homes.write("email1", "keep;\n")
    before = homes.admin / "before"
    before.mkdir()
    (before / "b.sieve").write_text("keep;\n")
    (before / "a.sieve").write_text("keep;\n")
    homes.daemon.configure(sieve={"enabled": True, "before": [str(before)]})
    done = homes.daemon.run("--check", EMAIL1)
    assert f"  scripts  {before}/a.sieve, {before}/b.sieve, ~/sieve/roundcube.sieve\n" in done.stdout
    homes.write("email1", "no;\n")
    found = json.loads(homes.daemon.run("--check", "--json", EMAIL1).stdout)["addresses"][0]["mailboxes"][0]
    assert found["scripts"] == f"{before}/a.sieve, {before}/b.sieve"
    assert "~/sieve/roundcube.sieve: line 1: " in found["scripts_trouble"]
    assert done.returncode == 0


@pytest.mark.quick
def test_address_that_sends(homes):
    """What scripts may send, to whom and over what; the same once, and what is included as well."""
    homes.write("email1", 'require "reject"; reject "no";\n', name="last", active=False)
    homes.write("email1", 'require "include"; include "last";\n', name="included", active=False)
    homes.write("email1", 'require ["copy", "vacation", "variables", "include"];\n'
                          'if true {\n  redirect :copy "friend@example.net";\n}\n'
                          'redirect :copy "friend@example.net";\nredirect "${1}@example.net";\n'
                          'vacation "away";\ninclude "included";\n')
    homes.daemon.configure(sieve={"enabled": True, "submission": "inet:127.0.0.1:10026"})
    lines = homes.daemon.run("--check", EMAIL1).stdout.splitlines()
    assert [line for line in lines if line.startswith("  may")] == [
        "  may      redirect to friend@example.net, over inet:127.0.0.1:10026  (~/sieve/roundcube.sieve: line 3)",
        "  may      redirect to ${1}@example.net, over inet:127.0.0.1:10026  (~/sieve/roundcube.sieve: line 6)",
        "  may      vacation, over inet:127.0.0.1:10026  (~/sieve/roundcube.sieve: line 7)",
        "  may      reject  (~/sieve/last.sieve: line 1)"]
    homes.write("email1", 'require "enotify"; notify "mailto:a@example.net";\n' +
                          "".join(f'redirect "u{i}@example.net";\n' for i in range(40)))
    found = json.loads(homes.daemon.run("--check", "--json", EMAIL1).stdout)["addresses"][0]["mailboxes"][0]
    assert found["scripts_may"][0] == {"command": "notify", "to": "mailto:a@example.net", "line": 1,
                                       "server": "inet:127.0.0.1:10026", "script": "~/sieve/roundcube.sieve"}
    assert (len(found["scripts_may"]), found["scripts_may_more"]) == (32, 9)
    homes.write("email1", "keep;\n")
    assert "  may" not in homes.daemon.run("--check", EMAIL1).stdout
    # It does not run, and so neither does what it includes.
    homes.write("email1", 'require "include"; include "included"; include "gone";\n')
    assert "  may" not in homes.daemon.run("--check", EMAIL1).stdout


def test_address_without_scripts(homes):
    assert "  scripts  none\n" in homes.daemon.run("--check", EMAIL1).stdout
    homes.daemon.configure(sieve={"enabled": False})
    assert "  scripts" not in homes.daemon.run("--check", EMAIL1).stdout


@pytest.mark.quick
def test_users(homes):
    homes.write("email1", "keep;\n")
    homes.write("email2", "keep;\n")
    assert [row for row in Report(homes.daemon).rows if row["what"] == "script"] == []
    homes.write("email1", 'require "vnd.dovecot.pipe";\npipe "x";\n')
    homes.write("email2", 'require "vacation";\nvacation "away";\n')
    [found] = Report(homes.daemon).find("warn", "script")
    assert found["detail"].startswith(f"{EMAIL1}: ") and "vnd.dovecot.pipe" in found["detail"]
    assert not list((homes.daemon.vhosts).glob("**/*.log"))


def test_link_that_leads_elsewhere(homes, directory):
    home = homes.write("email1", "keep;\n")
    (home / ".dovecot.sieve").unlink()
    (home / ".dovecot.sieve").symlink_to("/etc/passwd")
    row = Report(homes.daemon).only("warn", "script")
    assert "~/.dovecot.sieve: a link that does not lead to a script in ~/sieve" in row["detail"]
    (home / ".dovecot.sieve").unlink()
    (home / ".dovecot.sieve").symlink_to("sieve/gone.sieve")
    assert "gone" in Report(homes.daemon).only("warn", "script")["detail"]
    (home / ".dovecot.sieve").unlink()
    assert Report(homes.daemon).find("warn", "script") == []


@pytest.mark.needs_root
def test_script_that_may_not_be_read(homes):
    home = homes.write("email1", "keep;\n")
    (home / "sieve/roundcube.sieve").chmod(0)
    row = Report(homes.daemon).only("warn", "script")
    assert row["detail"].endswith("~/sieve/roundcube.sieve: Permission denied")
    assert homes.daemon.run("--check", EMAIL1).returncode == 0


def test_scripts_of_the_admin(homes):
    (homes.admin / "good.sieve").write_text("keep;\n")
    (homes.admin / "bad.sieve").write_text("no;\n")
    good, bad, gone = (str(homes.admin / f"{name}.sieve") for name in ("good", "bad", "gone"))
    homes.daemon.configure(sieve={"enabled": True, "before": [good], "after": [good]})
    assert Report(homes.daemon).only("ok", "script")["detail"] == "2 of the admin"
    homes.daemon.configure(sieve={"enabled": True, "before": [bad], "after": [gone]})
    found = Report(homes.daemon).find("warn", "script")
    assert [row["detail"] for row in found if gone in row["detail"]] == [
        f"sieve.after: {gone}: No such file or directory"]
    assert any(f"{bad}: line 1: " in row["detail"] for row in found)


# As doveconf -N of each version prints it.
DOVECOT = {
    "2.3": ("protocols = imap sieve\nprotocol lmtp {\n  mail_plugins = \" sieve\"\n}\nplugin {\n"
            "  sieve = file:~/sieve;active=~/.dovecot.sieve\n  sieve_before = /etc/spam\n"
            "  sieve_extensions = +vnd.dovecot.pipe\n}\n",
            "plugin/sieve_extensions = -vnd.dovecot.pipe",
            "plugin/sieve_extensions = +vacation-seconds +editheader +special-use +spamtest +spamtestplus +virustest"),
    "2.4": ("dovecot_config_version = 2.4.0\nprotocols = imap sieve\nsieve_extensions {\n  fileinto = yes\n"
            "  vacation-seconds = yes\n  editheader = yes\n  body = no\n  vnd.dovecot.pipe = yes\n}\n"
            "protocol lmtp {\n  mail_plugins {\n    sieve = yes\n  }\n}\nsieve_script personal {\n"
            "  active_path = ~/.dovecot.sieve\n  path = ~/sieve\n  type = personal\n}\n"
            "sieve_script spam {\n  path = /etc/spam\n  type = before\n}\n",
            "sieve_extensions/vnd.dovecot.pipe = no",
            "a line each: sieve_extensions/special-use = yes, sieve_extensions/spamtest = yes, "
            "sieve_extensions/spamtestplus = yes, sieve_extensions/virustest = yes"),
}


@pytest.mark.needs_root
@pytest.mark.parametrize("version", DOVECOT)
def test_dovecot(make_lmtpd, directory, lay_over, version):
    said, remedy, more = DOVECOT[version]
    doveconf = directory / "doveconf"
    settings = directory / "dovecot.conf"
    doveconf.write_text(f"#!/bin/sh\n[ \"$1\" = -N ] && exec cat {settings}\necho 'protocols = imap'\n")
    doveconf.chmod(0o755)
    lay_over(doveconf, Path(shutil.which("doveconf")).resolve())
    settings.write_text(said)
    daemon = make_lmtpd(starts_as_root=True)
    assert "lmtpd does not" in Report(daemon).only("warn", "sieve")["detail"]
    daemon.configure(sieve={"enabled": True})
    report = Report(daemon)
    extensions, before = report.find("warn", "sieve")
    assert "vnd.dovecot.pipe" in extensions["detail"]
    assert extensions["remedy"] == f"in Dovecot: {remedy}"
    assert report.only("ok", "sieve")["detail"].endswith(f"in Dovecot: {more}")
    assert before["detail"] == "Dovecot has /etc/spam as before, and lmtpd has none"


@pytest.mark.parametrize("key, value, said", [
    ("storage", "/var/sieve", "below the home"),
    ("storage", "~/../x", "below the home"),
    ("active", "~/", "below the home"),
    ("before", ["relative"], "absolute path"),
    ("global", "/x/../y", "absolute path"),
    ("spamtest_max", "many", "needs a number"),
    ("spamtest_max", "0.0", "needs a number above 0"),
    ("spamtest_header", "X-Score", "spamtest_max"),
    ("spamtest_header", "X Score", "the name of a header field"),
    ("spamtest_header", ": (.*)", "the name of a header field"),
    ("spamtest_header", "X-Score: (.*", "no regular expression"),
    ("spamtest_header", "X-Score:", "no regular expression"),
])
def test_keys_that_are_wrong(daemon, key, value, said):
    daemon.configure(sieve={key: value})
    done = subprocess.run(daemon.command("--check"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    assert f"{key}" in done.stdout and said in done.stdout
