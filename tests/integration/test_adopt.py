"""lmtpd --adopt: what the real postconf and doveconf say of a machine becomes configurations that serve it."""

import os
import re
import stat

import pytest

from harness.auth import PASSWORD1
from harness.check import ConfiguredPostfix
from harness.mariadb import AUTH_PASSWORD, PASSWORD
from harness.postfixadmin import PostfixAdmin
from harness.process import MAIL_GROUP, MAIL_ID, as_user, run

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.needs_root

EMAIL1 = "email1@example.com"

MAP = """user = {user}
password = {password}
hosts = {host}
dbname = {name}
query = {query}
"""

GUIDE_MAPS = {
    "virtual_mailbox_domains": "SELECT 1 FROM virtual_domains WHERE name='%s'",
    "virtual_mailbox_maps": "SELECT 1 FROM virtual_users WHERE email='%s'",
    "virtual_alias_maps": "SELECT destination FROM virtual_aliases WHERE source='%s'",
}

# Of the guide, and others that go on from there.
DOVECOT = """
protocols = imap pop3 lmtp
auth_mechanisms = plain login
mail_location = {location}
ssl = no
first_valid_uid = 100
passdb {{
  driver = sql
  args = {sql}
}}
userdb {{
  {userdb}
}}
service lmtp {{
  unix_listener {queue}/private/dovecot-lmtp {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
service auth {{
  unix_listener {queue}/private/auth {{
    mode = 0666
    user = postfix
    group = postfix
  }}
  unix_listener auth-userdb {{
    mode = 0600
    user = vmail
  }}
}}
{more}
"""

GUIDE_SQL = """driver = mysql
connect = host={host} dbname={name} user={user} password={password}
default_pass_scheme = SHA512-CRYPT
password_query = SELECT email as user, password FROM virtual_users WHERE email='%u';
"""

ISPMAIL_SQL = r"""driver = mysql

connect = \
  host=127.0.0.1 \
  port={port} \
  dbname={name} \
  user=mailauth \
  password={password}

user_query = SELECT email as user, \
  concat('*:bytes=', quota) AS quota_rule, \
  '{vhosts}/%d/%n' AS home, \
  {uid} AS uid, {gid} AS gid \
  FROM virtual_users WHERE email='%u'

# as the tables have them
default_pass_scheme = SHA512-CRYPT
password_query = SELECT password FROM virtual_users WHERE email='%u'

iterate_query = SELECT email AS user FROM virtual_users
"""

POSTFIXADMIN_SQL = """driver = mysql
connect = host=127.0.0.1 port={port} dbname={name} user=mailauth password={password}
default_pass_scheme = CRYPT
password_query = SELECT username AS user, password FROM mailbox WHERE username = '%u' AND active = '1'
user_query = SELECT '{vhosts}/%d/%n' AS home, 'maildir:{vhosts}/%d/%n' AS mail, {uid} AS uid, \
{gid} AS gid FROM mailbox WHERE username = '%u' AND active = '1'
"""


class Machine:
    """A Postfix and a Dovecot as files."""

    def __init__(self, directory, etc_dovecot, binary):
        self.postfix = ConfiguredPostfix(directory)
        self.queue = self.postfix.queue
        self.dovecot = etc_dovecot
        self.sql = etc_dovecot / "dovecot-sql.conf.ext"
        self.new = directory / "new"
        self.binary = binary

    def write_maps(self, maps, database="mailserver", host="127.0.0.1", user="mailuser",
                   prefix="mysql:", **settings):
        """{parameter: query, or several of them}, each in a file of its own."""
        made = {}
        for parameter, queries in maps.items():
            specs = []
            for query in [queries] if isinstance(queries, str) else queries:
                path = self.postfix.etc / f"{parameter}{len(specs)}.cf"
                path.write_text(MAP.format(user=user, password=PASSWORD, host=host,
                                           name=database, query=query))
                specs.append(f"{prefix}{path}")
            made[parameter] = ", ".join(specs)
        self.postfix.write(**{**made, **settings})

    def write_dovecot(self, sql, location="maildir:~/Maildir", userdb="", queue=None, more=""):
        (self.dovecot / "dovecot.conf").write_text(DOVECOT.format(
            location=location, sql=self.sql, queue=queue or self.queue, more=more, userdb=userdb))
        self.sql.write_text(sql)
        self.sql.chmod(0o600)

    def adopt(self, *arguments, **options):
        environment = {**os.environ, "MAIL_CONFIG": str(self.postfix.etc)}
        return run(self.binary, "--adopt", *arguments, env=environment, **options)

    def printed(self):
        """Both files, and what standard error says."""
        done = self.adopt()
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        assert AUTH_PASSWORD not in done.stdout + done.stderr
        mail, logins = re.fullmatch(
            r"# /\S+/lmtpd\.conf\n(.*)\n# /\S+/auth\.conf\n(.*)\n", done.stdout, re.DOTALL).groups()
        return mail, logins, done.stderr

    def serve(self, daemon, name, socket):
        """The daemon reads the file that was written, but for what belongs to the package."""
        daemon.config_path = self.new / f"{name}.conf"
        section = "auth" if name == "auth" else "lmtp"
        account = (f'  user = "{daemon.user}"\n  group = "{daemon.group}"\n  failure_delay = 0\n'
                   if name == "auth" else "")
        with daemon.config_path.open("a") as config:
            config.write(f'{section} {{\n  control = "{daemon.control}"\n{account}}}\n')
        daemon.socket = self.queue / "private" / socket
        return daemon.start()


