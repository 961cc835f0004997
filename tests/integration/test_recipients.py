"""Who gets the mail: the tables decide."""

import pytest

from harness.lmtp import message

pytestmark = pytest.mark.quick

EMAIL1 = "example.com/email1"
EMAIL2 = "example.com/email2"


@pytest.fixture(params=["schema", "guide"])
def tables(request):
    """Both kinds of tables: ours in utf8mb4, the guide's in utf8."""
    return request.getfixturevalue("database" if request.param == "schema" else "guide_database")


@pytest.fixture
def delivers(make_lmtpd):
    """delivers(address, ...): the mailboxes that a message to these addresses reached."""
    def deliver(*addresses, **overrides):
        daemon = make_lmtpd(**overrides).start()
        with daemon.session() as session:
            for reply in session.deliver(*addresses):
                assert reply.status == "250 2.0.0"
        deliver.daemon = daemon
        return daemon.reached()

    return deliver


@pytest.fixture
def refuses(make_lmtpd):
    """refuses(address): the status of the reply to RCPT, which must not be 250."""
    def rcpt(address, **overrides):
        daemon = make_lmtpd(**overrides).start()
        with daemon.session() as session:
            session.mail()
            reply = session.rcpt(address)
            assert reply.code != 250
            assert session.command("DATA").status == "503 5.5.1"
        assert list(daemon.vhosts.iterdir()) == [], "a refused recipient left a directory"
        rcpt.daemon = daemon
        return reply.status

    return rcpt


# --- which row wins ---------------------------------------------------------

def test_mailbox(tables, delivers):
    assert delivers("email1@example.com") == {EMAIL1: 1}


def test_alias(tables, delivers):
    assert delivers("alias@example.com") == {EMAIL1: 1}


def test_mailbox_comes_before_alias(tables, delivers):
    tables.add_alias("email1@example.com", "email2@example.com")
    assert delivers("email1@example.com") == {EMAIL1: 1}


def test_detail_is_cut_off(tables, delivers):
    assert delivers("email1+lists@example.com") == {EMAIL1: 1}


def test_detail_begins_at_the_first_delimiter(tables, delivers):
    assert delivers("email1+a+b@example.com") == {EMAIL1: 1}


def test_mailbox_with_detail_comes_before_the_plain_one(tables, delivers):
    tables.add_user("email1+lists@example.com")
    assert delivers("email1+lists@example.com") == {"example.com/email1+lists": 1}


def test_alias_with_detail_comes_before_the_plain_mailbox(tables, delivers):
    tables.add_alias("email1+lists@example.com", "email2@example.com")
    assert delivers("email1+lists@example.com") == {EMAIL2: 1}


def test_plain_mailbox_comes_before_plain_alias(tables, delivers):
    tables.add_alias("email1@example.com", "email2@example.com")
    assert delivers("email1+lists@example.com") == {EMAIL1: 1}


def test_detail_goes_along_through_an_alias(tables, delivers):
    tables.add_user("email1+lists@example.com")
    assert delivers("alias+lists@example.com") == {"example.com/email1+lists": 1}


def test_catch_all_comes_last(tables, delivers):
    tables.add_alias("@example.com", "email2@example.com")
    reached = delivers("email1@example.com", "alias@example.com", "anything@example.com",
                       "email1+x@example.com")
    assert reached == {EMAIL1: 1, EMAIL2: 1}


@pytest.mark.parametrize("address", ["anything@example.com", "any+thing@example.com"])
def test_catch_all(tables, delivers, address):
    tables.add_alias("@example.com", "email2@example.com")
    assert delivers(address) == {EMAIL2: 1}


def test_catch_all_of_another_domain_is_not_ours(database, refuses):
    database.add_alias("@hostname", "email2@example.com")
    assert refuses("nobody@example.com") == "550 5.1.1"


@pytest.mark.parametrize("address", ["EMAIL1@example.com", "email1@EXAMPLE.COM"])
def test_case_of_the_address_does_not_matter(tables, delivers, address):
    assert delivers(address) == {EMAIL1: 1}


@pytest.mark.parametrize("address", [
    "Mixed.Case@Example.ORG", "mixed.case@example.org", "MIXED.CASE+Tag@EXAMPLE.ORG",
])
def test_path_has_the_case_of_the_row(tables, delivers, address):
    """Dovecot opens the mailbox by the row, however the user types the login."""
    tables.add_domain("Example.ORG")
    tables.add_user("Mixed.Case@Example.ORG")
    assert delivers(address) == {"Example.ORG/Mixed.Case": 1}


