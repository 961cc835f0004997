"""docs/sieve.md, followed to the letter: on a server whose users' scripts Dovecot's LMTP has run, which moves by
docs/move.md, and on a new machine.

The tests build on one another, in their order.
"""

import json
import re
import shutil
from pathlib import Path

from guide import follow, fragments, sections
from harness.process import wait_until
from users import PASSWORD, USER, let_run, settle, shown, use

TREE = Path(__file__).resolve().parents[2]
SECOND = "email2@example.com"
HOME = "/var/mail/vhosts/example.com/email1"
MOVE, SEE, NEW, SPAM = "From Pigeonhole", "See what scripts do", "On a new machine", "Spam to Junk"
OWN_WAY = "A way of its own"

# As a webmail writes them, rule by rule.
SCRIPT = """require ["body","copy","envelope","fileinto","imap4flags","mailbox","regex","subaddress","variables"];
# rule:[lists]
if header :contains "list-id" "<dev."
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
if header :matches "subject" "*report*"
{
\taddflag "\\\\Seen";
\taddflag ["$label1", "\\\\Flagged"];
\tfileinto "Work";
}
# rule:[secret]
if body :text :contains "secret"
{
\tfileinto :copy "Private";
}
# rule:[gone]
if header :is "subject" "gone"
{
\tdiscard;
}
# rule:[tag]
if header :regex "subject" "^\\\\[tag-([0-9]+)\\\\]"
{
\tsetflag "tag${1}";
\tkeep;
}
# rule:[detail]
if envelope :detail :matches "to" "*"
{
\tset :lower :upperfirst "name" "${1}";
\tfileinto :create "Tags.${name}";
}
""".replace("\n", "\r\n")

SPAM_FIELD = "--header 'X-Spam: Yes'"
# (subject, recipient, options of swaks)
MAILS = [
    ("hello", USER, ""), ("news", USER, "--header 'List-Id: Developers <dev.example.net>'"),
    ("the report", USER, ""), ("words", USER, "--body 'This is secret.'"), ("gone", USER, ""),
    ("[tag-42] x", USER, ""), ("offers", "email1+oFFERS@example.com", ""), ("cheap", USER, SPAM_FIELD),
    ("cheap report", USER, SPAM_FIELD), ("hello second", SECOND, ""), ("cheap second", SECOND, SPAM_FIELD),
]
SHOWN = {
    USER: {
        "INBOX": [["[tag-42] x", ["tag42"]], ["hello", []], ["words", []]],
        "Junk": [["cheap", []]],
        "Lists": [["news", []]],
        "Private": [["words", []]],
        "Tags.Offers": [["offers", []]],
        "Work": [["cheap report", ["$label1", "\\Flagged", "\\Seen"]],
                 ["the report", ["$label1", "\\Flagged", "\\Seen"]]],
    },
    SECOND: {"INBOX": [["hello second", []]], "Junk": [["cheap second", []]]},
}


def twice(shown):
    return {folder: sorted(rows * 2) for folder, rows in shown.items()}


def folder_of(container, subject, options="", user=USER):
    """Where that message goes."""
    settle(container, subject, user, options)
    return [folder for folder, rows in shown(container, user).items()
            if any(row[0] == subject for row in rows)]


def answers(container, *texts):
    """The second user is away with each of these words in turn, and the first one asks each time. Returns the words
    of which he is told, and leaves nothing behind."""
    for text in texts:
        script = f'require "vacation";\nvacation :days 7 :subject "Away {text}" "Away {text}.";'
        let_run(container, "away", script, SECOND)
        settle(container, "are you there", SECOND, f"--from {USER}")
    use(container, "activate", "", user=SECOND)

    def told():
        return [row[0].removeprefix("Away ") for row in shown(container)["INBOX"] if row[0].startswith("Away ")]

    wait_until(lambda: texts[-1] in told(), 60, f"the notice {texts[-1]}")
    found = told()
    container.run(f"doveadm expunge -u {USER} mailbox INBOX subject Away"
                  f" && doveadm expunge -u {SECOND} mailbox INBOX subject there")
    return found


def add(container, text):
    with open(container.path("/etc/lmtpd/lmtpd.conf"), "a") as file:
        file.write("\n" + text)


def warnings(said):
    return re.findall(r"^warn  (?:sieve|folders|script): .*$", said, flags=re.MULTILINE)


def check(container):
    return container.try_run("lmtpd --check").stdout


def test_the_page_is_used_whole():
    assert [title for title, commands in sections("sieve.md").items() if commands] == [
        NEW, MOVE, OWN_WAY, SEE, SPAM]