def said(text):
    """The lines that are no comments."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def machine(directory, lay_over, binary):
    etc = directory / "dovecot-etc"
    etc.mkdir()
    lay_over(etc, "/etc/dovecot")
    return Machine(directory, etc, binary)


@pytest.fixture
def served(machine, make_lmtpd, make_auth):
    """served(): both daemons, with what --adopt --write has written."""
    daemon = make_lmtpd(starts_as_root=True)

    def serve():
        done = machine.adopt("--write", str(machine.new))
        assert done.returncode == 0, done.stderr
        logins = make_auth(starts_as_root=True)
        return (machine.serve(daemon, "lmtpd", "dovecot-lmtp"),
                machine.serve(logins, "auth", "auth"))

    serve.daemon = daemon
    return serve


def delivers(daemon, address, mailbox, path):
    with daemon.session() as session:
        [reply] = session.deliver(address)
    assert reply.status == "250 2.0.0"
    return len(list((daemon.vhosts / mailbox / path / "new").iterdir()))


def logs_in(logins, user, password):
    with logins.client() as client:
        return client.plain(user, password).verb == "OK"


# --- the machines ------------------------------------------------------------

def write_guide(machine, **values):
    values = {"host": "127.0.0.1", "name": "mailserver", "user": "mailuser", "password": PASSWORD,
              "vhosts": "/var/mail/vhosts", "uid": "vmail", "gid": "vmail", "queue": None, **values}
    machine.write_dovecot(
        GUIDE_SQL.format(**values), queue=values["queue"],
        userdb="driver = static\n  args = uid={uid} gid={gid} home={vhosts}/%d/%n".format(**values))


@pytest.mark.quick
def test_the_guide_s_machine_is_the_default(machine):
    """But for the passwords, and what must be granted."""
    machine.write_maps(GUIDE_MAPS, queue_directory="/var/spool/postfix")
    write_guide(machine, queue="/var/spool/postfix")
    mail, logins, errors = machine.printed()
    for text, name in ((mail, "lmtpd"), (logins, "auth")):
        assert said(text) == [
            "mysql {",
            f'  password_file = "${{CREDENTIALS_DIRECTORY:-/usr/local/etc/lmtpd}}/{name}.password"',
            "}"], text
    assert "GRANT SELECT (email) ON mailserver.virtual_users TO 'mailuser'@'localhost';" in mail
    assert "GRANT SELECT (destination, source) ON mailserver.virtual_aliases" in mail
    assert "GRANT SELECT (email, password) ON mailserver.virtual_users" in logins
    [warning] = errors.splitlines()
    assert "mailuser would serve both daemons" in warning


@pytest.mark.quick
def test_guide(machine, served, database):
    machine.write_maps(GUIDE_MAPS, host=f"127.0.0.1:{database.port}")
    write_guide(machine, host=f"127.0.0.1 port={database.port}", user="mailauth",
                password=AUTH_PASSWORD, vhosts=served.daemon.vhosts, uid=MAIL_ID, gid=MAIL_GROUP)
    assert machine.printed()[2] == ""
    daemon, logins = served()
    assert delivers(daemon, "alias+detail@example.com", "example.com/email1", "Maildir") == 1
    assert logs_in(logins, EMAIL1, PASSWORD1)
    assert not logs_in(logins, EMAIL1, "wrong")
    assert daemon.run("--quota").stdout.count("@example.com") == 2


def test_ispmail(machine, served, database):
    """Two maps of aliases, a home that user_query says, and a quota, which is named."""
    database.sql("ALTER TABLE virtual_users ADD quota INT NOT NULL DEFAULT 0")
    machine.write_maps({**GUIDE_MAPS, "virtual_alias_maps": [
        GUIDE_MAPS["virtual_alias_maps"], "SELECT email FROM virtual_users WHERE email='%s'"]},
        host=f"127.0.0.1:{database.port}")
    machine.write_dovecot(
        ISPMAIL_SQL.format(port=database.port, name="mailserver", password=AUTH_PASSWORD,
                           vhosts=served.daemon.vhosts, uid=MAIL_ID, gid=MAIL_GROUP),
        userdb=f"driver = sql\n  args = {machine.sql}", more="mail_plugins = quota\nplugin {\n"
        "  quota = maildir:User quota\n}\n")
    mail, logins, errors = machine.printed()
    assert "_query" not in "".join(said(mail) + said(logins))
    assert [re.sub(r"\S*/", "", line) for line in errors.splitlines()] == [
        "lmtpd: lmtpd.conf: dovecot-sql.conf.ext:10: concat('*:bytes=', quota) AS quota_rule is of "
        "each row: let a column `quota_bytes` of mysql.user_query say the limit",
        "lmtpd: lmtpd.conf: doveconf -N: quota: let columns `quota_bytes` and `quota_messages` of "
        "mysql.user_query say the limits; lmtpd.conf(5), section quota"]
    daemon, logins = served()
    assert delivers(daemon, EMAIL1, "example.com/email1", "Maildir") == 1
    assert logs_in(logins, EMAIL1, PASSWORD1)


def test_postfixadmin(machine, served, database):
    """Maps by proxymap, with JOIN; the alias domains are left for the admin."""
    database.sql("CREATE DATABASE postfix", database="")
    database.database = "postfix"
    panel = PostfixAdmin(database, "'mailuser'@'127.0.0.1'")
    try:
        database.sql("GRANT SELECT ON postfix.* TO 'mailauth'@'127.0.0.1'")
        panel.add_domain("example.com")
        panel.add_mailbox("ann@example.com")
        panel.add_mailbox("old@example.com", active=0)
        panel.add_alias("info@example.com", "ann@example.com")
        database.sql("UPDATE mailbox SET password = (SELECT password FROM "
                     "mailserver.virtual_users LIMIT 1)")
        joined = "JOIN domain ON domain.domain = alias.domain"
        machine.write_maps({
            "virtual_mailbox_domains": "SELECT domain FROM domain WHERE domain='%s' AND active = '1' "
                                       "AND backupmx = '0'",
            "virtual_mailbox_maps": "SELECT maildir FROM mailbox WHERE username='%s' AND active = '1'",
            "virtual_alias_maps": [
                f"SELECT goto FROM alias {joined} WHERE alias.address='%s' AND alias.active = '1'",
                "SELECT goto FROM alias,alias_domain WHERE alias_domain.alias_domain = '%d' and "
                "alias.address = CONCAT('%u', '@', alias_domain.target_domain)"]},
            prefix="proxy:mysql:", database="postfix", host=f"127.0.0.1:{database.port}")
        machine.write_dovecot(
            POSTFIXADMIN_SQL.format(port=database.port, name="postfix", password=AUTH_PASSWORD,
                                    vhosts=served.daemon.vhosts, uid=MAIL_ID, gid=MAIL_GROUP),
            userdb=f"driver = sql\n  args = {machine.sql}")
        mail, _, errors = machine.printed()
        assert ('user_query = "SELECT username FROM mailbox WHERE username=\'%u\' AND '
                'active = \'1\'"') in mail
        assert 'users_query = "SELECT username FROM mailbox WHERE active = \'1\'"' in mail
        assert "GRANT SELECT ON postfix.alias TO" in mail
        [note] = errors.splitlines()
        assert "virtual_alias_maps1.cf:5: SELECT goto FROM alias,alias_domain" in note
        daemon, logins = served()
        assert delivers(daemon, "info@example.com", "example.com/ann", "") == 1
        assert logs_in(logins, "ann@example.com", PASSWORD1)
        assert not logs_in(logins, "old@example.com", PASSWORD1)
        assert daemon.run("--check", "old@example.com").returncode == 67
    finally:
        panel.revoke()
        database.sql("REVOKE SELECT ON postfix.* FROM 'mailauth'@'127.0.0.1'")
        database.sql("DROP DATABASE postfix", database="")
        database.database = "mailserver"


def test_several_passdbs(machine, served, database, auth_binary):
    """Passwords of all of them are tried; those of another account's are for the admin."""
    database.sql("CREATE TABLE app_passwords (email VARCHAR(100), hash VARCHAR(255), note VARCHAR(64));"
                 "GRANT SELECT ON app_passwords TO 'mailauth'@'127.0.0.1'")
    try:
        for note, word in (("telephone", "of-the-telephone"), ("tablet", "of-the-tablet")):
            made = run(auth_binary, "--hash", input=f"{word}\n").stdout.strip()
            database.sql(f"INSERT INTO app_passwords VALUES ('{EMAIL1}', '{made}', '{note}')")
        machine.write_maps(GUIDE_MAPS, host=f"127.0.0.1:{database.port}")
        write_guide(machine, host=f"127.0.0.1 port={database.port}", user="mailauth",
                    password=AUTH_PASSWORD, vhosts=served.daemon.vhosts, uid=MAIL_ID, gid=MAIL_GROUP)
        sql = machine.sql.read_text()
        query = "SELECT email AS user, hash AS password, note AS label FROM app_passwords WHERE email = '%u'"
        app, other = (machine.sql.with_name(name) for name in ("app.ext", "other.ext"))
        app.write_text(re.sub("password_query = .*", f"password_query = {query}", sql))
        other.write_text(app.read_text().replace("user=mailauth", "user=somebody"))
        with (machine.dovecot / "dovecot.conf").open("a") as config:
            for path in (app, other):
                config.write(f"passdb {{\n  driver = sql\n  args = {path}\n}}\n")
        [note] = machine.printed()[2].splitlines()
        assert "other.ext:2: it has another server, database or user than the passdb before" in note
        _, logins = served()
        for word in (PASSWORD1, "of-the-telephone", "of-the-tablet"):
            assert logs_in(logins, EMAIL1, word)
        assert not logs_in(logins, EMAIL1, "wrong")
        logged = logins.log(event="auth", result="ok")
        assert [line.get("label") for line in logged] == [None, "telephone", "tablet"]
    finally:
        database.sql("DROP TABLE app_passwords; REVOKE SELECT ON app_passwords FROM 'mailauth'@'127.0.0.1'")