def test_alias_in_mixed_case(tables, delivers):
    tables.add_alias("Sales@Example.com", "Email2@example.com")
    assert delivers("sales@example.com") == {EMAIL2: 1}


def test_quote_in_the_local_part(tables, delivers):
    tables.add_user("o'neil@example.com")
    assert delivers("o'neil@example.com") == {"example.com/o'neil": 1}


def test_quoted_local_part_is_the_same_address(database, delivers):
    assert delivers('"email1"@example.com') == {EMAIL1: 1}


# --- the delimiter ----------------------------------------------------------

def test_delimiter_is_a_set_of_characters(database, delivers):
    assert delivers("email1-a@example.com", "email2+b@example.com",
                    lmtp={"recipient_delimiter": "+-"}) == {EMAIL1: 1, EMAIL2: 1}


def test_no_delimiter(database, refuses):
    assert refuses("email1+x@example.com", lmtp={"recipient_delimiter": ""}) == "550 5.1.1"


@pytest.mark.parametrize("address, plain", [
    ("mailer-daemon@example.com", "mailer@example.com"),
    ("double-bounce@example.com", "double@example.com"),
    ("owner-list@example.com", "owner@example.com"),
    ("list-request@example.com", "list@example.com"),
])
def test_names_that_are_never_split(database, refuses, address, plain):
    """These mean something of their own to Postfix, which never splits them at a hyphen."""
    database.add_user(plain)
    assert refuses(address, lmtp={"recipient_delimiter": "-"}) == "550 5.1.1"


@pytest.mark.parametrize("address", ["+lists@example.com", "+@example.com"])
def test_local_part_never_becomes_empty(database, refuses, address):
    database.add_user("@example.com")
    assert refuses(address).startswith("550 5.1.")


# --- aliases ----------------------------------------------------------------

def test_comma_list(tables, delivers):
    tables.add_alias("team@example.com", "email1@example.com, email2@example.com")
    assert delivers("team@example.com") == {EMAIL1: 1, EMAIL2: 1}


def test_several_rows(tables, delivers):
    tables.add_alias("team@example.com", "email1@example.com")
    tables.add_alias("team@example.com", "email2@example.com")
    assert delivers("team@example.com") == {EMAIL1: 1, EMAIL2: 1}


def test_several_levels(tables, delivers):
    tables.add_alias("all@example.com", "staff@example.com")
    tables.add_alias("staff@example.com", "team@example.com,email2@example.com")
    tables.add_alias("team@example.com", "alias@example.com")
    assert delivers("all@example.com") == {EMAIL1: 1, EMAIL2: 1}


def test_destination_that_is_its_own_source_ends_there(tables, delivers):
    tables.add_alias("team@example.com", "team@example.com, email1@example.com")
    assert delivers("team@example.com") == {EMAIL1: 1}


def test_one_message_for_one_mailbox(tables, delivers):
    tables.add_alias("team@example.com", "email1@example.com, alias@example.com")
    reached = delivers("email1@example.com", "alias@example.com", "team@example.com",
                       "email1@example.com", "email1+x@example.com")
    assert reached == {EMAIL1: 1}


def test_sixty_destinations(database, delivers):
    names = [f"member{n}@example.com" for n in range(60)]
    for name in names:
        database.add_user(name)
        database.add_alias("list@example.com", name)
    assert delivers("list@example.com") == {f"example.com/member{n}": 1 for n in range(60)}


def test_missing_destination_is_left_out(tables, delivers):
    tables.add_alias("team@example.com", "gone@example.com")
    tables.add_alias("team@example.com", "email2@example.com")
    assert delivers("team@example.com") == {EMAIL2: 1}
    assert "gone@example.com" in delivers.daemon.output(), "the log must warn of it"


def test_all_destinations_missing(tables, refuses):
    tables.add_alias("team@example.com", "gone@example.com, lost@example.com")
    assert refuses("team@example.com") == "550 5.1.1"


def test_loop(tables, refuses):
    tables.add_alias("a@example.com", "b@example.com")
    tables.add_alias("b@example.com", "a@example.com")
    assert refuses("a@example.com") == "451 4.4.6"
    log = refuses.daemon.output()
    assert any("a@example.com" in line and "b@example.com" in line for line in log.splitlines())


def test_too_many_levels(tables, refuses):
    for level in range(15):
        tables.add_alias(f"level{level}@example.com", f"level{level + 1}@example.com")
    tables.add_alias("level15@example.com", "email1@example.com")
    assert refuses("level0@example.com") == "451 4.4.6"


