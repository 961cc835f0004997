"""Passwords that others have made: schemes, several for one user, and where they count."""

import re
import time

import pytest

from harness.auth import EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, plain_response, set_password
from harness.manual import Manual
from harness.mariadb import quote
from harness.process import run, run_checked

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.quick

PAGE = Manual("administer.md", "Passwords of single devices")
WORD = "Büro-Tür 7"
SCHEMES = ["ARGON2ID", "ARGON2I", "PBKDF2", "SSHA512", "SSHA256", "SSHA", "SHA512", "SHA256",
           "SSHA512.HEX", "SSHA.hex", "SHA256.HEX", "SHA256.b64", "SSHA256.BASE64", "PBKDF2.B64",
           "ARGON2ID.B64", "SHA512-CRYPT.HEX", "BLF-CRYPT"]
# Fits nothing, and takes a second or more.
COSTLY = "{PBKDF2}$1$salt$4000000$" + "0" * 40
ABSURD = "$argon2id$v=19$m=1073741824,t=1,p=1$c29tZXNhbHQ$" + "A" * 43


def hash_of(word, scheme="SSHA256"):
    """By Dovecot."""
    return run_checked("doveadm", "pw", "-s", scheme, "-p", word).strip()


@pytest.fixture
def app_passwords(database):
    """The table of the manual."""
    text = PAGE.block("CREATE TABLE")
    database.sql("DROP TABLE IF EXISTS app_passwords; " + text)
    yield database
    # A grant stays when its table goes, and other tests tell what the account may not read.
    database.sql(re.sub(r"\bTO\b", "FROM", text[text.index("GRANT"):]).replace("GRANT", "REVOKE"))
    database.sql("DROP TABLE app_passwords")


@pytest.fixture
def wide(database):
    """wide(n): room for a stored text of n bytes, for this test."""
    yield lambda n: database.sql(f"ALTER TABLE virtual_users MODIFY password VARCHAR({n}) NOT NULL")
    database.reset()
    database.sql("ALTER TABLE virtual_users MODIFY password VARCHAR(106) NOT NULL")


def add(database, word, label="", service="smtp", email=EMAIL1, stored=None):
    """A further password; rows come in the order in which they were added."""
    stored = hash_of(word) if stored is None else stored
    database.sql(
        "INSERT INTO app_passwords (user_id, label, service, password) SELECT id, "
        f"{quote(label)}, {quote(service)}, {quote(stored)} FROM virtual_users "
        f"WHERE email = {quote(email)}")


@pytest.fixture
def devices(auth, app_passwords):
    """lmtpd-auth with the query of the manual."""
    return auth(mysql={"password_query": PAGE.value("password_query")})


def closes(daemon, user, password):
    """The connection closes without an answer: Postfix says 454."""
    with daemon.client(timeout=120) as client:
        client.send_plain(user, password)
        return client.is_closed()


# --- schemes ----------------------------------------------------------------

def test_hashes_of_dovecot(auth, database, wide):
    wide(400)
    for scheme in SCHEMES:
        set_password(database, f"{scheme.lower()}@example.com", hash_of(WORD, scheme))
    with auth().client(timeout=60) as client:
        for scheme in SCHEMES:
            user = f"{scheme.lower()}@example.com"
            assert client.plain(user, WORD).verb == "OK", scheme
            assert client.plain(user, WORD + "x").verb == "FAIL", scheme
            assert client.plain(user, "").verb == "FAIL", scheme


def test_dovecot_takes_ours(auth_binary):
    made = run_checked(auth_binary, "--hash", "argon2id", input=WORD + "\n").strip()
    assert len(made) <= 106, "the guide's column"
    assert "(verified)" in run_checked("doveadm", "pw", "-t", made, "-p", WORD)
    assert run("doveadm", "pw", "-t", made, "-p", WORD + "x").returncode != 0


