"""The users in the database."""

from harness.mariadb import SCHEMA
from workloads import EXISTING, USERS

# As long as a real one: what the database reads is what it would read.
HASH = "$6$qK6vOLrQgeLk2tSd$" + "x" * 86
ACCOUNTS = [f"'{user}'@'{host}'" for user in ("mailuser", "mailauth")
            for host in ("localhost", "127.0.0.1")]


def add_users(database, name, numbers):
    database.reset(name)
    database.sql(
        "INSERT INTO virtual_users (domain_id, password, email) SELECT 1, "
        f"'{HASH}', CONCAT('u', seq, '@example.com') FROM seq_{numbers[0]}_to_{numbers[-1]}")


def add_rows(database):
    """mailserver has all users, few has those whose mailboxes exist."""
    database.sql("CREATE DATABASE few", database="")
    database.sql((SCHEMA / "schema.sql").read_text(), database="few")
    for account in ACCOUNTS:
        database.sql(f"GRANT SELECT ON few.* TO {account}")
    add_users(database, "few", EXISTING)
    add_users(database, "mailserver", USERS)
