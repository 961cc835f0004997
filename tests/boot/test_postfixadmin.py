"""docs/move.md, followed on the machine of a site with PostfixAdmin: what lmtpd --adopt writes, the queries of
examples/schemas as the page says, and what the report and the check want besides.

The tests build on one another, in their order.
"""

import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guide import follow, fragments
from harness.process import wait_until
from users import PASSWORD, USER, ask_dovecot, send

TREE = Path(__file__).resolve().parents[2]
TABLES = TREE / "tests/integration/harness/schemas/postfixadmin.sql"
# Hashed by BLF-CRYPT, SHA512-CRYPT and ARGON2ID; the second may have 100 KiB.
FIRST, SECOND, THIRD = USER, "email2@example.com", "email3@example.com"
WORDS = {FIRST: PASSWORD, SECOND: "secondpassword", THIRD: "thirdpassword"}
PHONE, TABLET = "of-the-phone", "of-the-tablet"
INSTALL, ADOPT = "1. Install", "2. Let it say what Postfix and Dovecot say"
LOOK, THE_MOVE, SEE = "3. Look before you leap", "4. Move", "5. See that it works"
FOLDERS = ("INBOX", "Lists", "Lists.News")


def log_in(container, user, password):
    """The code that Postfix answers a mail program with."""
    _, said = send(container, "", f"--server 127.0.0.1 --port 587 -tls --auth PLAIN --auth-user {user}"
                   f" --auth-password {password} --quit-after AUTH")
    [code] = re.findall(r"^<\S* +(235|454|535) ", said, flags=re.MULTILINE)
    return code


def settle(container, subject, to, n_lines=1):
    """Sends a message, and returns what the log says of it when it is through."""
    since = container.mark()
    container.path("/root/body").write_text(f"{'x' * 70}\n" * n_lines)
    code, said = send(container, subject, f"--server 127.0.0.1 --to {to} --body @/root/body")
    assert code == 0, said
    [queue_id] = re.findall(r"queued as (\w+)", said)

    def log():
        return container.journal("--since", since, "-g", queue_id)

    wait_until(lambda: "removed" in log(), 30, f"what becomes of {subject}")
    return log()


def ask(container, user, command, folder=""):
    return ask_dovecot(container, f"imaps://127.0.0.1/{folder}", "--request", command, user=user,
                       password=WORDS[user])


def subjects_in(container, user, folder="INBOX"):
    """The subjects of what IMAP shows there, in its order."""
    [n] = re.findall(r"MESSAGES (\d+)", ask(container, user, f"STATUS {folder} (MESSAGES)"))
    found = [ask_dovecot(container, f"imaps://127.0.0.1/{folder};MAILINDEX={i + 1};SECTION=HEADER.FIELDS%20(SUBJECT)",
                         user=user, password=WORDS[user]) for i in range(int(n))]
    return [text.strip().removeprefix("Subject: ") for text in found]


def lasting(container, user):
    """What mail programs remember the folders by."""
    return {folder: re.findall(r"UIDVALIDITY \d+", ask(container, user, f"STATUS {folder} (UIDVALIDITY)"))
            for folder in FOLDERS}


def usage(container, user):
    """In kilobytes, and of how many, as Dovecot says it."""
    found = container.run(f"doveadm -f tab quota get -u {user}")
    return re.findall(r"\tSTORAGE\t(\d+)\t(\d+|-)\t", found)[0]


@pytest.fixture(scope="module")
def before():
    """What was the case before the move."""
    return {}


