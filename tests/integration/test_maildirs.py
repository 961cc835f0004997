"""lmtpd --maildirs: whose Maildir is nobody's, and who has none."""

import json
import os
import shutil

import pytest

from harness.process import IS_ROOT

EMAIL1, EMAIL2 = "email1@example.com", "email2@example.com"


class Found:
    """What one run says, in both forms, which must agree."""

    def __init__(self, daemon, code=0):
        text = daemon.run("--maildirs")
        done = daemon.run("--maildirs", "--json")
        assert (text.returncode, done.returncode) == (code, code), text.stdout + text.stderr
        parsed = json.loads(done.stdout)
        assert parsed["exit"] == code
        self.absent = {row["mailbox"]: row["path"] for row in parsed["rows_without_maildir"]}
        self.strays = {row["path"]: row for row in parsed["maildirs_without_row"]}
        self.unread = {row["path"]: row["why"] for row in parsed["unread"]}
        self.rows, self.bad = parsed["rows"], parsed["bad_rows"]
        *lines, self.summary = text.stdout.splitlines()
        said = [f"no Maildir  {mailbox}: {path} (made at the first delivery)"
                for mailbox, path in self.absent.items()]
        said += [f"no row      {path} ({n} message{'s' if n != 1 else ''}, "
                 f"last change {row['changed']})"
                 for path, row in self.strays.items() for n in [row["messages"]]]
        said += [f"unread      {path}: {why}" for path, why in self.unread.items()]
        assert lines == said


@pytest.fixture
def configured(make_lmtpd):
    return make_lmtpd()


def give(daemon, top):
    """All below it to the mail's owner."""
    if IS_ROOT:
        for directory, names, files in os.walk(top):
            for name in [".", *names, *files]:
                os.chown(os.path.join(directory, name), daemon.user, daemon.group,
                         follow_symlinks=False)


def make_maildir(daemon, path, messages=0):
    """As the mail's owner has it."""
    for part in ("cur", "new", "tmp"):
        (daemon.vhosts / path / part).mkdir(parents=True)
    for n in range(messages):
        (daemon.vhosts / path / "new" / f"{n}.M0.host").write_text("x")
    give(daemon, daemon.vhosts)
    return str(daemon.vhosts / path)


def snapshot(directory):
    return sorted((path, sorted(names), sorted(files), os.stat(path).st_mtime_ns)
                  for path, names, files in os.walk(directory))


@pytest.mark.quick
def test_a_user_comes_and_goes(lmtpd, database):
    daemon = lmtpd()
    place = daemon.vhosts / "example.com/email1/Maildir"
    found = Found(daemon)
    assert found.absent == {EMAIL1: str(place),
                            EMAIL2: str(daemon.vhosts / "example.com/email2/Maildir")}
    assert not found.strays and list(daemon.vhosts.iterdir()) == []
    with daemon.session() as session:
        session.deliver(EMAIL1)
        session.deliver(EMAIL1)
        session.deliver(EMAIL2)
    before = snapshot(daemon.vhosts)
    found = Found(daemon)
    assert (found.absent, found.strays, found.unread) == ({}, {}, {})
    assert found.summary == "2 mailboxes, 0 without a Maildir; 0 Maildirs without a row"
    database.sql(f"DELETE FROM virtual_users WHERE email = '{EMAIL1}'")
    found = Found(daemon)
    assert list(found.strays) == [str(place)] and found.strays[str(place)]["messages"] == 2
    assert found.summary == "1 mailbox, 0 without a Maildir; 1 Maildir without a row"
    assert snapshot(daemon.vhosts) == before


def test_all_roots(configured, directory):
    """Each is walked through once, also one in another; a row's home is found in any of them."""
    daemon = configured
    more, inner = directory / "more", daemon.vhosts / "disk"
    more.mkdir()
    stray = make_maildir(daemon, "disk/x/Maildir", 1)
    daemon.configure(maildir={"roots": [str(inner), str(more)]}, mysql={"users_query":
        f"SELECT email, CONCAT('{more}/', email) AS home FROM virtual_users"})
    make_maildir(daemon, more / EMAIL1 / "Maildir")
    elsewhere = make_maildir(daemon, more / "a/y/Maildir", 2)
    give(daemon, more)
    found = Found(daemon)
    assert sorted(found.strays) == sorted([stray, elsewhere])
    assert found.absent == {EMAIL2: f"{more}/{EMAIL2}/Maildir"} and not found.unread


