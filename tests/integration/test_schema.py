"""The SQL files that a site loads."""

import pytest

from harness.mariadb import AUTH_PASSWORD, PASSWORD, SCHEMA
from harness.process import run_checked


def reads(database, query, user, password):
    """Runs a query as an account; None when it may not."""
    done = database.client(query, "mailserver", user=user, password=password)
    if done.returncode != 0:
        assert "denied" in done.stderr, done.stderr
        return None
    return done.stdout.split()


@pytest.mark.parametrize("query, count", [
    ("SELECT email FROM virtual_users WHERE email = 'email1@example.com'", 1),
    ("SELECT destination, source FROM virtual_aliases WHERE source = 'alias@example.com'", 2),
    ("SELECT name FROM virtual_domains WHERE name = 'example.com'", 1),
    # The queries of Postfix's maps run under the same account.
    ("SELECT 1 FROM virtual_domains WHERE name='example.com'", 1),
    ("SELECT 1 FROM virtual_users WHERE email='email1@example.com'", 1),
    ("SELECT destination FROM virtual_aliases WHERE source='alias@example.com'", 1),
])
def test_account_of_lmtpd_reads_what_it_needs(database, query, count):
    assert len(reads(database, query, "mailuser", PASSWORD)) == count


@pytest.mark.parametrize("query", [
    "SELECT password FROM virtual_users", "SELECT * FROM virtual_users",
    "SELECT email FROM virtual_users WHERE password LIKE '$6$%'",
    "DELETE FROM virtual_users", "INSERT INTO virtual_domains (name) VALUES ('x')",
])
def test_account_of_lmtpd_reads_no_password(database, query):
    assert reads(database, query, "mailuser", PASSWORD) is None


def test_account_of_auth_reads_only_logins(database):
    query = "SELECT email, password FROM virtual_users WHERE email = 'email1@example.com'"
    assert len(reads(database, query, "mailauth", AUTH_PASSWORD)) == 2
    for other in ("virtual_aliases", "virtual_domains"):
        assert reads(database, f"SELECT * FROM {other}", "mailauth", AUTH_PASSWORD) is None


def test_schema_loads_over_itself(database):
    database.sql((SCHEMA / "schema.sql").read_text())
    assert database.sql("SELECT COUNT(*) FROM virtual_users") == [["2"]]


@pytest.mark.parametrize("query", [
    "SELECT email FROM virtual_users WHERE email = 'x'",
    "SELECT destination FROM virtual_aliases WHERE source = 'x'",
    "SELECT name FROM virtual_domains WHERE name = 'x'",
])
def test_look_ups_use_an_index(database, query):
    database.sql("INSERT INTO virtual_domains (name) SELECT CONCAT('d', seq) FROM seq_1_to_500")
    database.sql("INSERT INTO virtual_aliases (domain_id, source, destination) "
                 "SELECT 1, CONCAT('s', seq), 'd' FROM seq_1_to_500")
    [[_, _, _, kind, *_]] = database.sql(f"EXPLAIN FORMAT=TRADITIONAL {query}")
    assert kind in ("ref", "const", "NULL"), kind


def test_deleting_a_domain_deletes_its_rows(database):
    database.sql("DELETE FROM virtual_domains WHERE id = 1")
    assert database.sql("SELECT * FROM virtual_users") == []
    assert database.sql("SELECT * FROM virtual_aliases") == []


@pytest.mark.parametrize("user, password", [("1", "firstpassword"), ("2", "secondpassword")])
def test_sample_passwords(database, user, password):
    [[stored]] = database.sql(f"SELECT password FROM virtual_users WHERE id = {user}")
    salt = stored.split("$")[2]
    assert len(stored) == 106
    assert run_checked("openssl", "passwd", "-6", "-salt", salt, password).strip() == stored
