"""lmtpd --quota, and what --check says of limits: tables, grants and queries are those of
docs/administer.md, word for word."""

import contextlib
import imaplib
import json
import os
import re
import subprocess

import pytest

from harness.base import TREE
from harness.check import Report
from harness.dovecot import Dovecot, header, is_2_4
from harness.lmtp import message
from harness.mail import wire_size
from harness.manual import Manual
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID

PAGE = Manual("administer.md", "Quota")
SHOWN = Manual("administer.md", "Dovecot shows it")
EMAIL1, EMAIL2 = "email1@example.com", "email2@example.com"
ALIAS = "alias@example.com"
ACCOUNTS = "'mailuser'@'localhost', 'mailuser'@'127.0.0.1', 'mailauth'@'localhost', 'mailauth'@'127.0.0.1'"
BODY = message("x" * 900 + "\r\n")


@pytest.fixture
def limited(database):
    """The table with the columns of the page, and those granted."""
    alter, grant = PAGE.block("ALTER TABLE").split(";\n", 1)
    database.sql(alter)
    try:
        database.sql(grant)
        yield database
    finally:
        with contextlib.suppress(AssertionError):
            database.sql("REVOKE SELECT (quota_bytes, quota_messages) ON mailserver.virtual_users "
                         f"FROM {ACCOUNTS}")
        database.sql("ALTER TABLE virtual_users DROP COLUMN quota_bytes, DROP COLUMN quota_messages")


@pytest.fixture
def make(make_lmtpd, limited):
    """make(...): an lmtpd with the query of the page that is not started."""
    def configured(**overrides):
        daemon = make_lmtpd(mysql={"user_query": PAGE.value("user_query")})
        daemon.configure(**overrides)
        return daemon

    return configured


def limit(database, address, size="NULL", messages="NULL"):
    database.sql(f"UPDATE virtual_users SET quota_bytes = {size}, quota_messages = {messages} "
                 f"WHERE email = '{address}'")


def deliver(daemon, *addresses, body=BODY):
    with daemon.session() as session:
        return [reply.status for reply in session.deliver(*addresses, body=body)]


class Listed:
    """What one run of --quota says, in both forms, which must agree."""

    def __init__(self, daemon, *addresses, code=0):
        text = daemon.run("--quota", *addresses)
        done = daemon.run("--quota", "--json", *addresses)
        self.error = text.stderr
        assert (text.returncode, done.returncode) == (code, code), text.stdout + text.stderr
        self.parsed = json.loads(done.stdout)
        assert self.parsed["exit"] == code
        self.rows = {row["mailbox"]: row for row in self.parsed["mailboxes"]}
        self.order = [row["mailbox"] for row in self.parsed["mailboxes"]]
        lines = text.stdout.splitlines()
        self.summary = lines.pop() if not addresses and lines else None
        self.lines = {line.split()[0]: line for line in lines[1:]}
        assert list(self.lines) == self.order
        for name, row in self.rows.items():
            said = self.lines[name].split()[1:6]
            assert said == ["-" if value is None else f"{value}{sign}" for value, sign in (
                (row["bytes"], ""), (row["bytes_limit"], ""), (row["messages"], ""),
                (row["messages_limit"], ""), (row["percent"], "%"))]


def stored(daemon, user="email1"):
    """(virtual bytes, bytes on disk, messages) of what lies there."""
    files = [path for part in ("new", "cur") for path in
             (daemon.vhosts / "example.com" / user / "Maildir").glob(f"**/{part}/*")]
    contents = [path.read_bytes() for path in files]
    return sum(map(wire_size, contents)), sum(map(len, contents)), len(files)


def own(path):
    if IS_ROOT:
        os.chown(path, MAIL_ID, MAIL_GROUP)


# --- all mailboxes ----------------------------------------------------------