def test_what_a_stray_holds(configured):
    """Messages of its folders count, and what is no directory of a user's mail does not."""
    place = make_maildir(configured, "example.org/x/Maildir", 3)
    make_maildir(configured, "example.org/x/Maildir/.Sent.Items", 2)
    make_maildir(configured, "example.org/x/Maildir/tmp/y/Maildir", 1)
    for part in ("cur", "new"):
        for folder in (place, f"{place}/.Sent.Items"):
            os.utime(f"{folder}/{part}", (0, 1000000000))
    os.utime(f"{place}/.Sent.Items/cur", (0, 1795371803))
    (configured.vhosts / "example.org/y/other").mkdir(parents=True)
    (configured.vhosts / "a file").touch()
    found = Found(configured)
    assert found.strays == {place: {"path": place, "messages": 5,
                                    "changed": "2026-11-22T18:23:23Z"}}


@pytest.mark.parametrize("home, path, place", [
    ("%d/%n", "", "example.com/{}"),
    ("%u", "Maildir/.INBOX", "{}@example.com/Maildir/.INBOX"),
    ("a/%d/b/%n/c", "mail", "a/example.com/b/{}/c/mail"),
])
def test_other_places(configured, home, path, place):
    configured.configure(maildir={"home": f"{configured.vhosts}/{home}", "path": path})
    make_maildir(configured, place.format("email1"))
    stray = make_maildir(configured, place.format("cur"))
    for user in ("new", "tmp"):
        make_maildir(configured, place.format(user))
    found = Found(configured)
    assert found.absent == {EMAIL2: str(configured.vhosts / place.format("email2"))}
    assert len(found.strays) == 3 and stray in found.strays


def test_case_and_rows_that_can_be_no_mailbox(configured, database):
    """A path is that of the row in its own case."""
    database.add_user("Mixed.Case@example.com")
    database.add_user("../up@example.com")
    database.add_user("no-address")
    make_maildir(configured, "example.com/Mixed.Case/Maildir")
    stray = make_maildir(configured, "example.com/mixed.case/Maildir")
    found = Found(configured)
    assert list(found.strays) == [stray] and set(found.absent) == {EMAIL1, EMAIL2}
    assert (found.rows, found.bad) == (3, 2)
    assert found.summary.endswith("; 2 rows can be no mailbox")


def test_symbolic_links(configured, database):
    """They are not followed; but what a row leads to through one is not nobody's."""
    (configured.vhosts / "example.com").symlink_to("example.net")
    make_maildir(configured, "example.net/email1/Maildir")
    stray = make_maildir(configured, "example.net/x/Maildir")
    (configured.vhosts / "loop").symlink_to(".")
    outside = make_maildir(configured, "../outside/x/Maildir")
    (configured.vhosts / "out").symlink_to(os.path.dirname(os.path.dirname(outside)))
    database.add_domain("out")
    database.add_user("x@out")
    found = Found(configured, code=75)
    assert list(found.strays) == [stray]
    assert list(found.absent) == [EMAIL2]
    assert found.unread == {
        f"{configured.vhosts}/out/x/Maildir":
        "/new: a symbolic link leads out of the mail root"}
    shutil.rmtree(configured.directory / "outside")


def test_what_cannot_be_read(configured):
    """It is named; the rest is told all the same."""
    stray = make_maildir(configured, "example.org/x/Maildir")
    make_maildir(configured, "example.com/email1/Maildir")
    closed = configured.vhosts / "example.com"
    closed.chmod(0)
    found = Found(configured, code=75)
    assert list(found.strays) == [stray] and not found.absent
    assert found.unread == {
        str(closed): "Permission denied",
        f"{closed}/email1/Maildir": "/new: Permission denied",
        f"{closed}/email2/Maildir": "/new: Permission denied"}
    assert found.summary.endswith("; 3 paths could not be looked at")
    closed.chmod(0o700)
    (configured.vhosts / "lost+found").mkdir(0)
    assert Found(configured).unread == {}


