"""A private Dovecot, configured as the widespread guide configures it: one that reads the mail by IMAP
and POP3, and one that delivers it by LMTP."""

import os

from harness.lmtp import Client
from harness.mariadb import AUTH_PASSWORD
from harness.process import MAIL_GROUP, MAIL_ID, Daemon, answers, free_port, run, run_checked

CONFIG = """
base_dir = {base}/run
state_dir = {base}/state
log_path = /dev/stderr
listen = 127.0.0.1
ssl = no
{cleartext}
auth_mechanisms = plain login
first_valid_uid = {uid}
"""

PASSDB_2_3 = """
passdb {{
  driver = sql
  args = {base}/dovecot-sql.conf.ext
}}
"""
PASSDB_2_4 = """
passdb sql {{
  default_password_scheme = SHA512-CRYPT
  query = SELECT email AS user, password FROM virtual_users WHERE email = '%{{user}}'
}}
!include {base}/dovecot-sql.conf.ext
"""

READING = """
protocols = imap pop3
default_vsz_limit = 1G
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service stats {{
  client_limit = 100
}}
"""

DELIVERING = """
protocols = lmtp
service lmtp {{
  unix_listener {socket} {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
"""

RUNNING_SCRIPTS_2_3 = """
postmaster_address = postmaster@example.com
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = ~/.dovecot.sieve
}}
"""
RUNNING_SCRIPTS_2_4 = """
postmaster_address = postmaster@example.com
protocol lmtp {{
  mail_plugins {{
    sieve = yes
  }}
}}
"""

# As its own examples have quota, with one limit for all, and a tenth of it for the last message.
QUOTA_2_3 = """
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
}}
plugin {{
  quota = {driver}:User quota
  quota_vsizes = {has_vsizes}
  quota_rule = *:bytes={limit}
}}
"""
QUOTA_2_4 = """
mail_plugins {{
  quota = yes
}}
protocol imap {{
  mail_plugins {{
    imap_quota = yes
  }}
}}
quota "User quota" {{
  driver = {driver}
  storage_size = {limit}B
  storage_grace = {grace}B
}}
"""

# ManageSieve, and Pigeonhole's Sieve in delivery, with what lmtpd knows besides the defaults.
SIEVE = """
protocols = imap lmtp sieve
hostname = mx.example.com
postmaster_address = postmaster@example.com
recipient_delimiter = +
lda_mailbox_autocreate = no
service managesieve-login {{
  inet_listener sieve {{
    port = {sieve_port}
  }}
}}
namespace inbox {{
  inbox = yes
  mailbox Junk {{
    special_use = \\Junk
  }}
}}
"""
SIEVE_2_3 = """
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_extensions = +editheader +special-use +spamtest +spamtestplus
  sieve_spamtest_status_type = score
  sieve_spamtest_status_header = X-Spam-Score
  sieve_spamtest_max_value = 10
}}
"""
SIEVE_2_4 = """
protocol lmtp {{
  mail_plugins {{
    sieve = yes
  }}
}}
sieve_script personal {{
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}}
sieve_extensions {{
  editheader = yes
  special-use = yes
  spamtest = yes
  spamtestplus = yes
}}
sieve_spamtest_status_type = score
sieve_spamtest_status_header = X-Spam-Score
sieve_spamtest_score_max_value = 10
"""

BOTH = """
protocols = imap lmtp
service lmtp {{
  unix_listener {socket} {{
    mode = 0600
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""

SQL_2_3 = """
driver = mysql
connect = host=127.0.0.1 port={port} dbname={name} user=mailauth password={password}
default_pass_scheme = SHA512-CRYPT
password_query = SELECT email as user, password FROM virtual_users WHERE email='%u'
"""
SQL_2_4 = """
sql_driver = mysql
mysql 127.0.0.1 {{
  port = {port}
  dbname = {name}
  user = mailauth
  password = {password}
}}
"""


def is_2_4():
    """Is it that version, or 2.3? They hardly have a word in common."""
    return not run_checked("dovecot", "--version").startswith("2.3.")


def header():
    """What a configuration begins with."""
    return "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" if is_2_4() else ""


def home_below(root):
    return f"{root}/%{{user | domain}}/%{{user | username}}" if is_2_4() else f"{root}/%d/%n"


def mail_at(path="~/Maildir", driver="maildir", option_2_3="", setting_2_4=""):
    """Where mail lies, and what else is said of it."""
    if is_2_4():
        return f"""