@pytest.mark.quick
def test_all(make, limited):
    daemon = make().start()
    limit(limited, EMAIL1, 100000, 50)
    deliver(daemon, EMAIL1)
    deliver(daemon, EMAIL1)
    deliver(daemon, EMAIL2)
    found = Listed(daemon)
    size, _, n = stored(daemon)
    assert found.order == [EMAIL1, EMAIL2]
    assert found.rows[EMAIL1] == {
        "mailbox": EMAIL1, "bytes": size, "messages": 2, "bytes_limit": 100000,
        "messages_limit": 50, "percent": 4, "count": "virtual", "unsized": 0, "maildirsize": None,
        "note": None, "why": None}
    assert n == 2 and found.rows[EMAIL2]["percent"] is None
    assert found.lines[EMAIL1].endswith("  virtual")
    assert found.summary == "2 mailboxes, 1 without a limit"
    assert (found.parsed["rows"], found.parsed["bad_rows"]) == (2, 0)


def test_nothing_is_written(make, limited):
    daemon = make()
    limit(limited, EMAIL1, 1000)
    assert Listed(daemon).rows[EMAIL1]["bytes"] == 0
    assert list(daemon.vhosts.iterdir()) == []


def test_sizes_on_disk_and_ignored_folders(make, limited):
    daemon = make(quota={"count": "disk", "ignore": ["Trash"]}).start()
    deliver(daemon, EMAIL1)
    _, size, _ = stored(daemon)
    trash = daemon.vhosts / "example.com/email1/Maildir/.Trash/cur"
    trash.mkdir(parents=True)
    (trash / "1.M0.host,S=500,W=510:2,S").write_text("x")
    own(trash.parent)
    own(trash)
    row = Listed(daemon).rows[EMAIL1]
    assert (row["bytes"], row["messages"], row["count"]) == (size, 1, "disk")


def test_names_without_sizes(make, limited):
    daemon = make().start()
    deliver(daemon, EMAIL1)
    size, _, _ = stored(daemon)
    (daemon.vhosts / "example.com/email1/Maildir/cur/1.M0.host:2,").write_text("a\nb\n")
    found = Listed(daemon)
    assert found.rows[EMAIL1]["unsized"] == 1 and found.rows[EMAIL1]["messages"] == 2
    assert found.rows[EMAIL1]["bytes"] == size + 4
    assert found.lines[EMAIL1].endswith("virtual, 1 message without a size in the name")


def test_maildirsize(make, limited):
    daemon = make().start()
    deliver(daemon, EMAIL1)
    deliver(daemon, EMAIL1)
    _, size, _ = stored(daemon)
    path = daemon.vhosts / "example.com/email1/Maildir/maildirsize"
    path.write_text(f"100S\n{size - 10} 1\n10 1\n")
    found = Listed(daemon)
    assert found.rows[EMAIL1]["maildirsize"] == {"bytes": size, "messages": 2, "differs": 0}
    assert found.lines[EMAIL1].endswith(f"maildirsize says {size} bytes, 2 messages (right)")
    path.write_text("100S\n123456 7\n")
    found = Listed(daemon)
    assert found.rows[EMAIL1]["maildirsize"] == {"bytes": 123456, "messages": 7, "differs": 1}
    assert found.lines[EMAIL1].endswith("maildirsize says 123456 bytes, 7 messages (differs)")
    path.write_text("100S\nnothing\n")
    found = Listed(daemon)
    assert found.rows[EMAIL1]["maildirsize"] is None
    assert found.lines[EMAIL1].endswith("maildirsize says nothing")


@contextlib.contextmanager
def unreadable(daemon):
    """A folder of the first mailbox that its owner may not look into."""
    folder = daemon.vhosts / "example.com/email1/Maildir/.Bad/cur"
    folder.mkdir(parents=True)
    own(folder.parent)
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(0o700)


def test_what_cannot_be_counted(make, limited):
    daemon = make().start()
    limit(limited, EMAIL1, 10000)
    deliver(daemon, EMAIL1, EMAIL2)
    with unreadable(daemon):
        found = Listed(daemon, code=75)
        why = found.rows[EMAIL1]["why"]
        assert found.rows[EMAIL1]["bytes"] is None and ".Bad/cur" in why
        assert found.lines[EMAIL1].endswith(f"not counted: {why}")
        assert found.rows[EMAIL2]["messages"] == 1
        assert found.summary == "2 mailboxes, 1 without a limit, 1 not counted"
        assert Listed(daemon, EMAIL2).order == [EMAIL2]
        text, address = checked(daemon, EMAIL1)
        assert f"  quota    not counted: {why}" in text
        assert address["reply"].startswith("250 ") and "is not counted" in address["note"]
        assert rcpt(daemon, EMAIL1) == address["reply"]