# As people have it who let Dovecot run scripts, with before, after and default.
SIEVE = """
protocol lmtp {
  mail_plugins = sieve
  lda_mailbox_autocreate = yes
}
submission_host = 127.0.0.1:10026
namespace inbox {
  inbox = yes
  separator = /
  mailbox Spam {
    auto = subscribe
    special_use = \\Junk
  }
  mailbox Trash {
    special_use = \\Trash
  }
}
plugin {
  sieve = file:%h/scripts;active=~/.active.sieve
  sieve_before = file:/etc/spam/before;name=x
  sieve_before2 = /etc/spam/b2.sieve
  sieve_before4 = /etc/spam/never
  sieve_after = /etc/spam/after
  sieve_default = /etc/spam/default.sieve
  sieve_default_name = roundcube
  sieve_global = /etc/spam/global
  sieve_discard = /etc/spam/discard.sieve
  sieve_vacation_send_from_recipient = yes
  sieve_vacation_dont_check_recipient = yes
  sieve_vacation_min_period = 5s
  sieve_vacation_default_period = 3d
  sieve_vacation_max_period = 30d
  sieve_redirect_envelope_from = <srs@example.com>
  sieve_max_redirects = 100
  sieve_max_actions = 101
  sieve_spamtest_status_type = score
  sieve_spamtest_status_header = X-Spam-Score: (-?[0-9.]+)
  sieve_spamtest_max_value = 15
  sieve_extensions = +notify +editheader +vnd.dovecot.pipe
  sieve_plugins = sieve_imapsieve sieve_extprograms
  sieve_pipe_bin_dir = /usr/lib/sieve
  sieve_trace_level = matching
}
"""


