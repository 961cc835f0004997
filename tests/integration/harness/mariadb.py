"""A private MariaDB with the tables and accounts of schema/."""

import contextlib
from pathlib import Path

from harness.process import IS_ROOT, Daemon, free_port, run, run_checked

SCHEMA = Path(__file__).resolve().parents[3] / "schema"
PASSWORD = "mailuserpass"
AUTH_PASSWORD = "mailauthpass"

# The tables as the widespread guide made them, with MySQL's old three-byte UTF-8.
GUIDE_SCHEMA = """
CREATE TABLE virtual_domains (
  id int(11) NOT NULL auto_increment, name varchar(50) NOT NULL, PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE virtual_users (
  id int(11) NOT NULL auto_increment, domain_id int(11) NOT NULL,
  password varchar(106) NOT NULL, email varchar(100) NOT NULL,
  PRIMARY KEY (id), UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains(id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE virtual_aliases (
  id int(11) NOT NULL auto_increment, domain_id int(11) NOT NULL,
  source varchar(100) NOT NULL, destination varchar(100) NOT NULL,
  PRIMARY KEY (id), FOREIGN KEY (domain_id) REFERENCES virtual_domains(id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
"""


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0") + "'"


def galera_options():
    """A cluster of one node, which is all of it."""
    return [
        "--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so", "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2", "--wsrep-cluster-address=gcomm://",
        "--wsrep-node-address=127.0.0.1",
        f"--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{free_port()};"
        "gcache.size=1M",
    ]


# Since 11.4 it makes itself a certificate.
NO_TLS = ["--skip-ssl"]


class MariaDB(Daemon):
    client_program = "mariadb"
    # Since 11.4 it would not take a certificate that it cannot verify.
    client_options = ["--skip-ssl"]

    def __init__(self, directory, buffer_pool="16M", has_network=True, options=NO_TLS):
        super().__init__(directory / "mariadb.log")
        self.buffer_pool = buffer_pool
        self.more_options = options
        self.data = directory / "data"
        self.socket = directory / "s"
        self.port = free_port() if has_network else None
        self.database = "mailserver"
        self.as_root = ["--user=root"] if IS_ROOT else []
        # One that starts takes away what it takes for another's leavings in a directory that they share.
        self.temporary = f"--tmpdir={directory}"

    def make_data(self):
        # --force: it would refuse on a machine that cannot resolve its own name.
        run_checked(
            "mariadb-install-db", "--no-defaults", *self.as_root, f"--datadir={self.data}", self.temporary,
            "--auth-root-authentication-method=normal", "--skip-test-db", "--force",
            timeout=600,
        )

    def program(self):
        return ["mariadbd", "--no-defaults"]

    def install(self):
        self.make_data()
        self.start()
        grants = (SCHEMA / "grants.sql").read_text()
        grants = grants.replace("CHANGE-ME-mailuser", PASSWORD)
        grants = grants.replace("CHANGE-ME-mailauth", AUTH_PASSWORD)
        self.sql("CREATE DATABASE mailserver; CREATE DATABASE guide", database="")
        self.sql((SCHEMA / "schema.sql").read_text(), database="mailserver")
        self.sql(GUIDE_SCHEMA, database="guide")
        self.sql(grants, database="")
        for host in ("localhost", "127.0.0.1"):
            self.sql(f"GRANT SELECT ON guide.* TO 'mailuser'@'{host}'")

    def command(self):
        # Names are not resolved, so that 127.0.0.1 and the socket are two accounts.
        network = (["--bind-address=127.0.0.1", f"--port={self.port}"] if self.port
                   else ["--skip-networking"])
        return [
            *self.program(), *self.as_root, f"--datadir={self.data}", self.temporary,
            f"--socket={self.socket}", f"--pid-file={self.data}/pid",
            *network, "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=2",
            f"--innodb-buffer-pool-size={self.buffer_pool}",
            "--max-connections=400", *self.more_options,
        ]

    def start(self):
        self.spawn(self.command())
        self.wait_until_answers(lambda: self.client("SELECT 1").returncode == 0, 120)

    def client(self, text, database="", user="root", password=None):
        secret = [f"--password={password}"] if password else []
        return run(
            self.client_program, "--no-defaults", *self.client_options, f"--user={user}", *secret, f"--socket={self.socket}",
            "--default-character-set=utf8mb4", "--batch", "--skip-column-names",
            *([database] if database else []), input=text,
        )

    def sql(self, text, database=None, **account):
        """Runs statements; returns the rows as lists of strings."""
        done = self.client(text, self.database if database is None else database, **account)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        return [line.split("\t") for line in done.stdout.splitlines()]

    def reset(self, database="mailserver"):
        """Brings back the sample rows, and only these, and makes the database the current one."""
        self.database = database
        self.sql(
            "DELETE FROM virtual_aliases; DELETE FROM virtual_users; DELETE FROM virtual_domains;"
            + (SCHEMA / "sample.sql").read_text()
        )

    def add_domain(self, name):
        self.sql(f"INSERT INTO virtual_domains (name) VALUES ({quote(name)})")

    def add_user(self, email):
        self.sql(
            "INSERT INTO virtual_users (domain_id, password, email) SELECT id, '*', "
            f"{quote(email)} FROM virtual_domains WHERE id = 1"
        )

    def add_alias(self, source, destination):
        self.sql(
            "INSERT INTO virtual_aliases (domain_id, source, destination) "
            f"VALUES (1, {quote(source)}, {quote(destination)})"
        )


@contextlib.contextmanager
def running_mariadb(directory, kind=MariaDB, **how):
    """One that is installed in a new directory, and runs until it is left."""
    directory.mkdir()
    server = kind(directory, **how)
    try:
        server.install()
        yield server
    finally:
        server.stop()