def test_the_site(container):
    """Dovecot's LMTP runs what users have stored by ManageSieve."""
    shutil.copytree(TREE / "schema", container.path("/root/schema"))
    for script in ("classic", "pigeonhole"):
        shutil.copy(TREE / "tests/boot" / script, container.path("/root"))
    container.run("/root/pigeonhole")
    for folder in ("Lists", "Private", "Work"):
        use(container, "create", folder)
    let_run(container, "own", SCRIPT)
    for words in MAILS:
        settle(container, *words)
    assert {user: shown(container, user) for user in SHOWN} == SHOWN
    assert answers(container, "until May") == ["until May"]
    assert "saved" not in container.journal("-t", "lmtpd")


def test_the_check_names_what_differs(container, package):
    """What was adopted is what the page shows. Without it: first that scripts do not run at all, then each thing, with
    what to write."""
    shutil.copy(package, container.path("/root"))
    follow(container, "move.md", "1. Install", "2. Let it say what Postfix and Dovecot say")
    config = container.path("/etc/lmtpd/lmtpd.conf")
    adopted = config.read_text()
    for section in re.findall(r"^\w+ {\n(?:  .*\n)+}\n", fragments("sieve.md", MOVE)[0], flags=re.MULTILINE):
        assert section in adopted, adopted
    assert "NOT TRANSLATED" not in adopted
    assert warnings(follow(container, "sieve.md", MOVE, check=False).stdout) == []
    without = re.sub(r"^(?:sieve|maildir) {\n(?:  .*\n)+}\n", "", adopted, flags=re.MULTILINE)
    config.write_text(without)
    [warning] = warnings(check(container))
    assert "Dovecot's LMTP runs the scripts of users, and lmtpd does not" in warning
    add(container, "sieve {\n  enabled = yes\n}\n")
    folders, after = warnings(check(container))
    assert 'remedy: add to maildir.auto: "Junk"' in folders
    assert 'remedy: sieve.after = {"/etc/dovecot/sieve-after"}' in after
    config.write_text(adopted)


def test_the_move(container):
    """The same mail again: each message is there twice, in the same place and with the same marks."""
    follow(container, "move.md", "3. Look before you leap", typed=PASSWORD, check=False)
    follow(container, "move.md", "4. Move")
    said = follow(container, "move.md", "5. See that it works")
    assert "FAIL" not in said and said.count("warn  ") == said.count("warn  account: ") == 1, said
    container.run(f"doveadm expunge -u {USER} mailbox INBOX subject Moved")
    container.run("apt-get remove -y dovecot-lmtpd && systemctl restart dovecot")
    for words in MAILS:
        settle(container, *words)
    assert {user: shown(container, user) for user in SHOWN} == {user: twice(SHOWN[user]) for user in SHOWN}
    log = container.journal("-t", "lmtpd")
    assert len(re.findall("event=delivery .* status=(?:saved|discarded)", log)) == len(MAILS) + 1, log
    assert "level=error" not in log and "event=script" not in log, log


def test_nobody_is_told_twice(container):
    """Who has been answered by Dovecot before the move."""
    assert answers(container, "until May", "until June") == ["until June"]


def test_what_users_change(container):
    """By ManageSieve, while lmtpd runs: it counts for the next message."""
    let_run(container, "own", 'require "fileinto"; if header :contains "subject" "report" { fileinto "Lists"; }')
    assert folder_of(container, "report 1") == ["Lists"]
    let_run(container, "other", 'require ["fileinto", "mailbox"]; fileinto :create "New.Börse";')
    assert folder_of(container, "report 2") == ["New.B&APY-rse"]
    use(container, "activate", "own")
    assert folder_of(container, "report 3") == ["Lists"]
    done = use(container, "store", "own", input="nonsense;", check=False)
    assert done.returncode != 0 and "NO" in done.stderr, done.stderr
    assert folder_of(container, "report 4") == ["Lists"]
    use(container, "activate", "")
    assert folder_of(container, "report 5") == ["INBOX"]
    assert folder_of(container, "cheap 5", SPAM_FIELD) == ["Junk"]
    assert container.try_run(f"ls {HOME}/.dovecot.sieve.log").returncode != 0