@pytest.mark.parametrize("stored", [
    ABSURD, "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=262144,t=1,p=16777216$c29tZXNhbHQ$" + "A" * 43,
    "{PBKDF2}$1$salt$4294967295$" + "0" * 40, "{SSHA512}", "{SSHA}AAAA", "{SHA256}====",
    "{SSHA}" + "A" * 10_000, "{SSHA512.HEX}" + "0" * 10_000, "{ARGON2ID.HEX}00",
])
def test_stored_text_that_is_hostile(auth, database, wide, stored):
    """Nothing is said of the password, and others are served meanwhile."""
    wide(12000)
    set_password(database, EMAIL1, stored)
    daemon = auth()
    if stored == "{SSHA512}":  # nothing behind a scheme: locked
        with daemon.client() as client:
            assert client.plain(EMAIL1, PASSWORD1).verb == "FAIL"
        return
    assert closes(daemon, EMAIL1, PASSWORD1)
    [line] = daemon.wait_for_log(event="auth")
    assert line["result"] == "error" and "cannot be checked" in line["reason"]
    with daemon.client() as client:
        assert client.plain(EMAIL2, PASSWORD2).verb == "OK"


def test_check_counts_schemes(make_auth, database, wide):
    """Which of them are weak; and one that nobody can check is a FAIL."""
    stored = {"a": hash_of("x", "ARGON2ID"), "b": hash_of("x", "SSHA512"), "c": hash_of("x", "SHA256"),
              "d": hash_of("x", "PBKDF2")}
    wide(400)
    for name, text in stored.items():
        set_password(database, f"{name}@example.com", text)
    daemon = make_auth()
    done = daemon.run("--check")
    assert done.returncode == 0
    said = {m[2]: m[1] for m in re.finditer(r"(\w+) +hashes: 1 of 6 users: (\w+)", done.stdout)}
    assert said == {"argon2id": "ok", "SSHA512": "warn", "SHA256": "warn", "PBKDF2": "ok"}
    set_password(database, "a@example.com", ABSURD)
    done = daemon.run("--check")
    assert done.returncode == 78
    assert "FAIL  hashes: 1 of 6 users: cannot be checked here" in done.stdout
    assert "256 MiB" in done.stdout


# --- several passwords ------------------------------------------------------

def test_passwords_of_devices(devices, app_passwords):
    """All of it as the manual says: each fits, the log names it, and one can be taken away."""
    insert, delete = PAGE.statements()
    app_passwords.sql(insert.replace("$hash", hash_of("of the telephone")))
    add(app_passwords, "of the laptop", "laptop")
    with devices.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).user == EMAIL1
        assert client.plain("Email1@EXAMPLE.com", "of the telephone").user == EMAIL1
        assert client.plain(EMAIL1, "of the laptop").user == EMAIL1
        assert client.plain(EMAIL1, "of nobody").verb == "FAIL"
        assert client.plain(EMAIL2, "of the telephone").verb == "FAIL"
        app_passwords.sql(delete)
        assert client.plain(EMAIL1, "of the telephone").verb == "FAIL"
        assert client.plain(EMAIL1, "of the laptop").verb == "OK"
    lines = devices.wait_for_log(7, event="auth")
    assert [line.get("label") for line in lines] == [
        "main", "telephone", "laptop", None, None, None, "laptop"]
    assert devices.run("--check").returncode == 0
    assert "password_query" not in devices.run("--check").stdout.replace("ok    password_query", "")


def test_no_label_without_the_column(auth):
    daemon = auth()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    assert "label" not in daemon.log(event="auth")[0]


def test_label_is_a_strangers_text(devices, app_passwords):
    """Escaped, and cut."""
    app_passwords.sql("ALTER TABLE app_passwords MODIFY label VARCHAR(400) NOT NULL")
    add(app_passwords, "one", 'a" result=fail\nevent=auth')
    add(app_passwords, "two", "x" * 400)
    with devices.client() as client:
        assert client.plain(EMAIL1, "one").verb == "OK"
        assert client.plain(EMAIL1, "two").verb == "OK"
    first, second = devices.wait_for_log(2, event="auth")
    assert first["result"] == "ok" and first["label"].startswith("a")
    assert second["label"] == "x" * 64