def test_rows(make, limited):
    """Those that are no mailbox, that are disabled, and that another node has."""
    limited.add_user("no-address")
    limited.add_user("other@example.com")
    limited.add_user("Mixed@example.com")
    daemon = make(mysql={"user_query": PAGE.value("user_query").replace(
        " FROM", f", email <> '{EMAIL2}' AS enabled, "
        "IF(email = 'other@example.com', 'b', NULL) AS state FROM")})
    found = Listed(daemon)
    assert found.order == [EMAIL1, EMAIL2, "Mixed@example.com", "other@example.com"]
    assert found.rows[EMAIL2]["messages"] == 0 and found.parsed["bad_rows"] == 1
    assert found.rows["other@example.com"]["why"] == "is served by node b"
    assert found.summary == (
        "4 mailboxes, 4 without a limit, 1 not counted; 1 row can be no mailbox")


def test_row_that_user_query_does_not_find(make, limited):
    daemon = make(mysql={"user_query": PAGE.value("user_query") + f" AND email <> '{EMAIL2}'"})
    found = Listed(daemon)
    assert found.order == [EMAIL1] and found.parsed["bad_rows"] == 1


def test_bad_limits(make, limited):
    """It is no limit, and both commands say so."""
    daemon = make(mysql={"user_query": "SELECT email, quota_bytes / 3 AS quota_bytes "
                                       "FROM virtual_users WHERE email = '%u'"})
    limit(limited, EMAIL1, 1000)
    found = Listed(daemon)
    assert found.rows[EMAIL1]["bytes_limit"] is None
    assert 'its column quota_bytes is "333.3333"' in found.rows[EMAIL1]["note"]
    assert found.rows[EMAIL1]["note"] in found.lines[EMAIL1] and found.rows[EMAIL2]["note"] is None
    report = Report(daemon)
    assert report.code == 78
    row = report.only("FAIL", "user")
    assert EMAIL1 in row["detail"] and '"333.3333"' in row["detail"]
    assert "CAST(" in row["remedy"] and "UNSIGNED" in row["remedy"]
    daemon.configure(mysql={"user_query": daemon.config["mysql"]["user_query"].replace(
        "quota_bytes / 3", "CAST(quota_bytes / 3 AS UNSIGNED)")})
    assert Report(daemon).code == 0
    assert Listed(daemon).rows[EMAIL1]["bytes_limit"] == 333


def test_grant_that_is_missing(make, limited):
    limited.sql("REVOKE SELECT (quota_messages) ON mailserver.virtual_users "
                "FROM 'mailuser'@'localhost'")
    try:
        row = Report(make()).only("FAIL", "user_query")
        assert "GRANT SELECT (quota_messages) ON mailserver.virtual_users" in row["remedy"]
    finally:
        limited.sql("GRANT SELECT (quota_messages) ON mailserver.virtual_users "
                    "TO 'mailuser'@'localhost'")


def test_many(make, limited):
    n = 3000
    daemon = make()
    limited.sql("INSERT INTO virtual_users (domain_id, password, email, quota_bytes) "
                "SELECT 1, '*', CONCAT('u', seq, '@example.com'), seq "
                f"FROM seq_1_to_{n}")
    found = Listed(daemon)
    assert found.parsed["rows"] == n + 2 and len(found.rows) == n + 2
    assert found.rows[f"u{n}@example.com"]["bytes_limit"] == n


# --- addresses --------------------------------------------------------------