mail_driver = {driver}
mail_path = {path}
mail_inbox_path = .
{setting_2_4}
"""
    return f"mail_location = {driver}:{path}{option_2_3}\n"


def users_below(root, uid=5000, gid=5000):
    if is_2_4():
        return f"""
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {home_below(root)}
  }}
}}
"""
    return f"""
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home_below(root)}
}}
"""


class GuideDovecot(Daemon):
    """What both have in common: the mail's place, its owner, and users from the database."""

    def __init__(self, base, database, vhosts, services, **values):
        super().__init__(base / "dovecot.log")
        for name in ("run", "state"):
            (base / name).mkdir(parents=True)
        passdb, cleartext, account = (
            (PASSDB_2_4, "auth_allow_cleartext = yes", SQL_2_4) if is_2_4() else
            (PASSDB_2_3, "disable_plaintext_auth = no", SQL_2_3))
        text = (CONFIG + passdb + services).format(
            base=base, cleartext=cleartext, uid=MAIL_ID, **values)
        (base / "dovecot.conf").write_text(
            header() + text + mail_at() + users_below(vhosts, MAIL_ID, MAIL_GROUP))
        sql = base / "dovecot-sql.conf.ext"
        sql.write_text(account.format(
            port=database.port, name=database.database, password=AUTH_PASSWORD))
        os.chmod(sql, 0o600)
        self.config_path = base / "dovecot.conf"

    def start(self):
        self.spawn(["dovecot", "-F", "-c", self.config_path])
        self.wait_until_answers(self.is_answering)


class Dovecot(GuideDovecot):
    def __init__(self, base, database, vhosts):
        self.imap_port = free_port()
        self.pop3_port = free_port()
        super().__init__(base, database, vhosts, READING,
                         imap_port=self.imap_port, pop3_port=self.pop3_port)

    def is_answering(self):
        return answers(self.imap_port) and answers(self.pop3_port)


class DovecotLmtp(GuideDovecot):
    def __init__(self, base, database, vhosts, socket, has_sieve=False):
        self.socket = socket
        scripts = RUNNING_SCRIPTS_2_4 if is_2_4() else RUNNING_SCRIPTS_2_3
        super().__init__(base, database, vhosts, DELIVERING + (scripts if has_sieve else ""),
                         socket=socket)

    def is_answering(self):
        try:
            with Client(self.socket) as client:
                return client.reply().code == 220
        except OSError:
            return False


def script_of_admin(kind, path):
    """One that runs before or after those of users."""
    if is_2_4():
        return f"sieve_script {kind} {{{{\n  type = {kind}\n  path = {path}\n}}}}\n"
    return f"plugin {{{{\n  sieve_{kind} = {path}\n}}}}\n"


class SieveDovecot(GuideDovecot):
    """Keeps scripts by ManageSieve, shows mail by IMAP, and runs scripts in its LMTP: those of users, and the
    admin's, {"before": path, "after": path}; more: settings behind its own."""

    def __init__(self, base, database, vhosts, scripts=(), more=""):
        self.imap_port, self.sieve_port = free_port(), free_port()
        self.socket = base / "lmtp"
        self.vhosts = vhosts
        services = SIEVE + (SIEVE_2_4 if is_2_4() else SIEVE_2_3) + BOTH.replace("protocols = imap lmtp\n", "")
        services += "".join(script_of_admin(kind, path) for kind, path in dict(scripts).items())
        super().__init__(base, database, vhosts, services, imap_port=self.imap_port,
                         sieve_port=self.sieve_port, socket=self.socket)
        with self.config_path.open("a") as config:
            config.write(more)

    def is_answering(self):
        return answers(self.imap_port) and answers(self.sieve_port) and self.socket.exists()


class QuotaDovecot(GuideDovecot):
    """Reads by IMAP and delivers by LMTP, with one of its drivers of quota."""

    def __init__(self, base, database, vhosts, driver, limit):
        self.imap_port = free_port()
        self.socket = base / "lmtp"
        super().__init__(base, database, vhosts, (QUOTA_2_4 if is_2_4() else QUOTA_2_3) + BOTH,
                         imap_port=self.imap_port, socket=self.socket, driver=driver,
                         limit=limit, grace=limit // 10,
                         has_vsizes="yes" if driver == "count" else "no")

    def is_answering(self):
        return answers(self.imap_port) and self.socket.exists()

    def doveadm(self, *arguments):
        done = run("doveadm", "-c", self.config_path, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def usage(self, user):
        """Bytes and messages, as Dovecot says them; bytes in steps of 1024."""
        rows = self.doveadm("-f", "tab", "quota", "get", "-u", user).splitlines()[1:]
        values = {row.split("\t")[1]: int(row.split("\t")[2]) for row in rows}
        return values["STORAGE"], values["MESSAGE"]