def test_first_row_that_fits_counts(devices, app_passwords):
    for label in ("first", "second"):
        add(app_passwords, "same", label)
    with devices.client() as client:
        assert client.plain(EMAIL1, "same").verb == "OK"
    assert devices.log(event="auth")[0]["label"] == "first"


def test_eight_rows_and_nine(devices, app_passwords):
    """A row that is locked is no password; with nine nothing is said, whatever the password."""
    for number in range(7):
        add(app_passwords, f"word {number}", f"device {number}")
    for stored in ("", "*", "!x", "{SSHA}"):
        add(app_passwords, "", stored=stored)
    with devices.client() as client:
        assert client.plain(EMAIL1, "word 6").verb == "OK"
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        assert client.plain(EMAIL1, "word 7").verb == "FAIL"
    add(app_passwords, "word 7")
    for word in (PASSWORD1, "word 7", "wrong"):
        assert closes(devices, EMAIL1, word)
    lines = devices.wait_for_log(3, event="auth", result="error")
    assert {line["reason"] for line in lines} == {"the user has more than 8 passwords"}
    done = devices.run("--verify", EMAIL1, input="word 7")
    assert done.returncode == 75 and "more than 8 passwords" in done.stderr


def test_locked_rows_are_skipped(devices, app_passwords):
    add(app_passwords, "word")
    set_password(app_passwords, EMAIL1, "!" + hash_of(PASSWORD1))
    with devices.client() as client:
        assert client.plain(EMAIL1, "word").verb == "OK"
        assert client.plain(EMAIL1, PASSWORD1).verb == "FAIL"
        app_passwords.sql("UPDATE app_passwords SET password = '*'")
        assert client.plain(EMAIL1, "word").verb == "FAIL"
    assert [line["reason"] for line in devices.wait_for_log(2, event="auth", result="fail")] == [
        "wrong password", "locked"]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("stored", [ABSURD, "{CRYPT-OF-SOMEBODY}x"])
def test_row_that_cannot_be_checked(devices, app_passwords, position, stored):
    """It hides none that fits; but where none does it may have been this one."""
    for number in range(3):
        add(app_passwords, f"word {number}", stored=stored if number == position else None)
    with devices.client() as client:
        for number in {0, 1, 2} - {position}:
            assert client.plain(EMAIL1, f"word {number}").verb == "OK"
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    assert closes(devices, EMAIL1, "wrong")
    assert "cannot be checked" in devices.wait_for_log(event="auth", result="error")[0]["reason"]
    with devices.client() as client:
        assert client.plain(EMAIL2, "wrong").verb == "FAIL"


def test_rows_of_another_do_not_count(auth, database):
    """However many a query finds: only those count that are who was asked for."""
    daemon = auth(mysql={"password_query": (
        "SELECT email, password FROM virtual_users WHERE email = '%u' UNION ALL "
        f"SELECT '{EMAIL2}', password FROM virtual_users WHERE '%u' <> '' UNION ALL "
        "SELECT NULL, password FROM virtual_users")})
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        assert client.plain(EMAIL1, PASSWORD2).verb == "FAIL"
        assert client.plain(EMAIL2, PASSWORD1).verb == "OK"


def test_rows_that_take_too_long(devices, app_passwords):
    """After four seconds no further one is tried; and the next login is served."""
    for _ in range(7):
        add(app_passwords, "", stored=COSTLY)
    assert closes(devices, EMAIL1, "wrong")
    [line] = devices.wait_for_log(event="auth")
    assert line["result"] == "error" and "more than 4 s to hash" in line["reason"]
    with devices.client(timeout=60) as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK", "the first row"
        assert client.plain(EMAIL2, PASSWORD2).verb == "OK"