@pytest.mark.quick
def test_addresses(make, limited):
    limited.add_alias("team@example.com", f"{EMAIL1}, {EMAIL2}, alias+x@example.com")
    daemon = make().start()
    limit(limited, EMAIL1, 5000)
    deliver(daemon, EMAIL1)
    assert Listed(daemon, EMAIL2).order == [EMAIL2]
    assert Listed(daemon, ALIAS).order == [EMAIL1]
    assert Listed(daemon, f"<{ALIAS.upper()}>").order == [EMAIL1]
    assert Listed(daemon, "email1+x@example.com").rows[EMAIL1]["bytes_limit"] == 5000
    found = Listed(daemon, "team@example.com")
    assert found.order == [EMAIL1, EMAIL2] and "rows" not in found.parsed


def test_one_mailbox_by_several_folders(make, limited):
    limited.add_alias("team@example.com", f"{EMAIL1}, email1+x@example.com")
    assert Listed(make(maildir={"detail": "create"}), "team@example.com").order == [EMAIL1]


@pytest.mark.parametrize("address, code, why", [
    ("nobody@example.com", 67, "User doesn't exist"),
    ("x@elsewhere.example", 67, "Domain not served here"),
    ("loop@example.com", 75, "loop"),
])
def test_addresses_that_lead_nowhere(make, limited, address, code, why):
    limited.add_alias("loop@example.com", "loop2@example.com")
    limited.add_alias("loop2@example.com", "loop@example.com")
    found = Listed(make(), address, EMAIL1, code=code)
    assert found.order == [address, EMAIL1] and why in found.rows[address]["why"]


def test_no_address(make, limited):
    found = Listed(make(), "nonsense", code=67)
    assert found.order == ["nonsense"]


def test_database_away(make, limited):
    daemon = make()
    limited.stop()
    try:
        for addresses in ([], [EMAIL1, EMAIL2]):
            found = Listed(daemon, *addresses, code=69)
            assert "connect" in found.error and found.order == []
    finally:
        limited.start()


@pytest.mark.parametrize("overrides, why", [
    ({"mysql": {"users_query": ""}}, "users_query"),
    ({"mysql": {"users_query": "SELECT nothing FROM virtual_users"}}, "nothing"),
    ({"quota": {"grace": "much"}}, "grace"),
])
def test_configuration(make, limited, overrides, why):
    done = make(**overrides).run("--quota")
    assert done.returncode == 78 and why in done.stderr


# --- --check ADDRESS --------------------------------------------------------

def checked(daemon, address, code=0):
    """(text, the address' object)"""
    text = daemon.run("--check", address)
    done = daemon.run("--check", "--json", address)
    assert (text.returncode, done.returncode) == (code, code), text.stdout + text.stderr
    [found] = json.loads(done.stdout)["addresses"]
    for reply in (found["reply"], found["reply_to_1_mb"]):
        assert reply is None or reply in text.stdout
    return text.stdout, found


def rcpt(daemon, address):
    with daemon.session() as session:
        session.mail()
        return str(session.rcpt(address))


@pytest.mark.quick
@pytest.mark.parametrize("full, reply", [("refuse", "552 5.2.2"), ("defer", "452 4.2.2")])
def test_check_of_what_is_full(make, limited, full, reply):
    daemon = make(quota={"full": full}).start()
    deliver(daemon, EMAIL1)
    size, _, _ = stored(daemon)
    limit(limited, EMAIL1, size)
    text, found = checked(daemon, ALIAS, code=75)
    assert found["reply"] == rcpt(daemon, ALIAS) == f"{reply} <{ALIAS}> Mailbox is full"
    assert found["reply_to_1_mb"] == found["reply"]
    assert found["note"].startswith(f"{EMAIL1} is full: {size} of {size} bytes")
    [mailbox] = found["mailboxes"]
    assert mailbox["quota"]["bytes"] == size and mailbox["quota"]["percent"] == 100
    assert f"  quota    {size} of {size} bytes, 1 messages, 100%; virtual\n" in text


