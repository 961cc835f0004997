"""A site of two nodes, as docs/nodes.md sets it up: each an lmtpd with mail of its own, behind one
Postfix that asks the tables which of them a mailbox is on."""

import itertools
import random
import re
import smtplib
import threading
import time

from harness.audit import Audit, Ledger
from harness.dovecot import Dovecot, is_2_4
from harness.load import Letter
from harness.manual import Manual
from harness.postfix import Postfix
from harness.process import answers, wait_until

PAGE = "nodes.md"
NODES = ("n1", "n2")
LMTPD_ACCOUNTS = ("'mailuser'@'localhost'", "'mailuser'@'127.0.0.1'")
AUTH_ACCOUNTS = ("'mailauth'@'localhost'", "'mailauth'@'127.0.0.1'")

# What the page sets to seconds, shorter; and the pauses of Postfix between two tries.
SETTINGS = """\
virtual_transport = lmtp:unix:private/n1
lmtp_connect_timeout = 1s
lmtp_lhlo_timeout = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""

LETTER = re.compile(r"postfix/cleanup\[\d+\]: (\w+): message-id=<([^@>]*)@")
# Postfix got no answer to a whole message: it may be stored, and is sent again.
DOUBT = re.compile(r"postfix/lmtp\[\d+\]: (\w+): to=<([^>]*)>,.*message may be sent more than once")


def make_tables(database):
    """The statements of the page; returns those that undo them."""
    database.sql(Manual(PAGE, "The tables").block("CREATE TABLE nodes"))
    undo = [
        f"REVOKE SELECT (name, {column}) ON mailserver.nodes FROM {', '.join(accounts)}; "
        f"REVOKE SELECT (node, moving) ON mailserver.virtual_users FROM {', '.join(accounts)}"
        for column, accounts in (("nexthop", LMTPD_ACCOUNTS), ("address", AUTH_ACCOUNTS))]
    return "; ".join([
        *undo,
        "ALTER TABLE virtual_users DROP CONSTRAINT virtual_users_node, DROP COLUMN node, "
        "DROP COLUMN moving",
        "DROP TABLE nodes"])


def box(address):
    """Its path below the mail root."""
    local, domain = address.split("@")
    return f"{domain}/{local}"


class NodesPostfix(Postfix):
    """Its transport_maps are those of the page."""

    def write(self):
        super().write()
        self.write_map("transport-maps", Manual(PAGE, "Postfix").value("query"))
        self.add_settings(SETTINGS + f"transport_maps = mysql:{self.base}/etc/mysql-virtual-transport-maps.cf\n")
        # A message that is still locked when it is to be tried again waits for the next that comes
        # in, or for this clock.
        master = self.base / "etc/master.cf"
        text = master.read_text()
        assert text.count("qmgr unix n - n 300 1 qmgr") == 1
        master.write_text(text.replace("n 300 1 qmgr", "n 1 1 qmgr"))


class NodeDovecot(Dovecot):
    """The Dovecot of a node, by its address; all have the same ports, which a proxy must be told
    here. What is not the guide's is the page's."""

    def __init__(self, base, database, vhosts, address, ports):
        super().__init__(base, database, vhosts)
        self.address = address
        config = self.config_path.read_text()
        for key, was, now in (("listen", "127.0.0.1", address), ("port", self.imap_port, ports[0]),
                              ("port", self.pop3_port, ports[1])):
            assert config.count(f"{key} = {was}\n") == 1
            config = config.replace(f"{key} = {was}\n", f"{key} = {now}\n")
        network = Manual(PAGE, "Dovecot").value("login_trusted_networks")
        self.config_path.write_text(
            f"{config}\nlogin_trusted_networks = {network.replace('10.0.0.0', '127.0.0.0')}\n")
        self.imap_port, self.pop3_port = ports
        query = Manual(PAGE, "Dovecot").block("password_query")
        assert "n.address AS host" in query
        port = f"IF('%s' = 'imap', {ports[0]}, {ports[1]}) AS port"
        self.replace_query(query.replace("n.address AS host", f"n.address AS host, {port}"))

    def replace_query(self, query):
        path, key = self.config_path.parent / "dovecot-sql.conf.ext", "password_query = "
        if is_2_4():
            path, key = self.config_path, "  query = "
            for was, now in (("password_query = ", key), ("%u", "%{user}"), ("%s", "%{protocol}")):
                query = query.replace(was, now)
        head, _, tail = path.read_text().partition(key)
        path.write_text(head + query + tail.partition("\n")[2])

    def is_answering(self):
        return all(answers(port, self.address) for port in (self.imap_port, self.pop3_port))


class Sender(threading.Thread):
    """Hands letters to Postfix, one after the other, each for one of the addresses."""

    def __init__(self, site, number, addresses, ending):
        super().__init__(daemon=True)
        self.site, self.addresses, self.ending = site, addresses, ending
        self.rng = random.Random(number)
        self.error = None

    def run(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.site.postfix.port, timeout=60) as client:
                client.ehlo("client.example.net")
                while not self.ending.is_set():
                    self.site.send(client, [self.rng.choice(self.addresses)], self.rng)
                    time.sleep(self.rng.uniform(0, 0.06))
        except Exception as error:  # told to whoever waits for the flow
            self.error = error


class Flow:
    """Mail for these addresses as long as the block runs."""

    def __init__(self, site, addresses):
        self.ending = threading.Event()
        numbers = [next(site.senders) for _ in range(3)]
        self.senders = [Sender(site, number, addresses, self.ending) for number in numbers]

    def __enter__(self):
        for sender in self.senders:
            sender.start()

    def __exit__(self, kind, *_):
        self.ending.set()
        for sender in self.senders:
            sender.join(120)
        if kind is None:
            errors = [sender.error for sender in self.senders if sender.error]
            assert errors == [] and not any(sender.is_alive() for sender in self.senders)


class Site:
    """nodes: name to lmtpd. Everything that is sent stands in its books."""

    def __init__(self, postfix, database, nodes):
        self.postfix, self.database, self.nodes = postfix, database, nodes
        self.n_logged = len(postfix.log())
        self.letters = itertools.count(1)
        self.senders = itertools.count(1)
        self.ledger = Ledger()

    def add_mailbox(self, address, node):
        self.database.add_user(address)
        self.database.sql(f"UPDATE virtual_users SET node = '{node}' WHERE email = '{address}'")

    def nodes_of(self):
        """{mailbox: node}"""
        return {box(email): node
                for email, node in self.database.sql("SELECT email, node FROM virtual_users")}

    def send(self, client, addresses, rng, to=None):
        """One letter that shall reach these mailboxes; to: what is written on it, if not them."""
        letter = Letter(f"letter{next(self.letters)}", rng, {})
        self.ledger.post(letter.id, letter.body)
        client.sendmail("sender@example.net", to or addresses, letter.bytes)
        self.ledger.settle(letter.id, [box(address) for address in addresses])

    def send_some(self, addresses, n, to=None):
        rng = random.Random(next(self.senders))
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as client:
            client.ehlo("client.example.net")
            for _ in range(n):
                self.send(client, addresses, rng, to)

    def flow(self, *addresses):
        return Flow(self, addresses)

    def log(self):
        """Of Postfix, since this site was made."""
        return self.postfix.log()[self.n_logged:]

    def count(self, node, address=None):
        """Messages that lie on a node, for all or for one mailbox."""
        reached = self.nodes[node].reached()
        return sum(n for name, n in reached.items() if address is None or name == box(address))

    def wait_for_more(self, node, n, address=None, seconds=120):
        """Waits until n more have come."""
        before = self.count(node, address)
        wait_until(lambda: self.count(node, address) >= before + n, seconds, f"mail on {node}")

    def wait_for_log(self, *words, n=1, seconds=120):
        """Waits until n more lines of Postfix's log have all of these words."""
        def count():
            return sum(all(word in line for word in words) for line in self.log().splitlines())

        before = count()
        wait_until(lambda: count() >= before + n, seconds, f"{words} in the log of Postfix")

    def _doubts(self):
        """(mailbox, letter): Postfix itself says that it may have been stored once more."""
        letters = {}
        for qid, letter in LETTER.findall(self.log()):
            letters.setdefault(qid, []).append(letter)
        return [(box(address), letter) for qid, address in DOUBT.findall(self.log())
                for letter in letters[qid]]

    def assert_all_well(self, has_doubts=False, seconds=180):
        """Nothing waits any more, nothing was refused, and every letter lies once on its mailbox's
        node and nowhere else. has_doubts: the kill of a node may make one come twice."""
        wait_until(lambda: self.postfix.queue() == [], seconds, "an empty queue")
        assert "status=bounced" not in self.log()
        doubts = self._doubts()
        assert has_doubts or doubts == []
        owners = self.nodes_of()
        for name, node in self.nodes.items():
            books = Ledger()
            books.digests = self.ledger.digests
            books.saved = [entry for entry in self.ledger.saved if owners[entry[0]] == name]
            books.doubtful = [entry for entry in doubts if owners[entry[0]] == name]
            Audit(node.vhosts, books).assert_clean()
            assert node.log(event="delivery", status="rejected") == []
