"""The presets of examples/schemas/, each with the tables and rows of its panel."""

import os
import re
from pathlib import Path

from harness.auth import LmtpdAuth
from harness.base import TREE
from harness.check import ConfiguredPostfix
from harness.lmtpd import Lmtpd
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID, run
from harness.program import render, render_config

PRESETS = TREE / "examples/schemas"
TABLES = Path(__file__).with_name("schemas")
DATABASE = "panel"
SECRET = "presetpass"


def read_tables(name):
    """(the statements that make the tables, those that fill them)"""
    made, filled = re.split(r"^-- ROWS.*\n", (TABLES / f"{name}.sql").read_text(), flags=re.MULTILINE)
    return made, filled


def read_grants(name, database):
    """What makes the accounts, on the tables of this database."""
    text = (PRESETS / name / "grants.sql").read_text()
    text = re.sub(r"(\bON\s+)\w+\.", rf"\g<1>{database}.", text)
    return re.sub(r"CHANGE-ME-[\w-]+", SECRET, text)


def with_keys(text, section, **keys):
    """The text of a configuration with these keys of a section in the place of its own."""
    for key, value in keys.items():
        start = re.search(rf"^{section} {{\n", text, flags=re.MULTILINE).end()
        end = text.index("\n}\n", start)
        body = re.sub(rf"^ +{key} +=.*\n", "", text[start:end], flags=re.MULTILINE)
        text = f"{text[:start]}  {key} = {render(value)}\n{body}{text[end:]}"
    return text


class Site:
    """A machine of the panel that has moved to lmtpd: its tables and accounts, and both daemons with the preset as it
    stands, but for the way to the database and the mail root."""

    def __init__(self, name, directory, server, binaries, hashes, root):
        self.name = name
        self.server = server
        self.hashes = hashes
        directory.mkdir()
        self.lmtpd = Lmtpd(binaries[0], self._make(directory / "mail"), server)
        self.auth = LmtpdAuth(binaries[1], self._make(directory / "auth"), server)
        self.postfix = ConfiguredPostfix(directory)
        self.root = root
        self._configure()

    @staticmethod
    def _make(path):
        """A directory of the owner of the mail."""
        path.mkdir()
        if IS_ROOT:
            os.chown(path, MAIL_ID, MAIL_GROUP)
        return path

    def _preset(self, file):
        """With the way to the database."""
        text = (PRESETS / self.name / file).read_text()
        return with_keys(text, "mysql", hosts=[f"unix:{self.server.socket}"], dbname=DATABASE,
                         password_file="", password=SECRET)

    def _configure(self):
        config = self.lmtpd.config
        text = self._preset("lmtpd.conf").replace(self.root, str(self.lmtpd.vhosts))
        text = with_keys(text, "maildir", user=config["maildir"]["user"],
                         group=config["maildir"]["group"])
        own = {key: config[key] for key in ("hostname", "lmtp")}
        self.lmtpd.config_path.write_text(render_config(own) + text)
        own = {"auth": self.auth.config["auth"]}
        self.auth.config_path.write_text(render_config(own) + self._preset("auth.conf"))
        # The directory before the first placeholder is one that is there on such a machine.
        [base] = re.findall(r'^  home += "([^%]*)/%', text, flags=re.MULTILINE)
        if not Path(base).is_dir():
            self._make(Path(base))

    def start(self):
        made, filled = read_tables(self.name)
        words = {"ROOT": str(self.lmtpd.vhosts), **self.hashes}
        filled = re.sub(rf"\b({'|'.join(words)})\b", lambda found: words[found[1]], filled)
        made = made.replace("ROOT", words["ROOT"])
        self.server.sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4", database="")
        self.server.sql(made + filled, database=DATABASE)
        self.server.sql(read_grants(self.name, DATABASE), database="")
        self.lmtpd.start()
        self.auth.start()

    def stop(self):
        """Both daemons must have been sane; grants stay when tables go, so the accounts go too."""
        codes = [daemon.stop() for daemon in (self.lmtpd, self.auth) if daemon.is_running()]
        users = self.server.sql("SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user "
                                "WHERE user LIKE 'lmtpd%'", database="")
        self.server.sql("".join(f"DROP USER {user};" for [user] in users)
                        + f"DROP DATABASE IF EXISTS {DATABASE}", database="")
        for daemon in (self.lmtpd, self.auth):
            daemon.assert_sane()
        assert set(codes) <= {0}

    def _maildirs(self):
        root = self.lmtpd.vhosts
        return {str(path.parent.relative_to(root)): len(list(path.iterdir()))
                for path in root.glob("**/new")}

    def outcome(self, address):
        """The Maildirs that get a message to this address, or the reply that refuses it."""
        before = self._maildirs()
        with self.lmtpd.session() as session:
            session.mail()
            status = session.rcpt(address).status
        if status != "250 2.1.5":
            return status
        with self.lmtpd.session() as session:
            [reply] = session.deliver(address)
            assert reply.status == "250 2.0.0"
        return sorted(name for name, n in self._maildirs().items() if n > before.get(name, 0))

    def login(self, user, password, rip=None):
        """The name that Postfix gets, or None."""
        with self.auth.client() as client:
            answer = client.plain(user, password, rip=rip)
        return answer.user if answer.verb == "OK" else None

    def senders(self, addresses):
        """Who may send as each of these, by the map of the preset."""
        text = (PRESETS / self.name / "sender-login.cf").read_text()
        keys = {"hosts": f"unix:{self.server.socket}", "user": "root", "password": "",
                "dbname": DATABASE}
        for key, value in keys.items():
            text = re.sub(rf"^{key} +=.*$", f"{key} = {value}", text, flags=re.MULTILINE)
        file = self.postfix.etc / "sender-login.cf"
        file.write_text(text)
        done = run("postmap", "-c", str(self.postfix.etc), "-q", "-", f"mysql:{file}",
                   input="".join(f"{address}\n" for address in addresses))
        assert done.stderr == ""
        found = dict(line.split("\t", 1) for line in done.stdout.splitlines())
        return {address: set(re.split(r"[,\s]+", found.get(address, ""))) - {""}
                for address in addresses}