def test_nine_levels_are_fine(tables, delivers):
    for level in range(8):
        tables.add_alias(f"level{level}@example.com", f"level{level + 1}@example.com")
    tables.add_alias("level8@example.com", "email1@example.com")
    assert delivers("level0@example.com") == {EMAIL1: 1}


def test_too_many_results(database, refuses):
    database.sql(
        "INSERT INTO virtual_aliases (domain_id, source, destination) "
        "SELECT 1, 'crowd@example.com', CONCAT('member', seq, '@example.com') FROM seq_1_to_1500"
    )
    assert refuses("crowd@example.com") == "451 4.4.6"


@pytest.mark.parametrize("destination", [
    "friend@elsewhere.example", "email1@example.com, friend@elsewhere.example",
])
def test_alias_that_leads_elsewhere(tables, refuses, destination):
    """Postfix expands it before us; here it is a mistake that must not lose mail."""
    tables.add_alias("away@example.com", destination)
    assert refuses("away@example.com") == "451 4.3.5"


# --- postmaster -------------------------------------------------------------

@pytest.mark.parametrize("address", ["postmaster", "Postmaster", "POSTMASTER"])
@pytest.mark.parametrize("hostname", ["example.com", "mx.example.com"])
def test_postmaster_without_a_domain(database, lmtpd, hostname, address):
    database.add_alias("postmaster@example.com", "email1@example.com")
    daemon = lmtpd(hostname=hostname, lmtp={"recipient_delimiter": "+p"})
    with daemon.session() as session:
        assert session.deliver(address)[0].code == 250
    assert daemon.reached() == {EMAIL1: 1}
    assert "250 2.1.5" in daemon.run("--check", address).stdout


def test_nobody_is_postmaster(database, lmtpd):
    daemon = lmtpd(hostname="mx.example.com")
    with daemon.session() as session:
        session.mail()
        assert session.rcpt("postmaster").status == "550 5.1.1"
    [line] = daemon.log(event="delivery")
    assert line["reason"] == "nobody is postmaster at mx.example.com; nor at example.com"


# --- refusals ---------------------------------------------------------------

@pytest.mark.parametrize("address, status", [
    ("nobody@example.com", "550 5.1.1"),
    ("nobody+email1@example.com", "550 5.1.1"),
    ("email1@elsewhere.example", "550 5.1.2"),
    ("email1@sub.example.com", "550 5.1.2"),
    ("%@example.com", "550 5.1.1"),
    ("email_@example.com", "550 5.1.1"),
    ("%d%n%u@example.com", "550 5.1.1"),
    ("$(id)@example.com", "550 5.1.1"),
    ("|cat@example.com", "550 5.1.1"),
    ("~root@example.com", "550 5.1.1"),
    ('"\' or 1=1 -- "@example.com', "550 5.1.1"),
    ("' or '1'='1@example.com", "550 5.1.3"),
])
def test_unknown_addresses(tables, refuses, address, status):
    assert refuses(address) == status


@pytest.mark.parametrize("address, status", [
    ("../../x@example.com", "550 5.1.1"), ("a/b@example.com", "550 5.1.1"),
    ("..@example.com", "550 5.1.1"), (".@example.com", "550 5.1.1"),
    ("email1@../..", "550 5.1.2"), ("email1@example.com/x", "550 5.1.2"),
])
def test_what_would_be_a_bad_path_is_unknown(database, refuses, address, status):
    """Postfix took such mail for what is behind it: no syntax of ours makes it bounce."""
    assert refuses(address) == status


@pytest.mark.parametrize("detail", ["a/b", "../x", ".", "..", "../../../x", "a\\/b"])
def test_any_detail_is_fine(database, delivers, detail):
    """It never becomes a path."""
    database.add_alias("sales@example.com", "email2@example.com")
    assert delivers(f"email1+{detail}@example.com") == {EMAIL1: 1}
    assert delivers(f"sales+{detail}@example.com") == {EMAIL2: 1}


@pytest.mark.parametrize("row", ["a/b@example.com", "../x@example.com", ".@example.com",
                                 "..@example.com", "x@..", "x@a/b"])