def test_the_site(container, before):
    """Dovecot delivers, asks for passwords, and knows limits and folders."""
    shutil.copytree(TREE / "schema", container.path("/root/schema"))
    for script in ("classic", "postfixadmin"):
        shutil.copy(TREE / "tests/boot" / script, container.path("/root"))
    container.path("/root/tables.sql").write_text(TABLES.read_text().partition("-- ROWS")[0])
    container.run("/root/postfixadmin")
    for folder in FOLDERS[1:]:
        container.run(f"doveadm mailbox create -s -u {FIRST} {folder}")
    for subject, to in (("old", FIRST), ("old-in-a-folder", "email1+Lists@example.com"),
                        ("old-in-a-deep-one", "email1+Lists.News@example.com"),
                        ("old-for-no-folder", "email1+nothing@example.com"), ("old-of-all", "alias@example.com"),
                        ("old-elsewhere", "email1@example.org")):
        assert "status=sent" in settle(container, subject, to)
    assert subjects_in(container, FIRST) == ["old", "old-for-no-folder", "old-of-all", "old-elsewhere"]
    assert subjects_in(container, FIRST, "Lists") == ["old-in-a-folder"]
    assert subjects_in(container, FIRST, "Lists.News") == ["old-in-a-deep-one"]
    assert "status=sent" in settle(container, "large", SECOND, 1300)
    assert "status=sent" in settle(container, "the-last-one", SECOND, 160)
    assert "552 5.2.2" in settle(container, "refused-by-dovecot", SECOND)
    for user, word in [*WORDS.items(), (FIRST, PHONE)]:
        assert log_in(container, user, word) == "235"
    before |= {"lasting": lasting(container, FIRST), "usage": usage(container, SECOND)}


class Clock:
    """Notes how long each step takes."""

    def __init__(self):
        self.steps = []

    def __call__(self, name, step):
        began = time.monotonic()
        done = step()
        self.steps.append((name, time.monotonic() - began))
        return done

    def report(self):
        lines = [f"  {name}: {seconds:.1f} s" for name, seconds in self.steps]
        return "\n".join(["", "docs/move.md on a site with PostfixAdmin:", *lines,
                          f"  together: {sum(seconds for _, seconds in self.steps):.1f} s of 300"])


def add_by_hand(container, release):
    """What stands in no query: the lines that say NOT TRANSLATED of folders, and of Dovecot 2.4's grace the check."""
    with container.path("/etc/lmtpd/lmtpd.conf").open("a") as config:
        config.write('maildir {\n  detail = "existing"\n}\n')
        if release == "13":
            config.write('quota {\n  grace = "10M"\n}\n')
    drop_in = container.path("/etc/systemd/system/lmtpd.service.d/override.conf")
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nReadWritePaths=/var/vmail\n")
    container.run("systemctl daemon-reload")


def test_the_move(container, package, release, capsys):
    clock = Clock()
    shutil.copy(package, container.path("/root"))
    clock(INSTALL, lambda: follow(container, "move.md", INSTALL))
    said = clock(ADOPT, lambda: follow(container, "move.md", ADOPT))
    for words in ("set maildir.detail = existing", "`quota_bytes`", 'home = "/var/vmail/%d/%n"', 'user = "postfix"'):
        assert words in said, said
    assert "ok    password_query: (SELECT username, password, NULL AS label FROM mailbox " in container.try_run(
        "lmtpd-auth --check").stdout
    for user, word in [*WORDS.items(), (FIRST, PHONE)]:
        assert container.run(f"lmtpd-auth --verify {user} <<<{word}") == f"{user}: right\n"
    [queries] = fragments("move.md", ADOPT)
    clock("the queries of the panel", lambda: container.run(queries))
    said = clock("the check", lambda: container.try_run("lmtpd --check")).stdout
    assert "remedy: systemctl edit lmtpd: [Service] ReadWritePaths=/var/vmail" in said, said
    clock("what both say", lambda: add_by_hand(container, release))
    said = clock(LOOK, lambda: follow(container, "move.md", LOOK, typed=PASSWORD, check=False)).stdout
    for words in ("FAIL", "warn  dovecot: ", "reply    250 2.1.5"):
        assert said.count(words) == 2, said
    assert set(re.findall(r"^warn  (\S+): ", said, re.M)) == {"account", "dovecot", "hashes"}, said
    assert f"{USER}: right" in said, said
    clock(THE_MOVE, lambda: follow(container, "move.md", THE_MOVE))
    said = clock(SEE, lambda: follow(container, "move.md", SEE))
    assert "FAIL" not in said and "status=saved" in said, said
    with capsys.disabled():
        print(clock.report())
    assert container.failed_units() == []


