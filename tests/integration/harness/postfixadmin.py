"""The tables of PostfixAdmin, as far as mail is concerned, in its character sets."""

from harness.mariadb import quote

TABLES = """
CREATE TABLE domain (
  domain VARCHAR(255) NOT NULL PRIMARY KEY,
  transport VARCHAR(255) NOT NULL DEFAULT 'virtual',
  quota BIGINT NOT NULL DEFAULT 0,
  backupmx TINYINT(1) NOT NULL DEFAULT 0,
  active TINYINT(1) NOT NULL DEFAULT 1
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE mailbox (
  username VARCHAR(255) NOT NULL PRIMARY KEY,
  password VARCHAR(255) NOT NULL DEFAULT '*',
  name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  maildir VARCHAR(255) NOT NULL,
  quota BIGINT NOT NULL DEFAULT 0,
  local_part VARCHAR(255) NOT NULL,
  domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE alias (
  address VARCHAR(255) NOT NULL PRIMARY KEY,
  goto TEXT NOT NULL,
  domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE alias_domain (
  alias_domain VARCHAR(255) NOT NULL PRIMARY KEY,
  target_domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  KEY active (active), KEY target_domain (target_domain)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
-- What all domains have in common belongs to a domain of this name.
INSERT INTO domain (domain) VALUES ('ALL');
"""

# What lmtpd's queries read, and no more.
GRANTS = """
GRANT SELECT (domain, backupmx, active) ON domain TO {account};
GRANT SELECT (username, maildir, domain, active) ON mailbox TO {account};
GRANT SELECT (address, goto, domain, active) ON alias TO {account};
GRANT SELECT (alias_domain, target_domain, active) ON alias_domain TO {account};
"""


class PostfixAdmin:
    """What its pages do with the tables of a database that is selected."""

    def __init__(self, database, account):
        self.database = database
        self.grants = GRANTS.format(account=account)
        database.sql(TABLES)
        database.sql(self.grants)

    def revoke(self):
        """Grants stay when their tables go."""
        self.database.sql(self.grants.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))

    def add_domain(self, name, **columns):
        self._insert("domain", domain=name, **columns)

    def add_mailbox(self, address, maildir=None, **columns):
        """With the alias of every mailbox, which leads to itself."""
        local, domain = address.split("@")
        self._insert("mailbox", username=address, local_part=local, domain=domain,
                     maildir=maildir or f"{domain}/{local}/", **columns)
        self.add_alias(address, address, **columns)

    def add_alias(self, address, goto, **columns):
        self._insert("alias", address=address, goto=goto, domain=address.split("@")[1], **columns)

    def add_alias_domain(self, name, target, **columns):
        self.add_domain(name)
        self._insert("alias_domain", alias_domain=name, target_domain=target, **columns)

    def _insert(self, table, **columns):
        values = ", ".join(str(value) if isinstance(value, int) else quote(value)
                           for value in columns.values())
        self.database.sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})")
