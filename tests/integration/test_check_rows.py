"""lmtpd --check without an address, on the rows: users, aliases and domains that do not work."""

import pytest

from harness.check import Report
from harness.process import free_port, run_checked


@pytest.fixture
def configured(make_lmtpd):
    return make_lmtpd()


def details(report, what, status="warn"):
    return [row["detail"] for row in report.find(status, what)]


def typed(database, remedy):
    """Does what a remedy says, in a shell, as root of the database."""
    name = database.client_program
    assert remedy.startswith(f"{name} "), remedy
    client = f"{name}() {{ command {name} --no-defaults -u root -S {database.socket} \"$@\"; }}"
    run_checked("bash", "-uc", f"{client}; {remedy}")


def test_sample_rows(configured):
    report = Report(configured)
    assert report.troubles() == []
    assert report.code == 0
    assert report.only("ok", "users_query")["detail"] == "2 rows looked at"
    assert report.only("ok", "aliases_query")["detail"] == "1 rows looked at"
    assert report.only("ok", "domains_query")["detail"] == "4 rows looked at"


@pytest.mark.parametrize("rows, said", [
    ([("a@example.com", "b@example.com"), ("b@example.com", "a@example.com")],
     "a@example.com -> b@example.com: alias loop"),
    # The mailbox hides it from lmtpd, not from Postfix.
    ([("email1@example.com", "b@example.com"), ("b@example.com", "email1@example.com")],
     "email1@example.com -> b@example.com: "),
    ([("a@example.com", "gone@example.com")],
     "alias leads to no mailbox, left out: gone@example.com"),
    ([("a@example.com", "email1@example.com"), ("a@example.com", "gone@example.com")],
     "a@example.com -> gone@example.com: "),
    ([("email1@example.com", "gone@example.com")], "gone@example.com"),
    ([("@example.com", "gone@example.net"), ("gone@example.net", "gone@example.com"),
      ("gone@example.com", "x@example.com"), ("x@example.com", "x@example.com")],
     "x@example.com -> x@example.com: leads to itself"),  # behind three others
    ([("a@example.com", "nonsense")], "a@example.com -> nonsense: "),
    ([("self@example.com", "self@example.com")], "leads to itself"),
    ([("root", "email1@example.com")], "root -> email1@example.com: "),
    ([("alias@example.com", "email1@example.com")], "stands there twice"),
    ([("ALIAS@example.com", "Email1@example.com")], "stands there twice"),
])
def test_aliases(configured, database, rows, said):
    """Each kind is found; which of two rows is the wrong one is not for a machine to say."""
    for source, destination in rows:
        database.add_alias(source, destination)
    report = Report(configured)
    assert report.code == 0
    [found, *_] = [row for row in report.find("warn", "alias") if said in row["detail"]]
    assert "DELETE" not in found["remedy"]


def test_aliases_that_are_right(configured, database):
    """To oneself beside the mailbox, to others, to other servers, in capitals."""
    database.add_alias("email1@example.com", "email1@example.com")
    database.add_alias("email2@example.com", "email2@example.com, email1@example.com")
    database.add_alias("Team@Example.com", "EMAIL1@example.com")
    database.add_alias("away@example.com", "friend@elsewhere.example")
    report = Report(configured)
    assert report.troubles() == []
    assert "1 lead to other servers" in report.only("ok", "alias")["detail"]


def test_catch_all(configured, database):
    """It is told of, and who loses mail to it: Postfix asks for aliases before mailboxes."""
    database.add_alias("@example.com", "email1@example.com")
    database.add_alias("email1@example.com", "email1@example.com")
    report = Report(configured)
    assert "@example.com -> email1@example.com" in report.only("ok", "catch-all")["detail"]
    found = report.only("warn", "user")
    assert "email2@example.com: Postfix gives its mail to the catch-all" in found["detail"]
    typed(database, found["remedy"])
    assert Report(configured).troubles() == []


def test_users(configured, database):
    database.add_user("stranger@nowhere.example")
    database.add_user("../up@example.com")
    database.add_user("no-address")
    report = Report(configured)
    found = {row["detail"]: row["remedy"] for row in report.find("warn", "user")}
    assert len(found) == 3, report.rows
    [(detail, remedy)] = [item for item in found.items() if "domain" in item[0]]
    assert "stranger@nowhere.example: domain nowhere.example is not" in detail
    typed(database, remedy)
    left = {row["detail"]: row["remedy"] for row in Report(configured).troubles()}
    assert len(left) == 2 and '"../up@example.com" can be no mailbox' in " ".join(left)
    assert set(left.values()) == {"correct or delete that row"}


