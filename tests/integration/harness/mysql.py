"""A private MySQL in the place of MariaDB, where the environment variable DATABASE says mysql."""

import contextlib
import os
import re

from harness.mariadb import MariaDB, running_mariadb
from harness.process import run_checked

IS_MYSQL = os.environ.get("DATABASE") == "mysql"
# Or MariaDB's: the client library of the programs that are tested.
IS_ORACLES_LIBRARY = "/libmysqlclient/" in os.environ.get("LMTPD", "")

# It makes itself a certificate. So that it is as MariaDB, it has TLS only where a test asks for it; its
# passwords, which want a safe way, go over plain TCP under the key that it makes beside it.
NO_TLS = ["--tls-version="]


class MySQL(MariaDB):
    """Tests speak to it in MariaDB's SQL."""

    client_program = "mysql"
    client_options = []

    def __init__(self, directory, options=NO_TLS, **how):
        super().__init__(directory, options=options, **how)
        self.sequences = set()

    def make_data(self):
        run_checked("mysqld", "--no-defaults", *self.as_root, "--initialize-insecure",
                    f"--datadir={self.data}", self.temporary, timeout=300)

    def program(self):
        return ["mysqld", "--no-defaults", "--mysqlx=OFF", "--secure-file-priv=NULL"]

    def sql(self, text, database=None, **account):
        text = re.sub(r"KILL USER '(\w+)'@'localhost'", lambda found: self.kills_of(found[1]), text)
        for n in set(re.findall(r"seq_1_to_(\d+)", text)):
            self.make_sequence(int(n), self.database if database is None else database)
        return super().sql(text, database, **account)

    def kills_of(self, user):
        found = super().sql(
            f"SELECT id FROM information_schema.processlist WHERE user = '{user}' AND host = 'localhost'",
            database="")
        return ";".join(f"KILL {id}" for [id] in found) or "DO 0"

    def make_sequence(self, n, database):
        if (n, database) in self.sequences:
            return
        self.sequences.add((n, database))
        super().sql(
            f"CREATE TABLE seq_1_to_{n} (seq INT PRIMARY KEY); SET cte_max_recursion_depth = {n};"
            f"INSERT INTO seq_1_to_{n} WITH RECURSIVE n AS "
            f"(SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < {n}) SELECT seq FROM n", database)


@contextlib.contextmanager
def running_database(directory, **how):
    """The one that is tested."""
    with running_mariadb(directory, MySQL if IS_MYSQL else MariaDB, **how) as server:
        yield server