@pytest.mark.quick
def test_scripts(machine):
    machine.write_maps(GUIDE_MAPS, queue_directory="/var/spool/postfix")
    write_guide(machine, queue="/var/spool/postfix")
    with (machine.dovecot / "dovecot.conf").open("a") as config:
        config.write(SIEVE)
    mail, _, errors = machine.printed()
    lines = said(mail)
    section = lines[lines.index("sieve {") + 1:]
    assert section[:section.index("}")] == [
        "  enabled = yes", '  storage = "~/scripts"', '  active = "~/.active.sieve"',
        '  before = {"/etc/spam/before", "/etc/spam/b2.sieve"}', '  after = {"/etc/spam/after"}',
        '  default = "/etc/spam/default.sieve"', '  global = "/etc/spam/global"', "  autocreate = yes",
        '  submission = "inet:127.0.0.1:10026"', '  redirect_from = "srs@example.com"',
        "  redirects_max = 64", '  vacation_from = "recipient"', "  vacation_check_recipient = no",
        "  vacation_days_default = 3", "  vacation_days_min = 0", "  vacation_days_max = 30",
        '  spamtest_header = "X-Spam-Score: (-?[0-9.]+)"', '  spamtest_max = "15"']
    section = lines[lines.index("maildir {") + 1:]
    assert section[:section.index("}")] == [
        '  separator = "/"', '  auto = {"Spam"}',
        '  special_use = {"\\\\Junk=Spam", "\\\\Trash=Trash"}']
    named = [line.split("doveconf -N: ")[1] for line in errors.splitlines() if "sieve" in line]
    assert sorted(line.split(":")[0] for line in named) == [
        "sieve_before4", "sieve_discard", "sieve_extensions has notify",
        "sieve_extensions has vnd.dovecot.pipe",
        "sieve_max_actions = 101", "sieve_max_redirects = 100", "sieve_plugins has sieve_extprograms",
        "sieve_trace_level = matching", "sieve_vacation_min_period = 5s"]


