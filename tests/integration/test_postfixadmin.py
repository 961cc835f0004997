"""More than one column of a mailbox's row: the tables of PostfixAdmin, served by the queries of its preset, beyond
what test_schemas asks of all presets; and accounts that may read single columns, by the statements of
docs/administer.md, word for word."""

import contextlib

import pytest

from harness.check import Report
from harness.mail import Message
from harness.manual import Manual
from harness.mariadb import quote
from harness.postfixadmin import PostfixAdmin
from harness.presets import PRESETS
from harness.process import run_checked

ADMINISTER = "administer.md"
ACCOUNT = "'mailuser'@'localhost'"
COLUMNS = Manual(ADMINISTER, "More than %d/%n: columns of the row")
QUERIES = ("user_query", "alias_query", "domain_query", "users_query", "aliases_query",
           "domains_query")

ANN = "ann@example.com"
NO_USER, NO_DOMAIN, DISABLED = "550 5.1.1", "550 5.1.2", "550 5.2.1"


def rcpt(daemon, address):
    """The status of the reply."""
    with daemon.session() as session:
        session.mail()
        return session.rcpt(address).status


def delivers(daemon, address):
    """Which Maildirs have got a message, by their paths below the mail root."""
    def count():
        return {str(path.parent.relative_to(daemon.vhosts)): len(list(path.iterdir()))
                for path in daemon.vhosts.glob("**/new")}

    before = count()
    with daemon.session() as session:
        [reply] = session.deliver(address)
        assert reply.status == "250 2.0.0"
    return sorted(name for name, n in count().items() if n > before.get(name, 0))


# --- PostfixAdmin -----------------------------------------------------------

@pytest.fixture
def panel(mariadb):
    if not mariadb.is_running():
        mariadb.start()
    mariadb.sql("CREATE DATABASE postfix", database="")
    mariadb.database = "postfix"
    made = PostfixAdmin(mariadb, ACCOUNT)
    yield made
    mariadb.database = "postfix"
    made.revoke()
    mariadb.sql("DROP DATABASE postfix", database="")


@pytest.fixture
def configured(make_lmtpd, panel):
    """lmtpd with the preset, on another mail root."""
    page = Manual(PRESETS / "postfixadmin/lmtpd.conf")
    made = make_lmtpd(maildir={"path": page.value("path")})
    made.configure(mysql={"dbname": page.value("dbname"), **{
        name: page.value(name).replace("/var/vmail", str(made.vhosts)) for name in QUERIES}})
    panel.add_domain("example.com")
    panel.add_mailbox(ANN)
    return made


@pytest.fixture
def daemon(configured):
    return configured.start()


@pytest.mark.parametrize("maildir", [
    "example.com/bert/", "example.com/bert@example.com/", "bert/", "b/be/bert-2026.11.26/",
    "Example.COM/Bert/", "example.com//bert/./",
])
def test_home_is_that_of_the_row(daemon, panel, maildir):
    """However its own code has laid it out; the address stays what it is."""
    panel.add_mailbox("bert@example.com", maildir)
    place = maildir.replace("//", "/").replace("/./", "/").strip("/")
    assert delivers(daemon, "bert+detail@example.com") == [place]
    [path] = (daemon.vhosts / place / "new").iterdir()
    assert Message(path).field("Delivered-To") == "bert@example.com"


@pytest.mark.parametrize("maildir", ["../out/", "example.com/../../out/", ""])
def test_home_that_is_refused(configured, panel, maildir):
    """Mail waits, the others' does not, and --check says why."""
    panel.database.sql("INSERT INTO mailbox (username, local_part, domain, maildir) VALUES "
                       f"('bert@example.com', 'bert', 'example.com', {quote(maildir)})")
    daemon = configured.start()
    assert rcpt(daemon, "bert@example.com") == "451 4.3.5"
    [line] = daemon.wait_for_log(event="delivery", to="<bert@example.com>")
    assert "the path of mailbox bert@example.com is refused" in line["reason"]
    assert rcpt(daemon, ANN) == "250 2.1.5"
    assert "bert@example.com" in str(Report(configured).troubles())
    assert list(daemon.vhosts.parent.glob("**/out")) == []


def test_disabled_mailbox_comes_before_the_catch_all(daemon, panel):
    panel.add_mailbox("bert@example.com", active=0)
    panel.add_alias("@example.com", ANN)
    assert rcpt(daemon, "bert@example.com") == DISABLED
    assert rcpt(daemon, "bert+detail@example.com") == DISABLED
    [line] = daemon.wait_for_log(event="delivery", to="<bert@example.com>")
    assert (line["status"], line["reason"]) == ("rejected", "bert@example.com is disabled")
    assert delivers(daemon, "nobody@example.com") == ["example.com/ann"]
    panel.database.sql("UPDATE mailbox SET active = 1 WHERE username = 'bert@example.com'")
    assert delivers(daemon, "bert@example.com") == ["example.com/bert"]


