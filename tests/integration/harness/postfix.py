"""A private Postfix, configured as the widespread guide configures it.

Its queue, its configuration and its ports are its own; /etc/postfix is not read. Only lmtpd's
socket can be delivered to: every other transport discards or refuses.
"""

import os
import pwd
import re
import smtplib
from pathlib import Path

from harness.mariadb import PASSWORD
from harness.process import answers, free_port, run, run_checked, wait_until

# Seconds. A process of before a reload stays as long as a client keeps its connection, as lmtpd does for 30.
PATIENCE = 120

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {base}/spool
data_directory = {base}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {base}/log/mail.log
maillog_file_prefixes = {base}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = yes

default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
local_transport = discard
notify_classes =
bounce_queue_lifetime = 0
disable_dns_lookups = yes
smtpd_peername_lookup = no

minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s

smtpd_banner = $myhostname ESMTP $mail_name
biff = no
append_dot_mydomain = no
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
myhostname = host.example.com
alias_maps =
alias_database =
myorigin = host.example.com
mydestination = localhost
relayhost =
mynetworks = 127.0.0.0/8
mailbox_size_limit = 0
recipient_delimiter = +
virtual_transport = lmtp:unix:private/dovecot-lmtp
virtual_mailbox_domains = mysql:{base}/etc/mysql-virtual-mailbox-domains.cf
virtual_mailbox_maps = mysql:{base}/etc/mysql-virtual-mailbox-maps.cf
virtual_alias_maps = mysql:{base}/etc/mysql-virtual-alias-maps.cf
message_size_limit = 52428800
virtual_mailbox_limit = 0
"""

MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

MAPS = {
    "mailbox-domains": "SELECT 1 FROM virtual_domains WHERE name='%s'",
    "mailbox-maps": "SELECT 1 FROM virtual_users WHERE email='%s'",
    "alias-maps": "SELECT destination FROM virtual_aliases WHERE source='%s'",
}

DELIVERY = re.compile(
    r"postfix/(?P<service>\w+)\[\d+\]: (?P<qid>[0-9A-F]+): to=<(?P<to>[^>]*)>,"
    r".* dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<said>.*)\)"
)


# Of main.cf, with the lines that go on with it.
SETTING = re.compile(r"^(\w+) *=.*\n(?:[ \t].*\n)*", re.MULTILINE)


def with_settings(main_cf, lines):
    """It with these lines, instead of those that it had of the same names."""
    names = {setting[1] for setting in SETTING.finditer(lines)}
    return SETTING.sub(lambda setting: "" if setting[1] in names else setting[0], main_cf) + lines


class Postfix:
    def __init__(self, base, database):
        self.base = base
        self.database = database
        self.port = free_port()
        self.log_path = base / "log/mail.log"
        self.lmtp_socket = base / "spool/private/dovecot-lmtp"

    def write(self):
        """The files of etc/."""
        (self.base / "etc/main.cf").write_text(MAIN_CF.format(base=self.base))
        (self.base / "etc/master.cf").write_text(MASTER_CF.format(port=self.port))
        for name, query in MAPS.items():
            self.write_map(name, query)
        # Modules of Debian's packages (the mysql: maps) are found through these files.
        for name in ("dynamicmaps.cf", "dynamicmaps.cf.d"):
            (self.base / "etc" / name).symlink_to(f"/etc/postfix/{name}")

    def add_settings(self, lines):
        """For write(): main.cf with them."""
        path = self.base / "etc/main.cf"
        path.write_text(with_settings(path.read_text(), lines))

    def write_map(self, name, query):
        (self.base / f"etc/mysql-virtual-{name}.cf").write_text(
            f"user = mailuser\npassword = {PASSWORD}\nhosts = 127.0.0.1:{self.database.port}\n"
            f"dbname = mailserver\nquery = {query}\n"
        )

    def start(self):
        for name in ("etc", "spool", "data", "log"):
            (self.base / name).mkdir(parents=True)
        os.chown(self.base / "data", pwd.getpwnam("postfix").pw_uid, -1)
        self.write()
        # Each process would wait until the file has been left alone for two seconds.
        os.utime(self.base / "etc/main.cf", (0, 0))
        self._postfix("start")
        wait_until(lambda: answers(self.port), PATIENCE, "start of Postfix")

    def stop(self):
        if run("postfix", "-c", self.base / "etc", "status", timeout=PATIENCE).returncode == 0:
            self._postfix("stop")

    def _postfix(self, verb):
        # Each process would warn of a name that stands twice. The one that writes the log would do so, too, into a socket that it
        # alone empties: if others have filled it, all of Postfix stands still.
        names = [setting[1] for setting in SETTING.finditer((self.base / "etc/main.cf").read_text())]
        assert len(names) == len(set(names)), names
        run_checked("postfix", "-c", self.base / "etc", verb, timeout=PATIENCE)

    def reset(self):
        """An empty queue, and a fresh view of what can be reached."""
        run_checked("postsuper", "-c", self.base / "etc", "-d", "ALL")
        self.reload()

    def configure(self, name, text):
        """Makes that the file of etc/, from one moment to the next: who reads half a main.cf uses another Postfix's queue."""
        path = self.base / "etc" / name
        new = path.with_suffix(".new")
        new.write_text(text)
        os.utime(new, (0, 0))  # as in start()
        new.rename(path)
        self.reload()

    def _children(self):
        """The processes that the master runs."""
        master = (self.base / "spool/pid/master.pid").read_text().strip()
        return set(Path(f"/proc/{master}/task/{master}/children").read_text().split())

    def reload(self):
        """Forgets which servers failed: the map client shuns a failed database for a minute. A process
        of before the reload remembers, and may still take a request."""
        before = self._children()
        self._postfix("reload")
        wait_until(lambda: not before & self._children(), PATIENCE, "end of the old processes")
        wait_until(lambda: answers(self.port), PATIENCE, "reload of Postfix")

    def flush(self):
        """Tries the whole queue now."""
        run_checked("postqueue", "-c", self.base / "etc", "-f")

    def queue(self):
        """The ids of the messages in the queue."""
        listing = run_checked("postqueue", "-c", self.base / "etc", "-j")
        return re.findall(r'"queue_id": "(\w+)"', listing)

    def send(self, recipients, message, sender="sender@example.net", options=()):
        """Hands a message in over SMTP and returns its queue id."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("client.example.net")
            code, text = client.mail(sender, list(options))
            assert code == 250, text
            for recipient in recipients:
                code, text = client.rcpt(recipient)
                assert code == 250, text
            code, text = client.data(message)
            assert code == 250, text
            return re.search(r"queued as (\w+)", text.decode())[1]

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def deliveries(self, qid, status=None):
        """The outcomes that Postfix logged for a message: dicts of DELIVERY."""
        found = [match.groupdict() for match in DELIVERY.finditer(self.log())
                 if match["qid"] == qid]
        return [row for row in found if status in (None, row["status"])]

    def wait_until_sent(self, qid, n=1, seconds=60):
        """Waits until the message has left the queue, and returns its n deliveries."""
        wait_until(lambda: f"{qid}: removed" in self.log(), seconds, f"end of {qid} in the queue")
        sent = self.deliveries(qid, "sent")
        assert len(sent) == n, self.deliveries(qid)
        return sent

    def wait_until_deferred(self, qid, seconds=60):
        return wait_until(lambda: self.deliveries(qid, "deferred"), seconds, f"deferral of {qid}")