def test_scripts_without_the_plugin(machine):
    """Settings alone run nothing."""
    machine.write_maps(GUIDE_MAPS, queue_directory="/var/spool/postfix")
    write_guide(machine, queue="/var/spool/postfix")
    with (machine.dovecot / "dovecot.conf").open("a") as config:
        config.write("plugin {\n  sieve = ~/x.sieve\n  sieve_before = /x\n}\nprotocol lda {\n"
                     "  mail_plugins = sieve\n}\n")
    mail, _, errors = machine.printed()
    assert "sieve" not in mail and "sieve" not in errors


def test_scripts_that_run(machine, served, database):
    """A script that Dovecot's LMTP runs before those of users does what it did, in the configuration that was written."""
    machine.write_maps(GUIDE_MAPS, host=f"127.0.0.1:{database.port}")
    write_guide(machine, host=f"127.0.0.1 port={database.port}", user="mailauth",
                password=AUTH_PASSWORD, vhosts=served.daemon.vhosts, uid=MAIL_ID, gid=MAIL_GROUP)
    script = machine.postfix.etc.parent / "before.sieve"
    script.write_text('require ["fileinto"];\nfileinto "Filed";\n')
    script.chmod(0o644)
    script.parent.chmod(0o755)
    with (machine.dovecot / "dovecot.conf").open("a") as config:
        config.write("protocol lmtp {\n  mail_plugins = sieve\n  lda_mailbox_autocreate = yes\n}\n"
                     f"plugin {{\n  sieve_before = {script}\n}}\n")
    assert machine.printed()[2] == ""
    daemon, _ = served()
    assert delivers(daemon, EMAIL1, "example.com/email1", "Maildir/.Filed") == 1


# --- what has no translation ---------------------------------------------------