def test_disabled_for_a_while(configured, panel):
    panel.add_mailbox("bert@example.com", active=0)
    configured.configure(lmtp={"disabled": "defer"})
    assert rcpt(configured.start(), "bert@example.com") == "450 4.2.1"


def test_domain_that_is_not_active(daemon, panel):
    """Its mailboxes are known, and get no mail; whatever else was there is gone."""
    panel.add_alias("info@example.com", ANN)
    panel.database.sql("UPDATE domain SET active = 0")
    assert rcpt(daemon, ANN) == DISABLED
    assert rcpt(daemon, "info@example.com") == NO_DOMAIN


def test_aliases(daemon, panel):
    for name in ("bert", "carl"):
        panel.add_mailbox(f"{name}@example.com")
    panel.add_alias("all@example.com", "ann@example.com,bert@example.com")
    panel.add_alias("old@example.com", "carl@example.com", active=0)
    panel.add_alias("team@example.com", "all@example.com,carl@example.com")
    assert delivers(daemon, "all@example.com") == ["example.com/ann", "example.com/bert"]
    assert len(delivers(daemon, "team+x@example.com")) == 3
    assert rcpt(daemon, "old@example.com") == NO_USER


def test_list_with_a_member_who_is_disabled(daemon, panel):
    """Left out, as long as another is reached."""
    panel.add_mailbox("bert@example.com", active=0)
    panel.add_alias("all@example.com", "bert@example.com,ann@example.com")
    panel.add_alias("none@example.com", "bert@example.com")
    assert delivers(daemon, "all@example.com") == ["example.com/ann"]
    assert rcpt(daemon, "none@example.com") == DISABLED


def test_alias_domain(daemon, panel):
    """Mailboxes, aliases and the catch-all of the domain that it stands for."""
    panel.add_alias_domain("example.org", "example.com")
    panel.add_alias("info@example.com", ANN)
    assert delivers(daemon, "ann@example.org") == ["example.com/ann"]
    assert delivers(daemon, "ann+detail@example.org") == ["example.com/ann"]
    assert delivers(daemon, "info@example.org") == ["example.com/ann"]
    assert rcpt(daemon, "nobody@example.org") == NO_USER
    panel.add_alias("@example.com", ANN)
    assert delivers(daemon, "nobody@example.org") == ["example.com/ann"]
    panel.database.sql("UPDATE alias_domain SET active = 0; "
                       "UPDATE domain SET active = 0 WHERE domain = 'example.org'")
    assert rcpt(daemon, "ann@example.org") == NO_DOMAIN


def test_backup_for_a_domain(daemon, panel):
    """Its mail is another machine's."""
    panel.add_domain("backup.example", backupmx=1)
    panel.add_mailbox("ann@backup.example")
    panel.add_alias("@backup.example", ANN)
    assert rcpt(daemon, "ann@backup.example") == NO_DOMAIN
    assert rcpt(daemon, "nobody@backup.example") == NO_DOMAIN


@pytest.mark.parametrize("address", ["é@example.com", "жук@example.com", "a'b@example.com",
                                     "😀@example.com", "ALL@ALL", "ann@other.example"])
def test_nobody(daemon, address):
    """Though the tables cannot hold all of these, and É is E for some of their columns."""
    assert rcpt(daemon, address) in (NO_USER, NO_DOMAIN)


def test_nothing_is_wrong(configured, panel):
    """Every kind of row that its pages make; the account reads what the queries read and no more."""
    panel.add_domain("backup.example", backupmx=1)
    panel.add_alias_domain("example.org", "example.com")
    panel.add_mailbox("bert@example.com", "b/bert/", active=0)
    panel.add_mailbox("carl@example.com", "c/carl/")
    panel.add_alias("info@example.com", "ann@example.com,carl@example.com")
    report = Report(configured)
    assert report.own_troubles() == []
    assert report.only("ok", "users_query")["detail"] == "3 rows looked at"


def test_two_with_one_maildir(configured, panel):
    """The paths of rows are compared, not addresses."""
    panel.add_mailbox("bert@example.com", "example.com/ann/")
    [found] = Report(configured).own_troubles()
    assert "ann@example.com" in found["detail"] and "bert@example.com" in found["detail"]
    assert "one mailbox" in found["detail"]


def test_accounts_of_the_page(panel, directory):
    """Its commands make two accounts, and put their passwords where the daemons look."""
    block = Manual(ADMINISTER, "The tables of a panel").block("grants.sql | mariadb")
    commands, checks = block.split("lmtpd --check", 1)
    assert checks == "; lmtpd-auth --check\n"
    commands = commands.replace("/usr/share/doc/lmtpd/examples/schemas", str(PRESETS))
    typed(panel.database, commands.replace("/etc/lmtpd", str(directory)))
    try:
        for user, file, columns in (("lmtpd", "lmtpd.password", "username, maildir"),
                                    ("lmtpd-auth", "auth.password", "username, password")):
            word = (directory / file).read_text().strip()
            panel.database.sql(f"SELECT {columns} FROM mailbox", user=user, password=word)
        assert (directory / "lmtpd.conf").read_text() == (PRESETS / "postfixadmin/lmtpd.conf").read_text()
    finally:
        for user in ("lmtpd", "lmtpd-auth"):
            panel.database.sql(f"DROP USER '{user}'@'localhost', '{user}'@'127.0.0.1'")