def test_mail_and_folders(container, before):
    """Old and new, where they were; mail programs need not fetch anything again."""
    for subject, to in (("new", FIRST), ("new-in-a-folder", "email1+Lists@example.com"),
                        ("new-in-a-deep-one", "email1+Lists.News@example.com"),
                        ("new-for-no-folder", "email1+nothing@example.com"), ("new-of-all", "alias@example.com"),
                        ("new-elsewhere", "email1@example.org")):
        assert "Saved" in settle(container, subject, to)
    kinds = ("", "-for-no-folder", "-of-all", "-elsewhere")
    assert subjects_in(container, FIRST) == [
        *(f"old{kind}" for kind in kinds), "Moved", *(f"new{kind}" for kind in kinds)]
    assert subjects_in(container, FIRST, "Lists") == ["old-in-a-folder", "new-in-a-folder"]
    assert subjects_in(container, FIRST, "Lists.News") == ["old-in-a-deep-one", "new-in-a-deep-one"]
    assert subjects_in(container, THIRD) == ["old-of-all", "new-of-all"]
    assert lasting(container, FIRST) == before["lasting"]
    _, said = send(container, "to-a-stranger", "--server 127.0.0.1 --to stranger@example.com")
    assert "550 5.1.1" in said, said


def test_quota(container, before):
    """Who was full is full; what Dovecot and lmtpd count is the same."""
    assert usage(container, SECOND) == before["usage"]
    [row] = json.loads(container.run(f"lmtpd --quota --json {SECOND}"))["mailboxes"]
    assert (str(-(-row["bytes"] // 1024)), str(row["bytes_limit"] // 1024)) == before["usage"]
    assert "552 5.2.2" in settle(container, "refused-by-lmtpd", SECOND)
    assert subjects_in(container, SECOND) == ["large", "the-last-one"]
    ask(container, SECOND, "STORE 1 +FLAGS.SILENT (\\Deleted)", "INBOX")
    container.run(f"doveadm expunge -u {SECOND} mailbox INBOX deleted")
    assert "Saved" in settle(container, "with-room-again", SECOND)


def label_of(container, user, word):
    """That of the line of the log of a login that succeeds; None: the line has none."""
    since = container.mark()
    assert log_in(container, user, word) == "235"

    def find():
        return re.findall(r"event=auth .*", container.journal("--since", since, "-t", "lmtpd-auth"))

    [line] = wait_until(find, 30, f"the line of a login of {user}")
    assert f"user={user} " in line and "result=ok" in line, line
    found = re.search(r" label=(\S+)", line)
    return found and found[1]


def test_logins(container):
    """By each method, and of several devices; nobody else gets in."""
    for user, word in WORDS.items():
        assert label_of(container, user, word) is None
    hash_ = container.run(f"lmtpd-auth --hash bcrypt <<<{TABLET}").strip()
    container.run("mariadb postfix", input="INSERT INTO mailbox_app_password (username, description, password_hash)"
                  f" VALUES ('{FIRST}', 'tablet', '{hash_}');")
    assert label_of(container, FIRST, PHONE) == "phone"
    assert label_of(container, FIRST, TABLET) == "tablet"
    for user, word in ((SECOND, PHONE), (THIRD, "firstpassword"), ("nobody@example.com", PHONE)):
        assert log_in(container, user, word) == "535"


def test_argon2_at_once(container):
    """64 MiB each, under the unit's own limits. Few at once: Postfix gives up after ten seconds."""
    memory = container.run(f"mariadb postfix -N -e \"SELECT password FROM mailbox WHERE username = '{THIRD}'\"")
    assert "$m=65536," in memory, memory
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: log_in(container, THIRD, WORDS[THIRD]), range(12)))
    log = container.journal("-t", "lmtpd-auth", "-n", "30")
    assert codes == ["235"] * 12 and "level=error" not in log, log


def test_after_a_reboot(container):
    container.reboot()
    assert container.failed_units() == []
    assert "Saved" in settle(container, "after-the-reboot", FIRST)
    assert subjects_in(container, FIRST)[-1] == "after-the-reboot"
    assert label_of(container, FIRST, PHONE) == "phone"