def test_check_of_what_has_room(make, limited):
    """The megabyte goes over by more than the grace, or does not."""
    daemon = make()
    for size, reply in ((953250, "552 5.2.2"), (953251, "250 2.0.0"), (2000000, "250 2.0.0")):
        limit(limited, EMAIL1, size, 10)
        text, found = checked(daemon, EMAIL1)
        assert found["reply"] == f"250 2.1.5 <{EMAIL1}> OK"
        assert found["reply_to_1_mb"].startswith(f"{reply} <{EMAIL1}> ")
        assert f"  quota    0 of {size} bytes, 0 of 10 messages, 0%; virtual\n" in text
        assert f"  a message of 1 MB: {reply}" in text
    daemon.configure(lmtp={"message_size_limit": 1000000})
    assert checked(daemon, EMAIL1)[1]["reply_to_1_mb"].startswith("552 5.3.4 ")


def test_check_of_a_list(make, limited):
    """One with room is enough."""
    limited.add_alias("team@example.com", f"{EMAIL1}, {EMAIL2}")
    daemon = make().start()
    deliver(daemon, EMAIL1)
    limit(limited, EMAIL1, 1)
    _, found = checked(daemon, "team@example.com")
    assert found["reply"].startswith("250 ") and found["reply_to_1_mb"].startswith("250 ")
    assert [box["quota"] and box["quota"]["percent"] for box in found["mailboxes"]] == [999, None]
    limit(limited, EMAIL2, 10)
    _, found = checked(daemon, "team@example.com")
    assert found["reply"].startswith("250 ") and found["reply_to_1_mb"].startswith("552 ")


def test_check_without_limits(make, limited):
    text, found = checked(make(), EMAIL1)
    assert found["reply_to_1_mb"] is None and found["mailboxes"][0]["quota"] is None
    assert "quota" not in text and "1 MB" not in text


# --- Dovecot ----------------------------------------------------------------

EXAMPLES = TREE / "examples/dovecot"
USER_QUERY = re.compile(r"^#(user_query = .*\n)", re.MULTILINE)


def example():
    return (EXAMPLES / ("2.4" if is_2_4() else "2.3") / "99-quota.conf").read_text()


def configure_quota(dovecot, vhosts):
    """As the page says, with the example; and the places of the tests."""
    base = dovecot.config_path.parent
    texts = {"99-quota.conf": example().replace(
        "/etc/dovecot/dovecot-sql.conf.ext", str(base / "dovecot-sql.conf.ext"))}
    if not is_2_4():
        query = USER_QUERY.search((EXAMPLES / "2.3/dovecot-sql.conf.ext").read_text())[1]
        assert query.strip() == SHOWN.block("user_query").strip()
        texts["dovecot-sql.conf.ext"] = (base / "dovecot-sql.conf.ext").read_text() + query
    for name, text in texts.items():
        for was, now in (("/var/mail/vhosts", vhosts), ("'vmail' AS uid", f"{MAIL_ID} AS uid"),
                         ("'vmail' AS gid", f"{MAIL_GROUP} AS gid")):
            text = text.replace(was, str(now))
        (base / name).write_text(text)
    text = re.sub(r"userdb .*?\n\}\n", "", dovecot.config_path.read_text(), flags=re.DOTALL)
    dovecot.config_path.write_text(f"{text}!include {base}/99-quota.conf\n")


@pytest.fixture
def dovecot(directory, limited):
    """dovecot(daemon): one that runs as the example says."""
    started = []

    def start(daemon):
        made = Dovecot(directory / "dovecot", limited, daemon.vhosts)
        configure_quota(made, daemon.vhosts)
        made.start()
        started.append(made)
        return made

    yield start
    for made in started:
        made.stop()


def ask_quota(dovecot):
    """{"STORAGE": (kilobytes, limit), "MESSAGE": (n, limit)}, as a client sees it."""
    with imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=60) as client:
        client.login(EMAIL1, "firstpassword")
        _, [_, [answer]] = client.getquotaroot("INBOX")
    return {name: (int(used), int(most)) for name, used, most in
            re.findall(r"(STORAGE|MESSAGE) (\d+) (\d+)", answer.decode())}