def test_time_of_a_failure_hides_the_rows(devices, app_passwords):
    """Who has many passwords, or none: the answer takes as long."""
    for _ in range(3):
        add(app_passwords, "", stored=COSTLY.replace("4000000", "250000"))
    with devices.client(timeout=60) as client:
        assert client.plain(EMAIL1, "wrong").verb == "FAIL"
        status = devices.told()
        slowest = min(status["hashings"]["max"], 4.5)
        assert slowest > 0.05
        for user in ("nobody@example.com", EMAIL2):
            began = time.monotonic()
            assert client.plain(user, "wrong").verb == "FAIL"
            assert time.monotonic() - began > slowest - 0.05


def test_same_name_in_two_rows(auth, database):
    """Each with a spelling and a password of its own."""
    database.sql("ALTER TABLE virtual_users DROP INDEX email")
    try:
        set_password(database, "EMAIL1@example.com", hash_of("other"))
        with auth().client() as client:
            assert client.plain(EMAIL1, PASSWORD1).user == EMAIL1
            assert client.plain(EMAIL1, "other").user == "EMAIL1@example.com"
            assert client.plain(EMAIL1, "third").verb == "FAIL"
    finally:
        database.sql("DELETE FROM virtual_users")
        database.sql("ALTER TABLE virtual_users ADD UNIQUE KEY email (email)")


# --- where they count -------------------------------------------------------

def test_service_and_client(auth, database):
    """%s and %r are what Postfix says of the login; both are empty where it says nothing."""
    daemon = auth(mysql={"password_query": (
        "SELECT email, password, CONCAT('%s', '/', '%r') AS Label FROM virtual_users "
        "WHERE email = '%u' AND '%s' IN ('', 'smtp') AND '%r' <> '192.0.2.66'")})
    response = plain_response(EMAIL1, PASSWORD1)
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1, rip="192.0.2.7").verb == "OK"
        assert client.plain(EMAIL1, PASSWORD1, rip="192.0.2.66").verb == "FAIL"
        client.send(f"AUTH\t91\tPLAIN\tresp={response}\n")
        assert client.answer().verb == "OK"
        client.send("AUTH\t92\tPLAIN\tservice=imap\trip=2001:db8::1\t"
                    f"resp={response}\n")
        assert client.answer().verb == "FAIL"
        client.send(f"AUTH\t93\tPLAIN\tservice=' OR 1=1 -- \tresp={response}\n")
        assert client.answer().verb == "FAIL"
    lines = daemon.log(event="auth", result="ok")
    assert [line["label"] for line in lines] == ["smtp/192.0.2.7", "/"]
    done = daemon.run("--verify", EMAIL1, input=PASSWORD1)
    assert done.returncode == 0, "service smtp, and no address"


def test_service_of_devices(devices, app_passwords):
    add(app_passwords, "for mail", service="smtp")
    add(app_passwords, "for reading", service="imap")
    with devices.client() as client:
        assert client.plain(EMAIL1, "for mail").verb == "OK"
        assert client.plain(EMAIL1, "for reading").verb == "FAIL"


def test_unknown_column(make_auth):
    daemon = make_auth(mysql={"password_query":
                              "SELECT email, password, 'x' AS labels FROM virtual_users "
                              "WHERE email = '%u'"})
    done = daemon.run("--check")
    assert done.returncode == 78
    assert ("password_query: its column labels is not known; behind the password there may be label"
            in done.stdout)


def test_placeholders_of_a_login_are_of_no_other_query(make_auth):
    daemon = make_auth(mysql={"password_query": "SELECT email, password FROM virtual_users "
                              "WHERE '%s' = 'smtp'"})
    code, said = daemon.fails_to_start()
    assert code == 78 and "password_query" in said and "placeholder" in said