def test_other_tables(configured, database):
    """Where a query asks for something else, what is to be typed would be about the wrong table."""
    database.add_user("stranger@nowhere.example")
    assert "INSERT INTO virtual_domains" in Report(configured).only("warn", "user")["remedy"]
    configured.configure(mysql={"users_query": "SELECT email FROM virtual_users WHERE 1"})
    assert "virtual_" not in Report(configured).only("warn", "user")["remedy"]


def test_two_users_in_one_mailbox(configured, database):
    """A home that leaves out the domain mixes their mail: nothing else would tell."""
    database.add_domain("example.net")
    database.add_user("email1@example.net")
    assert Report(configured).troubles() == []
    configured.configure(maildir={"home": f"{configured.vhosts}/%n"})
    report = Report(configured)
    assert report.code == 78
    assert set(details(report, "user", "FAIL")[0].split()) >= {
        "email1@example.com", "email1@example.net"}
    configured.configure(maildir={"home": f"{configured.vhosts}/%u"})
    assert Report(configured).troubles() == []


def test_many_users_in_one_mailbox(configured, database):
    """Ten are shown, the others counted."""
    database.sql(
        "INSERT INTO virtual_domains (name) SELECT CONCAT('x', seq, '.example') FROM seq_1_to_40;"
        "INSERT INTO virtual_users (domain_id, password, email) "
        "SELECT id, '*', CONCAT('a@', name) FROM virtual_domains WHERE name LIKE 'x%.example'")
    configured.configure(maildir={"home": f"{configured.vhosts}/%n"})
    report = Report(configured)
    assert len(details(report, "user", "FAIL")) == 10, report.rows
    assert "and 29 more whose mailbox is that of somebody else" in details(report, "user")


def test_a_row_is_no_command(configured, database):
    """What stands in a row is shown, without control characters, and never to be typed."""
    nasty = "x'\"; `touch /tmp/x`\x1b[31m\x9b$(id)@nowhere.example"
    database.add_user(nasty)
    database.add_alias(nasty, "gone@example.com")
    report = Report(configured)
    assert len(report.troubles()) >= 2
    for row in report.troubles():
        assert "touch" not in row["remedy"] and "$(" not in row["remedy"], row
    said = configured.run("--check").stdout
    assert "touch" in said and not any(c in said for c in "\x1b\x9b")


def test_case(configured, database):
    """Where the collation is binary, rows differ in case alone, and capitals are not found."""
    database.sql("CREATE TABLE users (email varchar(100) COLLATE utf8mb4_bin);"
                 "INSERT INTO users VALUES ('twin@example.com'), ('Twin@example.com'),"
                 "('Alone@example.com');"
                 "CREATE TABLE aliases (source varchar(100) COLLATE utf8mb4_bin,"
                 "destination varchar(100));"
                 "INSERT INTO aliases VALUES ('Info@example.com', 'email1@example.com');"
                 "GRANT SELECT ON mailserver.users TO 'mailuser'@'localhost';"
                 "GRANT SELECT ON mailserver.aliases TO 'mailuser'@'localhost'")
    try:
        configured.configure(mysql={
            "user_query": "SELECT email FROM users WHERE email = '%u'",
            "users_query": "SELECT email FROM users",
            "alias_query": "SELECT destination, source FROM aliases WHERE source = '%u'",
            "aliases_query": "SELECT source, destination FROM aliases",
        })
        report = Report(configured)
        twin, alone = details(report, "user")
        assert "Twin@example.com differs from twin@example.com only in case" in twin
        assert '"Alone@example.com" is not found' in alone
        assert "looked up in lower case" in report.only("warn", "alias")["detail"]
    finally:
        database.sql("DROP TABLE users, aliases")


def test_domain_that_is_not_found(configured, database):
    database.add_domain("blank .example")
    database.add_domain(" example.net")
    database.sql("UPDATE virtual_domains SET name = CONCAT(name, '\\t') WHERE name = 'hostname'")
    found = details(Report(configured), "domain")
    assert len(found) == 1 and "hostname" in found[0], found


def test_many(configured, database):
    """Ten of a kind are shown, the others counted; what Postfix shall ask is read whole."""
    values = ", ".join(f"(1, 'a{n}@example.com', 'gone{n}@example.com')" for n in range(3000))
    database.sql(f"INSERT INTO virtual_aliases (domain_id, source, destination) VALUES {values}")
    report = Report(configured)
    found = details(report, "alias")
    assert len(found) == 11
    n = int(found[-1].split()[1])
    # A machine that is busy may not come to the end within the time that there is for it.
    assert n == 2990 or (n > 0 and "rows were looked at" in str(report.rows)), report.rows


def test_too_many(configured):
    """More rows than are looked at."""
    configured.configure(mysql={"users_query": (
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
        "SELECT NULL FROM n AS a, n AS b")})
    report = Report(configured)
    assert "the first 100000 rows were looked at" in (
        report.only("ok", "users_query")["detail"])
    assert details(report, "user")[-1] == "and 99990 more that can be no mailbox"
    assert report.only("ok", "aliases_query")


