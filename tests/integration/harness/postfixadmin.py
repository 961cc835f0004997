"""The tables of PostfixAdmin, and what its pages do with them."""

import re

from harness.mariadb import quote
from harness.presets import read_grants, read_tables


class PostfixAdmin:
    """What its pages do with the tables of a database that is selected."""

    def __init__(self, database, account):
        self.database = database
        preset = read_grants("postfixadmin", database.database)
        granted = re.findall(r"GRANT[^;]*?(?=\s+TO 'lmtpd'@)", preset)
        self.grants = "".join(f"{grant} TO {account};\n" for grant in granted)
        database.sql(read_tables("postfixadmin")[0])
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
