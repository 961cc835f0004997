"""A private Dovecot that reads the mail: IMAP and POP3, and no LMTP."""

import os

from harness.mariadb import AUTH_PASSWORD
from harness.process import MAIL_GROUP, MAIL_ID, Daemon, answers, free_port

CONFIG = """
base_dir = {base}/run
state_dir = {base}/state
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap pop3
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
first_valid_uid = {uid}
default_vsz_limit = 1G
passdb {{
  driver = sql
  args = {base}/dovecot-sql.conf.ext
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={vhosts}/%d/%n
}}
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

SQL_CONFIG = """
driver = mysql
connect = host=127.0.0.1 port={port} dbname=mailserver user=mailauth password={password}
default_pass_scheme = SHA512-CRYPT
password_query = SELECT email as user, password FROM virtual_users WHERE email='%u'
"""


class Dovecot(Daemon):
    def __init__(self, base, database, vhosts):
        super().__init__(base / "dovecot.log")
        self.imap_port = free_port()
        self.pop3_port = free_port()
        for name in ("run", "state"):
            (base / name).mkdir(parents=True)
        (base / "dovecot.conf").write_text(CONFIG.format(
            base=base, vhosts=vhosts, uid=MAIL_ID, gid=MAIL_GROUP,
            imap_port=self.imap_port, pop3_port=self.pop3_port,
        ))
        sql = base / "dovecot-sql.conf.ext"
        sql.write_text(SQL_CONFIG.format(port=database.port, password=AUTH_PASSWORD))
        os.chmod(sql, 0o600)
        self.config_path = base / "dovecot.conf"

    def start(self):
        self.spawn(["dovecot", "-F", "-c", self.config_path])
        self.wait_until_answers(lambda: answers(self.imap_port) and answers(self.pop3_port))
