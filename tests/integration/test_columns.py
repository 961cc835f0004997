"""A mailbox is what its row says: home, path, enabled, state, by the names of columns."""

import os
import signal

import pytest

from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID

EMAIL1 = "email1@example.com"
EMAIL2 = "email2@example.com"


def query(columns):
    return f"SELECT email{columns} FROM virtual_users WHERE email = '%u'"


def case(column, value, otherwise="NULL", address=EMAIL1):
    return f", CASE email WHEN '{address}' THEN {value} ELSE {otherwise} END AS {column}"


def own(path):
    path.mkdir(mode=0o700)
    if IS_ROOT:
        os.chown(path, MAIL_ID, MAIL_GROUP)
    return path


@pytest.fixture
def asked(lmtpd):
    """asked(columns): an lmtpd whose user_query has these columns, too."""
    def start(columns, **overrides):
        return lmtpd(mysql={"user_query": query(columns)}, **overrides)

    return start


def files(path):
    return [found.name for found in path.glob("new/*")]


def deliver(daemon, *addresses):
    with daemon.session() as session:
        return [reply.status for reply in session.deliver(*addresses)]


def rcpt(daemon, address):
    with daemon.session() as session:
        session.mail()
        return session.rcpt(address).status


# --- home and path ----------------------------------------------------------