def test_rows_that_cannot_be_listed(configured):
    """Other tables, or no grant: a hint, never a failure; and each can be left out."""
    configured.configure(mysql={"users_query": "SELECT id FROM virtual_users",
                                "aliases_query": "SELECT source FROM virtual_aliases",
                                "domains_query": ""})
    report = Report(configured)
    assert report.code == 0
    for key in ("users_query", "aliases_query"):
        assert f"mysql.{key}" in report.only("warn", key)["remedy"]
    assert not [row for row in report.rows if row["what"] == "domains_query"]
    configured.configure(mysql={"users_query": "SELECT email FROM virtual_users WHERE 1 = %x"})
    assert "%" in Report(configured).only("warn", "users_query")["detail"]
    configured.configure(mysql={"users_query": "", "aliases_query": ""})
    assert Report(configured).troubles() == []


# --- tables and accounts ----------------------------------------------------

def test_tables_of_the_guide(make_lmtpd, guide_database):
    """No index for aliases and domains, and an account that reads everything."""
    configured = make_lmtpd()
    report = Report(configured)
    assert report.code == 0
    remedies = [row["remedy"] for row in report.find("warn", "index")]
    client = guide_database.client_program
    assert remedies == [
        f'{client} guide -e "CREATE INDEX source ON virtual_aliases (source)"',
        f'{client} guide -e "CREATE INDEX name ON virtual_domains (name)"',
    ]
    assert "can read password hashes" in report.only("warn", "account")["detail"]
    try:
        for remedy in remedies:
            typed(guide_database, remedy)
        assert Report(configured).find("warn", "index") == []
    finally:
        guide_database.sql("DROP INDEX source ON virtual_aliases; DROP INDEX name ON virtual_domains")


def test_a_query_of_several_parts(make_lmtpd, database, guide_database):
    """What the server puts together on the way has no index, and needs none."""
    aliases = ("SELECT destination, source FROM virtual_aliases WHERE source = '%u' UNION "
               "SELECT email, email FROM virtual_users WHERE email = '%u'")
    queries = {"user_query": "SELECT email FROM (SELECT email, COUNT(*) FROM virtual_users "
                             "WHERE email = '%u' GROUP BY email) AS x",
               "alias_query": aliases}
    report = Report(make_lmtpd(mysql={**queries, "dbname": "mailserver"}))
    assert report.only("ok", "alias_query")
    assert report.find("warn", "index") == []
    report = Report(make_lmtpd(mysql=queries))
    [of_aliases, _] = details(report, "index")
    assert "alias_query reads every row of virtual_aliases" in of_aliases


def test_an_account_that_may_write(configured, database):
    account = "'mailuser'@'localhost'"
    database.sql(f"GRANT INSERT, DELETE ON mailserver.virtual_users TO {account}")
    try:
        found = Report(configured).only("warn", "account")
        assert "INSERT, DELETE on mailserver.virtual_users" in found["detail"]
        typed(database, found["remedy"])
        assert Report(configured).troubles() == []
    finally:
        # What is not granted MySQL does not revoke.
        database.sql(f"GRANT INSERT, DELETE ON mailserver.virtual_users TO {account};"
                     f"REVOKE INSERT, DELETE ON mailserver.virtual_users FROM {account}", "")


def test_an_account_that_may_read_everything(configured, database):
    """The accounts of the server among it. To revoke it alone may leave nothing to read."""
    database.sql("GRANT SELECT ON *.* TO 'mailuser'@'localhost'", database="")
    try:
        found = Report(configured).find("warn", "account")
        assert "more than it needs: SELECT on *.*" in found[0]["detail"]
        assert "REVOKE" not in found[0]["remedy"] and "grants.sql" in found[0]["remedy"]
        assert "can read password hashes" in found[1]["detail"]
    finally:
        database.sql("REVOKE SELECT ON *.* FROM 'mailuser'@'localhost'", database="")


@pytest.mark.parametrize("column", ["passwd", "crypt", "hash"])
def test_hashes_in_other_columns(configured, database, column):
    """Of the table that the query names."""
    database.sql(f"CREATE TABLE users (email varchar(100) PRIMARY KEY, {column} varchar(100));"
                 "INSERT INTO users (email) VALUES ('email1@example.com');"
                 "GRANT SELECT ON mailserver.users TO 'mailuser'@'localhost'")
    try:
        configured.configure(mysql={
            "user_query": "SELECT email FROM users WHERE email = '%u'",
            "users_query": "SELECT email FROM users",
        })
        found = Report(configured).only("warn", "account")
        assert "can read password hashes" in found["detail"]
        assert "virtual_" not in found["remedy"]
        configured.configure(mysql={
            "user_query": "SELECT email FROM (SELECT email FROM users) AS x WHERE email = '%u'"})
        assert Report(configured).find("warn", "account") == []  # too much for it
    finally:
        database.sql("DROP TABLE users")