def test_what_is_named(machine):
    machine.write_maps(
        {**GUIDE_MAPS, "virtual_mailbox_maps": "SELECT 1 FROM u WHERE a='%s' OR b='%s'"},
        virtual_transport="virtual", smtpd_sasl_type="cyrus", recipient_delimiter="+-",
        virtual_alias_maps="hash:/etc/aliases, mysql:/nonexistent.cf")
    machine.write_dovecot("driver = mysql\n", userdb="driver = passwd", location="mbox:~/mail")
    mail, logins, errors = machine.printed()
    assert '  recipient_delimiter = "+-"' in said(mail)
    for part in ("virtual_mailbox_maps0.cf:5: SELECT 1 FROM u WHERE a='%s' OR b='%s': its conditions "
                 "are joined by OR: set mysql.user_query by hand",
                 "virtual_transport = virtual hands no mail over by LMTP",
                 "virtual_alias_maps has hash:/etc/aliases", "/nonexistent.cf: No such file",
                 "virtual_alias_maps gives no query", "does not say where each user's INBOX is",
                 "# NOT TRANSLATED: "):
        assert part in mail, part
    for part in ("smtpd_sasl_type = cyrus", "there is no query of passwords", "it has no password",
                 "scheme of passwords without a name is MD5"):
        assert part in logins, part
    assert errors.count("\n") == mail.count("NOT TRANSLATED") + logins.count("NOT TRANSLATED")


def test_who_is_not_root_reads_what_he_may(machine):
    machine.write_maps(GUIDE_MAPS)
    write_guide(machine)
    machine.postfix.etc.joinpath("virtual_mailbox_maps0.cf").chmod(0o600)
    done = machine.adopt(**as_user(MAIL_ID, MAIL_GROUP))
    assert done.returncode == 0, done.stderr
    assert "virtual_mailbox_maps0.cf: Permission denied: run this as root" in done.stderr
    assert "dovecot-sql.conf.ext: Permission denied: run this as root" in done.stderr


def test_neither_is_there(machine):
    machine.postfix.etc.joinpath("main.cf").unlink()
    done = machine.adopt()
    assert done.returncode == 78
    assert "nothing to adopt" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("path", ["/dev/zero", "/etc"])
def test_a_map_that_is_no_file(machine, path):
    machine.write_maps(GUIDE_MAPS, virtual_alias_maps=f"mysql:{path}")
    assert f"{path}: it is no regular file" in machine.printed()[0]


def test_a_map_that_is_too_large(machine):
    machine.write_maps(GUIDE_MAPS)
    machine.postfix.etc.joinpath("virtual_alias_maps0.cf").write_text("query = x\n" * 10000)
    assert "larger than 65536 bytes" in machine.printed()[0]


def test_text_that_would_be_something_else(machine):
    """Quotes, backslashes and variables of our own files, and what a terminal obeys."""
    evil = 'SELECT "${HOME}\\\\", \x1b[2J FROM u'
    machine.write_maps({**GUIDE_MAPS, "virtual_mailbox_maps":
                        "SELECT 1 FROM u WHERE email='%s' AND note <> \"${HOME}\\\\\"",
                        "virtual_mailbox_domains": evil})
    mail, _, errors = machine.printed()
    assert "\x1b" not in mail + errors
    assert r'note <> \"\${HOME}\\\\\""' in mail


# --- files -------------------------------------------------------------------

def test_files_that_are_written(machine):
    machine.write_maps(GUIDE_MAPS)
    write_guide(machine)
    done = machine.adopt("--write", machine.new)
    assert done.returncode == 0, done.stderr
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in machine.new.iterdir()}
    assert modes == {"lmtpd.conf": 0o644, "auth.conf": 0o644, "lmtpd.password": 0o600,
                     "auth.password": 0o600}
    assert (machine.new / "lmtpd.password").read_text() == f"{PASSWORD}\n"
    assert f"lmtpd -c {machine.new}/lmtpd.conf --check" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["lmtpd.conf", "auth.conf", "lmtpd.password", "auth.password"])
def test_nothing_is_written_over_a_file(machine, name):
    machine.write_maps(GUIDE_MAPS)
    write_guide(machine)
    machine.new.mkdir()
    (machine.new / name).symlink_to("/nonexistent")
    done = machine.adopt("--write", machine.new)
    assert done.returncode == 73
    assert f"{name}: File exists" in done.stderr
    assert [path.name for path in machine.new.iterdir()] == [name]


@pytest.mark.parametrize("arguments", [
    ["--write", "/tmp/x", "--check"], ["--write", "/tmp/x"], ["--adopt", "--json"], ["--adopt", "x"],
])
def test_misuse(binary, arguments):
    assert run(binary, *arguments).returncode == 64