def test_more_extensions(container, release):
    """What Dovecot lets nobody require is allowed by what the check prints."""
    script = 'require ["editheader", "fileinto"];\naddheader "X-Seen" "yes";\nfileinto "Work";\n'
    done = use(container, "store", "edits", input=script, check=False)
    assert done.returncode != 0 and "editheader" in done.stderr, done.stderr
    [printed] = re.findall("who wants it, in Dovecot: (.*)", check(container))
    lines = printed.removeprefix("a line each: ").split(", ")
    assert len(lines) == (1 if release == "12" else 6)
    container.path("/etc/dovecot/conf.d/98-extensions.conf").write_text("\n".join(lines) + "\n")
    container.run("doveadm reload")
    wait_until(lambda: use(container, "store", "edits", input=script, check=False).returncode == 0, 30, "reload")
    use(container, "activate", "edits")
    assert folder_of(container, "edited") == ["Work"]
    assert "ok    sieve: what Dovecot lets users require, lmtpd knows\n" in check(container)


def test_broken_script(container):
    """The message is in INBOX, what the admin's scripts do is done, and user and admin read why."""
    use(container, "activate", "own")
    container.path(f"{HOME}/sieve/own.sieve").write_text('require "fileinto";\nfileinto "Work"\n')
    assert folder_of(container, "report 6") == ["INBOX"]
    assert folder_of(container, "cheap 6", SPAM_FIELD) == ["Junk"]
    log = container.path(f"{HOME}/.dovecot.sieve.log").read_text()
    assert log.startswith("sieve: info: started log at ") and "\nown: line 2: error: " in log, log
    [warning] = warnings(check(container))
    assert f"{USER}: does not run: ~/sieve/own.sieve: line 2: " in warning
    assert "event=script level=warning" in container.journal("-t", "lmtpd")
    let_run(container, "own", SCRIPT)
    assert folder_of(container, "the report 7") == ["Work"]
    assert warnings(check(container)) == []


def test_see_what_scripts_do(container):
    said = follow(container, "sieve.md", SEE)
    assert "scripts  ~/sieve/own.sieve, /etc/dovecot/sieve-after/spam-to-junk.sieve\n" in said, said
    assert "store     Junk, made if it is not there" in said, said


def test_unreadable_script(container):
    """The check looks as the owner of the mail."""
    container.run("chmod 600 /etc/dovecot/sieve-after/*.sieve && chown root /etc/dovecot/sieve-after/*.sieve")
    [warning] = warnings(check(container))
    assert "/etc/dovecot/sieve-after/spam-to-junk.sieve: Permission denied" in warning
    assert folder_of(container, "cheap 8", SPAM_FIELD) == ["INBOX"]
    container.run("chown vmail /etc/dovecot/sieve-after/*.sieve")
    assert warnings(check(container)) == []
    assert folder_of(container, "cheap 9", SPAM_FIELD) == ["Junk"]


def test_spam_to_junk(container):
    """The package's script runs before those of users: what they would file as a report is spam."""
    assert folder_of(container, "cheap report 10", SPAM_FIELD) == ["Work"]
    said = follow(container, "sieve.md", SPAM)
    assert warnings(said) == [] and "ok    script: 2 of the admin" in said, said
    assert folder_of(container, "cheap report 11", SPAM_FIELD) == ["Junk"]
    assert folder_of(container, "cheap report 12", "--header 'X-Spam-Flag: YES'") == ["Junk"]
    assert folder_of(container, "the report 13", "--header 'X-Spam: No'") == ["Work"]


def test_the_way_back(container):
    """Dovecot runs the scripts as they are now, and finds folders and keywords."""
    let_run(container, "own", SCRIPT.replace("report", "account"))
    container.run("apt-get install -y dovecot-lmtpd")
    follow(container, "move.md", "The way back")
    assert folder_of(container, "the account") == ["Work"]
    assert ["the account", ["$label1", "\\Flagged", "\\Seen"]] in shown(container)["Work"]
    assert folder_of(container, "cheap 14", SPAM_FIELD) == ["Junk"]
    assert answers(container, "until May", "until June", "until July") == ["until July"]
    assert container.failed_units() == []


def test_a_new_machine(make_container, package):
    container = make_container("new")
    shutil.copy(package, container.path("/root"))
    follow(container, "install.md", typed=PASSWORD)
    said = follow(container, "sieve.md", NEW, SPAM)
    assert "FAIL" not in said and warnings(said) == [], said
    let_run(container, "own", 'require ["fileinto", "mailbox"];\n'
                            'if header :contains "subject" "report" { fileinto :create "Work"; }')
    assert folder_of(container, "a report") == ["Work"]
    assert folder_of(container, "hello") == ["INBOX"]
    assert folder_of(container, "cheap", SPAM_FIELD) == ["Junk"]
    assert json.loads(use(container, "folders").stdout) == ["Junk"]
    assert container.failed_units() == []