@pytest.mark.mariadb("Dovecot is not installed beside it")
@pytest.mark.needs_root
def test_dovecot_shows_the_same(make, limited, dovecot):
    """And again when a client has moved and removed mail, and more has come."""
    daemon = make().start()
    limit(limited, EMAIL1, 1024000, 40)
    server = dovecot(daemon)
    for _ in range(10):
        deliver(daemon, EMAIL1, body=message("line\r\n" * 3000))

    def compare():
        row = Listed(daemon, EMAIL1).rows[EMAIL1]
        assert ask_quota(server) == {"STORAGE": (-(-row["bytes"] // 1024), 1000),
                                     "MESSAGE": (row["messages"], 40)}
        return row

    assert compare()["messages"] == 10
    with imaplib.IMAP4("127.0.0.1", server.imap_port, timeout=60) as client:
        client.login(EMAIL1, "firstpassword")
        client.create("Kept")
        client.select("INBOX")
        client.copy("1:4", "Kept")
        client.store("1:2", "+FLAGS", r"(\Deleted)")
        client.expunge()
    assert compare()["messages"] == 12
    deliver(daemon, EMAIL1)
    assert compare()["messages"] == 13
    assert "Error" not in server.output(), server.output()


@pytest.fixture
def doveconf(directory, lay_over):
    """doveconf(text): what the doveconf of this machine is to read."""
    etc = directory / "dovecot"
    etc.mkdir()
    lay_over(etc, "/etc/dovecot")
    return lambda text: (etc / "dovecot.conf").write_text(header() + text)


@pytest.mark.mariadb("Dovecot is not installed beside it")
@pytest.mark.needs_root
def test_check_of_the_example(make, limited, doveconf):
    """As it is installed, and read by the real doveconf."""
    doveconf("protocols = imap\n" + example())
    grace = "10M" if is_2_4() else "10%"
    daemon = make(quota={"grace": grace})
    assert Report(daemon).only("ok", "quota")["detail"] == f"that of Dovecot: count; grace {grace}"
    daemon.configure(quota={"count": "disk", "grace": grace})
    found = Report(daemon)
    assert found.code == 0
    assert found.only("warn", "quota")["remedy"] == 'quota.count = "virtual"'
    doveconf("protocols = imap\n")
    version = "2.4" if is_2_4() else "2.3"
    assert f"{version}/99-quota.conf" in Report(daemon).only("warn", "quota")["remedy"]


OTHER_DRIVER_2_3 = """protocols = imap
mail_plugins = $mail_plugins quota
protocol imap {
  mail_plugins = $mail_plugins imap_quota
}
plugin {
  quota = "dict:User quota::proxy::quota"
  quota_rule = *:storage=1G
  quota_rule2 = "Sent Mail:ignore"
  quota_grace = 0%%
}
"""
OTHER_DRIVER_2_4 = """protocols = imap
mail_plugins {
  quota = yes
  imap_quota = yes
}
quota "User quota" {
  driver = maildir
  storage_size = 1G
}
quota_storage_grace = 0
namespace inbox {
  inbox = yes
  mailbox "Sent Mail" {
    quota_ignore = yes
  }
}
"""


@pytest.mark.mariadb("Dovecot is not installed beside it")
@pytest.mark.needs_root
def test_check_of_other_drivers(make, limited, doveconf):
    """The real doveconf, and what it makes of quotes and variables."""
    doveconf(OTHER_DRIVER_2_4 if is_2_4() else OTHER_DRIVER_2_3)
    said = [row["remedy"] for row in Report(make()).find("warn", "quota")]
    assert 'add to quota.ignore: "Sent Mail"' in said
    if is_2_4():
        assert 'quota.grace = "0"' in said and 'quota.count = "disk"' in said
    else:
        assert len(said) == 3 and 'quota.grace = "0%"' in said


def test_no_quota_is_said_without_any(make_lmtpd, database):
    report = Report(make_lmtpd())
    assert [row for row in report.rows if row["what"] == "quota"] == []


def test_the_program_says_what_it_can(make, limited):
    done = subprocess.run([make().binary, "--help"], capture_output=True, text=True, check=True)
    assert "--quota [--json] [ADDRESS...]" in done.stdout