@pytest.mark.quick
def test_home_and_path(make_lmtpd, directory):
    daemon = make_lmtpd()
    home = daemon.vhosts / "by-row" / "one"
    daemon.configure(mysql={"user_query": query(case("home", f"'{home}'") +
                                                case("Path", "'mail/box'"))})
    daemon.start()
    assert deliver(daemon, EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    assert len(files(home / "mail/box")) == 1
    assert len(files(daemon.vhosts / "example.com/email2/Maildir")) == 1
    done = daemon.run("--check", EMAIL1)
    assert done.returncode == 0 and f"{home}/mail/box" in done.stdout


def test_home_itself_is_the_maildir(make_lmtpd):
    """As the panels have it: a root and the path of the Maildir below it."""
    daemon = make_lmtpd()
    daemon.configure(mysql={"user_query": query(
        f", CONCAT('{daemon.vhosts}/', 'example.com/x/') AS home, '' AS path")})
    daemon.start()
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    assert len(files(daemon.vhosts / "example.com/x")) == 1


def test_further_roots(make_lmtpd, directory):
    daemon = make_lmtpd()
    more = own(directory / "more")
    daemon.configure(maildir={"roots": [f"{more}/"]}, mysql={"user_query": query(
        case("home", f"'{more}/one'"))})
    daemon.start()
    assert deliver(daemon, EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    assert len(files(more / "one/Maildir")) == 1
    assert len(files(daemon.vhosts / "example.com/email2/Maildir")) == 1
    said = daemon.run("--check").stdout
    assert f"{more}, for homes of rows" in said


def test_root_in_a_root(make_lmtpd):
    """A home belongs to the deepest root that it lies below: the marker of that disk counts."""
    daemon = make_lmtpd()
    inner = own(daemon.vhosts / "disk")
    (daemon.vhosts / ".mounted").touch()
    daemon.configure(maildir={"roots": [str(inner)], "marker": ".mounted"}, mysql={
        "user_query": query(case("home", f"'{inner}/one'"))})
    daemon.start()
    assert deliver(daemon, EMAIL1, EMAIL2) == ["451 4.2.0", "250 2.0.0"]
    assert files(inner / "one/Maildir") == []
    (inner / ".mounted").touch()
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]
    assert len(files(inner / "one/Maildir")) == 1


@pytest.mark.parametrize("home, why", [
    ("/elsewhere/x", "lies neither below"), ("relative", "no absolute path"),
    ("{root}/../x", "no absolute path without .."), ("{root}", "Maildir"), ("", "no absolute path"),
    ("{root}x/y", "lies neither below"),
])
def test_home_outside(make_lmtpd, home, why):
    """Put off until the row is mended, and --check says so; nobody else suffers."""
    daemon = make_lmtpd()
    home = home.format(root=daemon.vhosts)
    path = case("path", "''", "'Maildir'") if why == "Maildir" else ""
    daemon.configure(mysql={"user_query": query(case("home", f"'{home}'") + path)})
    daemon.start()
    assert rcpt(daemon, EMAIL1) == "451 4.3.5"
    assert deliver(daemon, EMAIL2) == ["250 2.0.0"]
    [line] = daemon.log(event="delivery", status="deferred")
    assert EMAIL1 in line["reason"] and "refused" in line["reason"]
    done = daemon.run("--check", EMAIL1)
    assert done.returncode == 75 and "451 4.3.5" in done.stdout
    done = daemon.run("--check")
    assert done.returncode == 78
    assert f"the mail of {EMAIL1} is put off" in done.stdout


def test_symbolic_link_out_of_a_root(make_lmtpd, directory):
    daemon = make_lmtpd()
    more, outside = own(directory / "more"), own(directory / "outside")
    (more / "one").symlink_to(outside)
    daemon.configure(maildir={"roots": [str(more)]}, mysql={"user_query": query(
        case("home", f"'{more}/one'"))})
    daemon.start()
    assert deliver(daemon, EMAIL1) == ["451 4.2.0"]
    assert list(outside.iterdir()) == []


def test_root_that_is_not_there(make_lmtpd, directory):
    """Its mailboxes wait; the start, and all others, do not mind."""
    daemon = make_lmtpd()
    daemon.configure(maildir={"roots": [f"{directory}/absent"]}, mysql={"user_query": query(
        case("home", f"'{directory}/absent/one'"))})
    daemon.start()
    assert deliver(daemon, EMAIL1, EMAIL2) == ["451 4.2.0", "250 2.0.0"]
    done = daemon.run("--check")
    assert done.returncode == 78 and f"{directory}/absent: No such file" in done.stdout


def test_two_rows_with_one_home(make_lmtpd):
    daemon = make_lmtpd()
    daemon.configure(mysql={"user_query": query(f", '{daemon.vhosts}/one' AS home")})
    daemon.start()
    done = daemon.run("--check")
    assert done.returncode == 78
    assert f"{EMAIL1} and {EMAIL2} have one mailbox" in done.stdout
    # One message reaches one mailbox once.
    assert deliver(daemon, EMAIL1, EMAIL2) == ["250 2.0.0"] * 2
    assert len(files(daemon.vhosts / "one/Maildir")) == 1


# --- enabled ----------------------------------------------------------------

@pytest.mark.quick
def test_disabled(asked, database):
    """Known and refused: no catch-all takes its mail."""
    database.add_alias("@example.com", EMAIL2)
    daemon = asked(case("enabled", 0, 1))
    assert rcpt(daemon, EMAIL1) == "550 5.2.1"
    assert rcpt(daemon, "email1+detail@example.com") == "550 5.2.1"
    assert rcpt(daemon, "nobody@example.com") == "250 2.1.5"
    [line, _] = daemon.log(event="delivery", status="rejected")
    assert line["reason"] == f"{EMAIL1} is disabled"
    done = daemon.run("--check", EMAIL1)
    assert done.returncode == 67 and "550 5.2.1" in done.stdout
    assert daemon.run("--check").returncode == 0


def test_disabled_is_put_off(asked):
    daemon = asked(case("enabled", 0, 1), lmtp={"disabled": "defer"})
    assert rcpt(daemon, EMAIL1) == "450 4.2.1"
    assert daemon.run("--check", EMAIL1).returncode == 75


def test_list_without_the_disabled(asked, database):
    database.add_alias("team@example.com", f"{EMAIL1},{EMAIL2}")
    daemon = asked(case("enabled", 0, 1))
    assert deliver(daemon, "team@example.com") == ["250 2.0.0"]
    assert daemon.reached() == {"example.com/email2": 1}
    [line] = daemon.log(event="alias")
    assert f"{EMAIL1} is disabled" in line["reason"]


# --- state ------------------------------------------------------------------

@pytest.mark.quick
def test_other_node(asked, database):
    database.add_alias("team@example.com", f"{EMAIL1},{EMAIL2}")
    daemon = asked(case("state", "'n2'"), lmtp={"node": "n1"})
    assert rcpt(daemon, EMAIL1) == "451 4.3.2"
    assert rcpt(daemon, "team@example.com") == "451 4.3.2"
    assert deliver(daemon, EMAIL2) == ["250 2.0.0"]
    assert daemon.reached() == {"example.com/email2": 1}
    for line in daemon.log(event="delivery", status="deferred"):
        assert line["reason"] == f"{EMAIL1} is served by node n2"
    prometheus = daemon.run("--status", "--prometheus").stdout
    assert ('lmtpd_recipients_total{status="deferred",code="451",dsn="4.3.2",'
            'reason="Mailbox is served elsewhere"} 2') in prometheus
    done = daemon.run("--check", EMAIL1)
    assert done.returncode == 75 and "is served by node n2" in done.stdout


def test_own_node_is_the_host_name(asked):
    daemon = asked(", 'MX.example.com' AS state")
    assert deliver(daemon, EMAIL1) == ["250 2.0.0"]


def test_moving(asked):
    daemon = asked(case("state", "'moving'"))
    assert rcpt(daemon, EMAIL1) == "451 4.3.2"
    [line] = daemon.log(event="delivery")
    assert line["reason"] == f"{EMAIL1} is being moved"


# --- columns that are none --------------------------------------------------

def test_unknown_column(make_lmtpd):
    """Running goes on with what was; a start answers 451; --check names those that are known."""
    daemon = make_lmtpd().start()
    good = daemon.config_path.read_text()
    daemon.configure(mysql={"user_query": query(", 1 AS enable")})
    daemon.signal(signal.SIGHUP)
    [line] = daemon.wait_for_log(event="reload")
    assert "its column enable is not known" in line["reason"]
    assert "home, path, enabled, state" in line["reason"]
    assert rcpt(daemon, EMAIL1) == "250 2.1.5"
    done = daemon.run("--check")
    assert done.returncode == 78 and "enable is not known" in done.stdout
    daemon.config_path.write_text(good)


@pytest.mark.parametrize("column", [", '' AS enabled", ", 'y' AS enabled", ", REPEAT('x', 2000) AS home",
                                    ", CONCAT('/', CHAR(10)) AS home", ", CHAR(0) AS state"])
def test_columns_that_cannot_be_used(asked, column):
    daemon = asked(column)
    assert rcpt(daemon, EMAIL1) == "451 4.3.5"
    assert daemon.run("--check", EMAIL1).returncode == 75
    assert f"mail is put off: the row of {EMAIL1}" in daemon.run("--check").stdout


def test_many_recipients_with_columns(asked, database):
    """Those that are looked up together get their own rows."""
    database.sql("INSERT INTO virtual_users (domain_id, password, email) "
                 "SELECT 1, '', CONCAT('many', seq, '@example.com') FROM seq_1_to_64")
    daemon = asked(", IF(email LIKE '%%2@%%', 0, 1) AS enabled, NULL AS home")
    with daemon.session() as session:
        session.mail()
        for turn in range(2):
            session.send("".join(f"RCPT TO:<many{n}@example.com>\r\n" for n in range(1, 65)))
            found = [reply.status for reply in session.replies(64)]
            assert found == ["550 5.2.1" if n % 10 == 2 else "250 2.1.5" for n in range(1, 65)]


# --- soft_bounce ------------------------------------------------------------

def test_soft_bounce(make_lmtpd, database):
    """Nothing is refused for good while a site is being moved."""
    daemon = make_lmtpd(lmtp={"soft_bounce": True, "message_size_limit": 1000}).start()
    assert rcpt(daemon, "nobody@example.com") == "450 4.1.1"
    assert rcpt(daemon, "x@elsewhere.example") == "450 4.1.2"
    with daemon.session() as session:
        assert session.command("NONSENSE").status == "400 4.5.1"
        assert session.command("MAIL FROM:<a@b> SIZE=2000").status == "452 4.3.4"
        assert session.command("MAIL FROM:<a@b>").status == "250 2.1.0"
        assert session.rcpt(EMAIL1).status == "250 2.1.5"
        session.command("DATA")
        session.send("x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 20 + ".\r\n")
        assert session.reply().status == "452 4.3.4"
    for line in daemon.log(event="delivery"):
        assert line["status"] == "deferred"
    done = daemon.run("--check", "nobody@example.com")
    assert done.returncode == 67 and "450 4.1.1 <nobody@example.com>" in done.stdout
    done = daemon.run("--check")
    assert "soft_bounce" in done.stdout
    assert "soft_bounce" in daemon.run("--status").stdout