def test_a_disk_that_is_not_mounted(configured):
    configured.configure(maildir={"marker": ".mounted"})
    found = Found(configured, code=75)
    assert not found.absent
    assert set(found.unread.values()) == {"the marker: No such file or directory"}


@pytest.mark.mariadb("it has no sequences")
def test_a_row_that_is_made_meanwhile(configured, database):
    """People delete by this list, so the rows are asked again before a Maildir is called nobody's."""
    database.sql("CREATE SEQUENCE times; GRANT SELECT, INSERT ON times TO 'mailuser'@'localhost'")
    try:
        configured.configure(mysql={"users_query": (
            "SELECT email FROM virtual_users UNION ALL "
            "SELECT 'late@example.com' FROM DUAL WHERE NEXTVAL(times) > 1")})
        make_maildir(configured, "example.com/late/Maildir")
        stray = make_maildir(configured, "example.com/gone/Maildir")
        done = configured.run("--maildirs")
        assert done.returncode == 0, done.stderr
        assert "late" not in done.stdout and f"no row      {stray} (" in done.stdout
    finally:
        # A grant outlives what it is for.
        database.sql("REVOKE SELECT, INSERT ON times FROM 'mailuser'@'localhost';"
                     "DROP SEQUENCE times")


def test_many_rows(configured):
    """More than --check looks at."""
    configured.configure(mysql={"users_query": (
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
        "SELECT CONCAT('u', GREATEST(0, a.i * 400 + b.i - 160300), '@example.com') "
        "FROM n AS a, n AS b")})
    make_maildir(configured, "example.com/u7/Maildir")
    stray = make_maildir(configured, "example.com/u101/Maildir")
    done = configured.run("--maildirs")
    assert done.returncode == 0, done.stderr
    *lines, before_last, last = done.stdout.splitlines()
    assert len(lines) == 100 and f"no row      {stray} (0 messages" in before_last
    assert last == "101 mailboxes, 100 without a Maildir; 1 Maildir without a row"


@pytest.mark.parametrize("settings, code, said", [
    ({"mysql": {"users_query": ""}}, 78, 'mysql.users_query is ""'),
    ({"mysql": {"users_query": "SELECT nothing FROM virtual_users"}}, 78, "users_query"),
    ({"mysql": {"users_query": "SELECT email FROM virtual_users WHERE email = '%x'"}}, 78,
     "users_query"),
    ({"mysql": {"hosts": ["unix:/nonexistent"], "timeout": 1}}, 69, "/nonexistent"),
    ({"mysql": {"password": "wrong"}}, 69, "mailuser"),
    ({"maildir": {"home": "/nonexistent/%d/%n"}}, 78, "there is no directory /nonexistent"),
    ({"maildir": {"user": "nobody-there"}}, 78, "maildir.user"),
])
def test_what_is_no_answer(configured, settings, code, said):
    """Nothing is called nobody's where the rows are not known."""
    make_maildir(configured, "example.org/x/Maildir")
    configured.starts_as_root = True
    configured.configure(**settings)
    for form in ((), ("--json",)):
        done = configured.run("--maildirs", *form)
        assert done.returncode == code and said in done.stderr, done.stdout + done.stderr
        assert done.stdout == ""


def test_rows_that_end_too_early(configured):
    """The server breaks off in the middle of them."""
    make_maildir(configured, "example.org/x/Maildir")
    configured.configure(mysql={"users_query": (
        "SELECT IF(a.email = 'email1@example.com', a.email, "
        "(SELECT b.email FROM virtual_users AS b WHERE b.email <= a.email)) "
        "FROM virtual_users AS a ORDER BY a.email")})
    done = configured.run("--maildirs")
    assert (done.returncode, done.stdout) == (69, "")
    assert "more than 1 row" in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="NOT ROOT: run it with sudo to test this too")
def test_root_becomes_the_owner_of_the_mail(configured):
    """And reads no more than that may."""
    configured.starts_as_root = True
    (configured.vhosts / "closed").mkdir(0o700)
    assert Found(configured, code=75).unread == {
        f"{configured.vhosts}/closed": "Permission denied"}


def test_misuse(configured):
    for arguments in (["--maildirs", "x"], ["--maildirs", "--prometheus"],
                      ["--maildirs", "--check"]):
        assert configured.run(*arguments).returncode == 64