# --- accounts that may read single columns ----------------------------------

ENABLED = COLUMNS.value("user_query")


def statements_of_the_page():
    """(ALTER TABLE, GRANT)"""
    block = COLUMNS.block("ALTER TABLE")
    alter, grant = block.strip().split(";\n", 1)
    return alter, grant


@pytest.fixture
def new_columns(database):
    """In the table, and granted to nobody yet."""
    alter, _ = statements_of_the_page()
    database.sql(alter)
    try:
        yield database
    finally:
        with contextlib.suppress(AssertionError):
            database.sql("REVOKE SELECT (enabled, home) ON mailserver.virtual_users "
                         "FROM 'mailuser'@'localhost', 'mailuser'@'127.0.0.1'")
        database.sql("ALTER TABLE virtual_users DROP COLUMN enabled, DROP COLUMN home")


def test_column_without_a_grant(make_lmtpd, new_columns):
    """Each look-up is put off, whoever asks; after the grant they work, without a restart."""
    daemon = make_lmtpd(mysql={"user_query": ENABLED}).start()
    for address in ("email1@example.com", "alias@example.com", "nobody@example.com"):
        assert rcpt(daemon, address) == "451 4.4.3"
        [line] = daemon.wait_for_log(event="delivery", to=f"<{address}>")
        assert "'enabled'" in line["reason"]
    _, grant = statements_of_the_page()
    new_columns.sql(grant)
    new_columns.sql("UPDATE virtual_users SET enabled = 0 WHERE email = 'email2@example.com'; "
                    f"UPDATE virtual_users SET home = '{daemon.vhosts}/other/place' "
                    "WHERE email = 'email1@example.com'")
    assert delivers(daemon, "email1@example.com") == ["other/place/Maildir"]
    assert rcpt(daemon, "email2@example.com") == DISABLED
    assert rcpt(daemon, "nobody@example.com") == NO_USER


def test_reload_with_a_column_without_a_grant(make_lmtpd, new_columns):
    """Refused, and the old query serves on."""
    daemon = make_lmtpd().start()
    daemon.configure(mysql={"user_query": ENABLED})
    line = daemon.reload()
    assert "'enabled'" in line["reason"] and "the old configuration stays" in line["reason"]
    assert rcpt(daemon, "email1@example.com") == "250 2.1.5"
    _, grant = statements_of_the_page()
    new_columns.sql(grant)
    assert "level" not in daemon.reload()
    new_columns.sql("UPDATE virtual_users SET enabled = 0")
    assert rcpt(daemon, "email1@example.com") == DISABLED


def typed(database, commands):
    """Does what somebody is told to type, in a shell, as root of the database."""
    client = f"mariadb() {{ command mariadb --no-defaults -u root -S {database.socket} \"$@\"; }}"
    run_checked("bash", "-euc", f"{client}; {commands}")


def test_new_file_is_tried_before_it_counts(make_lmtpd, new_columns, directory):
    """The daemon serves with the old file; --check -c NEW finds one grant after the other, and the
    remedies can be typed."""
    daemon = make_lmtpd().start()
    old = daemon.config_path.read_text()
    daemon.configure(mysql={"user_query": ENABLED})
    new = directory / "new.conf"
    daemon.config_path.rename(new)
    daemon.config_path.write_text(old)
    daemon.config_path = new
    for column in ("enabled", "home"):
        report = Report(daemon)
        assert report.code == 78
        found = report.only("FAIL", "user_query")
        assert f"'{column}'" in found["detail"]
        statement = f'mariadb -e "GRANT SELECT ({column}) ON mailserver.virtual_users TO {ACCOUNT}"'
        assert found["remedy"].split("; ")[0] == statement
        typed(new_columns, statement)
    assert Report(daemon).code == 0
    assert rcpt(daemon, "email1@example.com") == "250 2.1.5"


def test_columns_that_are_not_known(make_lmtpd, new_columns):
    """A slip must not serve who is disabled: --check names the column and those that there are."""
    _, grant = statements_of_the_page()
    new_columns.sql(grant)
    configured = make_lmtpd(mysql={"user_query": ENABLED.replace("enabled", "enabled AS enable")})
    report = Report(configured)
    assert report.code == 78
    detail = report.only("FAIL", "user_query")["detail"]
    assert "its column enable is not known" in detail
    for name in ("home", "path", "enabled", "state"):
        assert name in detail
    assert rcpt(configured.start(), "email1@example.com") == "451 4.4.3"