def test_missing_grants(configured, database):
    """Every query that is refused, each with what it lacks; the first does not hide the others."""
    account = "'mailuser'@'localhost'"
    reads = {"user_query": "(email) ON mailserver.virtual_users",
             "alias_query": "(source, destination) ON mailserver.virtual_aliases",
             "domain_query": "(name) ON mailserver.virtual_domains"}
    revoked = "; ".join(f"REVOKE SELECT {read} FROM {account}" for read in reads.values())
    # With none at all the account may not even know of the database.
    database.sql(f"GRANT SELECT (id) ON mailserver.virtual_users TO {account}; {revoked}",
                 database="")
    try:
        report = Report(configured)
        assert report.code == 78
        for key, read in reads.items():
            assert f"GRANT SELECT {read} TO {account}" in report.only("FAIL", key)["remedy"]
    finally:
        database.sql(f"REVOKE SELECT (id) ON mailserver.virtual_users FROM {account}", database="")
        for read in reads.values():
            database.sql(f"GRANT SELECT {read} TO {account}", database="")
    assert Report(configured).troubles() == []


def test_other_queries_that_are_refused(configured, database):
    """Of other tables than the guide's only that is known which the server says. To an account that
    may read single columns it says the same of those that are not there."""
    queries = {
        "user_query": "SELECT u.mail FROM virtual_users u WHERE u.email = '%u'",
        "alias_query": "SELECT destination FROM virtual_aliasez WHERE source = '%u'",
        "domain_query": "SELECT id FROM virtual_domains WHERE name = '%d'",
    }
    configured.configure(mysql=queries)
    report = Report(configured)
    assert report.code == 78
    client, account = database.client_program, "'mailuser'@'localhost'"
    remedies = {
        "user_query": f'{client} -e "GRANT SELECT (mail) ON mailserver.virtual_users TO {account}"; '
                      "if there is no such column, correct mysql.user_query",
        "alias_query": f"if there is a table mailserver.virtual_aliasez, grant {account} the "
                       "columns that mysql.alias_query reads",
        "domain_query": f'{client} -e "GRANT SELECT (id) ON mailserver.virtual_domains TO {account}";'
                        " if there is no such column, correct mysql.domain_query",
    }
    assert {key: report.only("FAIL", key)["remedy"] for key in queries} == remedies


def test_missing_as_seen_by_an_account_that_sees_all(make_lmtpd, guide_database):
    configured = make_lmtpd()
    configured.configure(mysql={
        "user_query": "SELECT mail FROM virtual_users WHERE email = '%u'",
        "alias_query": "SELECT destination FROM virtual_aliasez WHERE source = '%u'",
    })
    report = Report(configured)
    assert "'mail'" in report.only("FAIL", "user_query")["detail"]
    assert "columns that its table has" in report.only("FAIL", "user_query")["remedy"]
    assert "guide.virtual_aliasez" in report.only("FAIL", "alias_query")["detail"]
    assert "a table that is there" in report.only("FAIL", "alias_query")["remedy"]



# --- several servers --------------------------------------------------------

def test_each_host_is_tried(make_lmtpd, database):
    """One that answers does not hide what is wrong with the others."""
    dead = f"127.0.0.1:{free_port()}"
    live, again = f"127.0.0.1:{database.port}", f"unix:{database.socket}"
    lines = [f"{live}, plain text", again]
    for hosts in ([dead, live, again], [live, dead, again]):
        report = Report(make_lmtpd(mysql={"hosts": hosts}))
        assert report.code == 0
        assert f"mysql {dead}: connect" in report.only("warn", "database")["detail"]
        assert details(report, "database", "ok") == lines
    report = Report(make_lmtpd(mysql={"hosts": [dead, f"unix:{database.socket}.none"]}))
    assert report.code == 69
    assert [dead in detail for detail in details(report, "database")] == [True, False]


def test_hosts_that_are_replicas(make_lmtpd, database):
    """They do not know of a user who was made a moment ago."""
    hosts = [f"127.0.0.1:{database.port}", f"unix:{database.socket}"]
    configured = make_lmtpd(mysql={"hosts": hosts})
    assert Report(configured).troubles() == []
    database.sql("SET GLOBAL read_only = ON", database="")
    try:
        report = Report(configured)
    finally:
        database.sql("SET GLOBAL read_only = OFF", database="")
    assert report.code == 0
    assert [detail.split()[0] for detail in details(report, "database")] == hosts