def test_a_row_whose_path_is_refused(database, lmtpd, row):
    """The sender keeps the mail until the row is mended; an alias that leads there has the same end."""
    domain = row.split("@")[1]
    if domain != "example.com":
        database.add_domain(domain)
    database.add_user(row)
    database.add_alias("team@example.com", f"email1@example.com, {row}")
    daemon = lmtpd()
    with daemon.session() as session:
        session.mail()
        assert session.rcpt(row).status == "451 4.3.5"
        assert session.rcpt("team@example.com").status == "451 4.3.5"
        assert session.rcpt("email1@example.com").status == "250 2.1.5"
    for line in daemon.log(event="delivery", status="deferred"):
        assert f"the path of mailbox {row} is refused" in line["reason"]
    done = daemon.run("--check", row)
    assert done.returncode == 75 and "451 4.3.5" in done.stdout
    assert f'"{row}" can be no mailbox' in daemon.run("--check").stdout


@pytest.mark.parametrize("address", [
    "l" * 300 + "@example.com", "email1@" + "d" * 300 + ".com", '""@example.com',
])
def test_addresses_that_can_be_no_mailbox(database, refuses, address):
    assert refuses(address) == "550 5.1.3"


@pytest.mark.parametrize("address", [
    b"\xff@example.com", b"\xc3@example.com", b"\xc0\xafx@example.com", b"a\x01b@example.com",
    b"a\x7fb@example.com", b"\xed\xa0\x80@example.com", b"x@\xff.example.com",
], ids=repr)
def test_bytes_that_are_no_address(database, refuses, address):
    assert refuses(address) == "550 5.1.3"


def test_control_characters_never_reach_the_log(lmtpd):
    daemon = lmtpd()
    with daemon.session() as session:
        session.mail()
        assert session.rcpt(b"a\x1b[2Jb@example.com").code == 550
    assert "\x1b" not in daemon.output()


# --- what MySQL takes for equal, and is not ---------------------------------

@pytest.mark.parametrize("row, address", [
    ("resume@example.com", "résumé@example.com"),
    ("josé@example.com", "jose@example.com"),
    ("strasse@example.com", "straße@example.com"),
    ("blank@example.com", '"blank "@example.com'),
    ("blank@example.com ", "blank@example.com"),
    ("ümlaut@example.com", "ÜMLAUT@example.com"),
], ids=["accents", "no accents", "sharp s", "blank asked for", "blank in the row", "umlaut's case"])
def test_rows_that_only_the_collation_matches(tables, refuses, row, address):
    tables.add_user(row)
    assert refuses(address) == "550 5.1.1"


@pytest.mark.parametrize("row, address", [
    ("resumé@example.com", "resume@example.com"), ("resume@example.com ", "resume@example.com"),
])
def test_alias_rows_that_only_the_collation_matches(tables, refuses, row, address):
    tables.add_alias(row, "email1@example.com")
    assert refuses(address) == "550 5.1.1"


def test_domain_rows_that_only_the_collation_matches(tables, refuses):
    tables.add_domain("exämple.org")
    assert refuses("x@example.org") == "550 5.1.2"


@pytest.mark.parametrize("address, status", [
    ("\N{GRINNING FACE}@example.com", "550 5.1.1"), ("x@\N{GRINNING FACE}.example", "550 5.1.2"),
])
def test_characters_that_the_columns_cannot_hold(tables, refuses, address, status):
    """MySQL calls the comparison an error; nobody has the address all the same."""
    assert refuses(address) == status


def test_utf8_rows_match_themselves(tables, delivers):
    tables.add_user("josé@example.com")
    assert delivers("josé@example.com") == {"example.com/josé": 1}


@pytest.mark.parametrize("row", [
    "../../evil@example.com", "a/b@example.com", "..@example.com", "x@..", "x@a/b",
])
def test_row_that_would_leave_the_base(database, make_lmtpd, row):
    """A row that the database holds is not trusted with a path either."""
    database.add_user(row)
    database.add_alias("evil@example.com", row)
    daemon = make_lmtpd().start()
    with daemon.session() as session:
        session.mail()
        assert session.rcpt("evil@example.com").code in (451, 550)
        assert session.rcpt("email1@example.com").code == 250
        assert session.data(message(), 1)[0].code == 250
    assert daemon.reached() == {EMAIL1: 1}
    assert [path.name for path in daemon.vhosts.iterdir()] == ["example.com"]


def test_unknown_address_makes_no_directory(database, make_lmtpd):
    daemon = make_lmtpd().start()
    with daemon.session() as session:
        session.mail()
        session.rcpt("nobody@example.com")
        session.rcpt("x@hostname")
        session.rcpt("email1@example.com")
        session.data(message(), 1)
    assert [path.name for path in daemon.vhosts.iterdir()] == ["example.com"]
    assert [path.name for path in (daemon.vhosts / "example.com").iterdir()] == ["email1"]
